"""The series of a state: its tags, from its attributes and from the registries, and how its states are read."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from ingestor.enrichment.attributes import NOTHING_KEPT, Attributes, Kept
from ingestor.enrichment.plan import Tags
from ingestor.enrichment.units import UNKNOWN_UNIT, Conversion, conversion, may_be_converted
from ingestor.enrichment.values import Reading, reading_of
from ingestor.homeassistant.registry import NOWHERE, Place, Registry
from ingestor.model.records import Series

NO_ATTRIBUTES = Raw(b"{}")


class Described(Struct, frozen=True, gc=False):
    """A series with what it was made of, so that the same needs no second look.

    `attributes` is a copy of what was sent, `kept` what is stored of it.
    """

    series: Series
    reading: Reading
    attributes: Raw = Raw()
    registry: Registry | None = None
    kept: Kept = NOTHING_KEPT
    place: Place = NOWHERE


class _Class(Struct):
    device_class: Any = None


_class = msgspec.json.Decoder(_Class).decode


def device_class(attributes: Raw) -> str:
    """Return the device class that attributes say; empty where they say none, or cannot be read."""
    try:
        return _text(_class(attributes).device_class) or ""
    except msgspec.MsgspecError:
        return ""


def describe(
    home: str, entity_id: str, attributes: Raw, registry: Registry, last: Described | None, wanted: Attributes
) -> Described:
    """Return the series of an entity with these attributes; `last` is reused where nothing changed."""
    if last is not None and last.registry is registry:
        if last.attributes == attributes:
            return last
        place = last.place
    else:
        place = registry.place(entity_id)
    before = last.kept if last is not None and last.place == place else NOTHING_KEPT
    attributes = attributes.copy()  # lest the whole message stays in memory
    domain = entity_id.partition(".")[0]
    kept = wanted.keep(domain, place.integration, attributes, registry.temperature_unit, before)
    if last is not None and before.tags == kept.tags:
        series, reading = last.series, last.reading
    else:
        series, reading = _tagged(home, entity_id, kept.tags, place)
        if last is not None and last.series == series:
            series = last.series
    return Described(series, reading, attributes, registry, kept, place)


def described_as(series: Series) -> Described:
    """Return a series whose attributes are not known any more; numbers convert as its tags say."""
    return Described(series, reading_of(series, conversion(series.unit, series.device_class)))


def forgets(series: Series, before: Series) -> bool:
    """Return whether a series lacks the unit or the device class that it had before."""
    lacks_unit = series.unit is None and before.unit is not None
    return lacks_unit or (series.device_class is None and before.device_class is not None)


def redescribe(
    frozen: Series,
    attributes: Raw,
    wanted: Attributes,
    temperature_unit: str | None = None,
    last: Described | None = None,
) -> Described:
    """Return a series with the tags that these attributes of the recorder give, and how their numbers convert.

    Area, floor and device stay. The recorder keeps attributes of more than 16 KiB as `{}`: then every tag stays, and a
    number in a unit that may have been converted has no value.
    """
    attributes = attributes.copy()
    kept = wanted.keep(frozen.domain, None, attributes, temperature_unit, NOTHING_KEPT if last is None else last.kept)
    if attributes == NO_ATTRIBUTES:
        is_unsure = may_be_converted(frozen.unit, frozen.device_class)
        units = UNKNOWN_UNIT if is_unsure else Conversion(frozen.unit)
        return Described(frozen, reading_of(frozen, units), attributes, kept=kept)
    place = Place(area=frozen.area, floor=frozen.floor, device=frozen.device)
    series, reading = _tagged(frozen.home, frozen.entity_id, kept.tags, place)
    return Described(frozen if series == frozen else series, reading, attributes, kept=kept)


def _tagged(home: str, entity_id: str, tags: Tags, place: Place) -> tuple[Series, Reading]:
    friendly_name, unit, device_class, state_class, timestamp = map(_decoded, tags)
    units = conversion(_text(unit), _text(device_class))
    series = Series(
        home=home,
        entity_id=entity_id,
        domain=entity_id.partition(".")[0],
        device_class=_text(device_class),
        state_class=_text(state_class),
        area=place.area,
        floor=place.floor,
        device=place.device,
        friendly_name=_text(friendly_name),
        unit=units.unit,
    )
    return series, reading_of(series, units, timestamp)


def _decoded(raw: Raw | None) -> Any:  # noqa: ANN401  any JSON value: their types are the integration's affair
    return None if raw is None else msgspec.json.decode(raw)


def _text(attribute: object) -> str | None:
    """Return a tag: only text is one."""
    return attribute if isinstance(attribute, str) and attribute else None
