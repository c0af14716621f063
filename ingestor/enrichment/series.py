"""Which series a state belongs to: the tags from its attributes and from the registries, and its unit's conversion."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from ingestor.enrichment.units import CANONICAL, Conversion, conversion
from ingestor.homeassistant.registry import Registry
from ingestor.model.records import Series


class _Tags(Struct):
    """The attributes that become tags. Their types are the integration's affair: only text is taken."""

    friendly_name: Any = None
    unit_of_measurement: Any = None
    device_class: Any = None
    state_class: Any = None


_decoder = msgspec.json.Decoder(_Tags)


class Described(Struct, frozen=True, gc=False):
    """A series with what it was made of, so that the same attributes need no second look."""

    series: Series
    conversion: Conversion
    attributes: str
    registry: Registry


def describe(home: str, entity_id: str, attributes: str, registry: Registry, last: Described | None) -> Described:
    """Return the series of an entity with these attributes; `last` is reused where nothing changed."""
    if last is not None and last.attributes == attributes and last.registry is registry:
        return last
    tags = _decoder.decode(attributes)
    device_class = _text(tags.device_class)
    units = conversion(_text(tags.unit_of_measurement), device_class)
    series = Series(
        home=home,
        entity_id=entity_id,
        domain=entity_id.partition(".")[0],
        device_class=device_class,
        state_class=_text(tags.state_class),
        area=registry.area(entity_id),
        friendly_name=_text(tags.friendly_name),
        unit=units.unit,
    )
    if last is not None and last.series == series:
        series = last.series
    return Described(series, units, attributes, registry)


def _text(attribute: object) -> str | None:
    return attribute if isinstance(attribute, str) and attribute else None


def retagged(frozen: Series, attributes: str) -> tuple[Series, Conversion | None]:
    """Return a series with the tags that these attributes of the recorder give, and how their numbers convert.

    The area stays. The recorder keeps attributes of more than 16 KiB as `{}`: then every tag stays, and a number in a
    unit that may have been converted has no value.
    """
    if attributes == "{}":
        return frozen, None if frozen.unit in CANONICAL else Conversion(frozen.unit)
    tags = _decoder.decode(attributes)
    device_class = _text(tags.device_class)
    units = conversion(_text(tags.unit_of_measurement), device_class)
    series = Series(
        home=frozen.home,
        entity_id=frozen.entity_id,
        domain=frozen.domain,
        device_class=device_class,
        state_class=_text(tags.state_class),
        area=frozen.area,
        friendly_name=_text(tags.friendly_name),
        unit=units.unit,
    )
    return (frozen if series == frozen else series), units
