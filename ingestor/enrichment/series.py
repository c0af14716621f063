"""Which series a state belongs to: the tags from its attributes and from the registries, and its unit's conversion."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from ingestor.enrichment.units import CANONICAL, UNKNOWN_UNIT, Conversion, conversion
from ingestor.homeassistant.registry import Registry
from ingestor.model.records import Series

NO_ATTRIBUTES = "{}"


class _Tags(Struct):
    """The attributes that become tags. Their types are the integration's affair: only text is taken."""

    friendly_name: Any = None
    unit_of_measurement: Any = None
    device_class: Any = None
    state_class: Any = None


_decoder = msgspec.json.Decoder(_Tags)


class Described(Struct, frozen=True):
    """A series with the text and the registries it was made of, so that the same ones need no second look."""

    series: Series
    conversion: Conversion
    attributes: str = ""
    registry: Registry | None = None


def describe(home: str, entity_id: str, attributes: str, registry: Registry, last: Described | None) -> Described:
    """Return the series of an entity with these attributes; `last` is reused where nothing changed."""
    if last is not None and last.attributes == attributes and last.registry is registry:
        return last
    series, units = _tagged(home, entity_id, attributes, registry.area(entity_id))
    if last is not None and last.series == series:
        series = last.series
    return Described(series, units, attributes, registry)


def described_as(series: Series) -> Described:
    """Return a series whose attributes are not known any more; numbers convert as its tags say."""
    return Described(series, conversion(series.unit, series.device_class))


def redescribe(frozen: Series, attributes: str) -> Described:
    """Return a series with the tags that these attributes of the recorder give, and how their numbers convert.

    The area stays. The recorder keeps attributes of more than 16 KiB as `{}`: then every tag stays, and a number in a
    unit that may have been converted has no value.
    """
    if attributes == NO_ATTRIBUTES:
        return Described(frozen, UNKNOWN_UNIT if frozen.unit in CANONICAL else Conversion(frozen.unit), attributes)
    series, units = _tagged(frozen.home, frozen.entity_id, attributes, frozen.area)
    return Described(frozen if series == frozen else series, units, attributes)


def _tagged(home: str, entity_id: str, attributes: str, area: str | None) -> tuple[Series, Conversion]:
    tags = _decoder.decode(attributes)
    device_class = _text(tags.device_class)
    units = conversion(_text(tags.unit_of_measurement), device_class)
    series = Series(
        home=home,
        entity_id=entity_id,
        domain=entity_id.partition(".")[0],
        device_class=device_class,
        state_class=_text(tags.state_class),
        area=area,
        friendly_name=_text(tags.friendly_name),
        unit=units.unit,
    )
    return series, units


def _text(attribute: object) -> str | None:
    return attribute if isinstance(attribute, str) and attribute else None
