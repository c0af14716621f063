"""The one table of the fields that both databases hold with each event, derived from the records.

Each attribute of `Series` (a tag), `Event`, `Details` and `WeatherObservation` that is annotated with `Stored` is one:

    illuminance: Annotated[float | None, Stored("the light in the room", unit="lx")] = None

The line encoder, the tables and views of SQLite, the reader of both stores and docs/schema.md derive from the table. So
a new field takes two places: this line, and the factory that knows its value (`make schema` then writes the page). It
needs a default, since the spool may hold records from before. A field never changes its name or its type.

Another program may write into our tables and measurements. `is_event` and `is_key` tell its rows from ours, for every
reader of both stores; they are skipped, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import NoneType
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from msgspec import Struct
from msgspec.structs import fields as attributes_of

from ingestor.model.instants import LAST_US, SECOND_US
from ingestor.model.records import Details, Event, Series, Stored, WeatherObservation

MAXIMUM_TAG_BYTES = 3_000  # ten tags, each character of them escaped, are less than the 65,535 bytes of a whole key

FieldType: TypeAlias = Literal["string", "float", "integer", "boolean"]
"""InfluxDB's words. A boolean is stored only when it is true."""

_BACKSLASH = "\N{FULLWIDTH REVERSE SOLIDUS}"
_TYPES: dict[type, FieldType] = {str: "string", float: "float", int: "integer", bool: "boolean"}


class Field(Struct, frozen=True, kw_only=True):
    """A field or tag of both databases: its `name` there, and the `attribute` that it is read from and put back to.

    That is an attribute of the series (for a tag), of the event, or of the record that the event holds as `part`.
    """

    name: str
    part: str
    attribute: str
    type: FieldType
    meaning: str
    unit: str


def stored(record: type[Struct], part: str = "", prefix: str = "") -> tuple[Field, ...]:
    """Return the fields of a record, in the order of its attributes."""
    fields: list[Field] = []
    for name, hint in get_type_hints(record, include_extras=True).items():
        for said in getattr(hint, "__metadata__", ()):
            if isinstance(said, Stored):
                fields += _fields(part, prefix, name, _given(hint), said)
    return tuple(fields)


def _fields(part: str, prefix: str, name: str, given: Any, said: Stored) -> tuple[Field, ...]:  # noqa: ANN401  it is a type
    if isinstance(given, type) and issubclass(given, Struct):
        return stored(given, part=name, prefix=said.prefix)
    type_ = "string" if get_origin(given) is Literal else _TYPES[given]
    return (Field(name=prefix + name, part=part, attribute=name, type=type_, meaning=said.meaning, unit=said.unit),)


def _given(hint: Any) -> Any:  # noqa: ANN401  the same
    """Return the type of a value that is there: that of `Annotated[int | None, ...]` is `int`."""
    annotated = get_args(hint)[0]
    return next((one for one in get_args(annotated) if NoneType in get_args(annotated)), annotated)


TAGS = stored(Series)
FIELDS = stored(Event)
OWN_FIELDS = tuple(field for field in FIELDS if not field.part)
DETAIL_FIELDS = tuple(field for field in FIELDS if field.part == "details")
WEATHER_FIELDS = tuple(field for field in FIELDS if field.part == "weather")
IDENTIFYING = tuple(field.name for field in attributes_of(Series) if field.required)
"""The tags that every event has."""
ENTITY_ID = re.compile(r"(?!.+__)(?!_)[\da-z_]+(?<!_)\.(?!_)[\da-z_]+(?<!_)", re.ASCII)  # homeassistant/core.py
_NO_DETAILS = Details()
_PYTHON: dict[FieldType, tuple[type, ...]] = {
    "string": (str,), "float": (float, int), "integer": (int,), "boolean": (bool, int)  # which is 1 in SQLite
}  # fmt: skip
_EXPECTED = {of.name: _PYTHON[of.type] for of in (*TAGS, *FIELDS)} | {"time": (int,)}
_LAST_SECOND = LAST_US // SECOND_US


def is_event(row: Mapping[str, Any]) -> bool:
    """Return whether a row as `event` takes it is ours: every tag that ours have, and no value of another kind."""
    return (
        all(row.get(tag) for tag in IDENTIFYING)
        and all(isinstance(value, _EXPECTED.get(name, object)) for name, value in row.items() if value is not None)
        and row.get("time") is not None
        and abs(row.get("weather_observed_at") or 0) <= _LAST_SECOND
    )


def is_key(time_ns: object, *tags: object) -> bool:
    """Return whether a time and such tags as each of ours has may be of a row of ours."""
    return isinstance(time_ns, int) and all(tag and isinstance(tag, str) for tag in tags)


def is_entity(entity_id: object, domain: object) -> bool:
    """Return whether these are an id that Home Assistant gives to an entity, and its domain."""
    return bool(isinstance(entity_id, str) and ENTITY_ID.fullmatch(entity_id) and entity_id.partition(".")[0] == domain)


def event(row: Mapping[str, Any]) -> Event:
    """Return the event of a row, which has `time` in nanoseconds and any of the names above; the others are absent.

    The location of the weather is empty, as it is not stored with the event; chosen attributes are not read back.
    """
    weather = None
    if row.get("weather_observed_at") is not None:
        weather = WeatherObservation(location="", **_values(WEATHER_FIELDS, row))
    details = Details(**_values(DETAIL_FIELDS, row))
    return Event(
        time_ns=row["time"],
        series=series(row),
        details=None if details == _NO_DETAILS else details,
        weather=weather,
        **_values(OWN_FIELDS, row),
    )


def series(row: Mapping[str, Any]) -> Series:
    """Return the tags of such a row."""
    return Series(**_values(TAGS, row))


def tag(text: str) -> str:
    """Return a text as both stores hold it in a tag: cut at a character, and without a backslash at its end.

    InfluxDB has no way to write that one; what stands there instead looks like it.
    """
    if len(text) * 4 > MAXIMUM_TAG_BYTES:
        text = text.encode("utf-8", "replace")[:MAXIMUM_TAG_BYTES].decode("utf-8", "ignore")
    return text[:-1] + _BACKSLASH if text.endswith("\\") else text


def _values(fields: tuple[Field, ...], row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        field.attribute: bool(row.get(field.name)) if field.type == "boolean" else row.get(field.name)
        for field in fields
    }
