"""Records as InfluxDB line protocol, with nanosecond times: just what `influxdb_client.Point` makes of them, faster.

Whole floats lose their `.0`; text keeps its line breaks in a field and gets them escaped in a tag
(https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/). Tags stand in the order of their names. The
fields of an event stand in three groups, each in that order:

1. the attributes and the fields that they become: they seldom change, so the line is remembered up to here, by series;
2. all other fields of the event;
3. the weather, which many events share: it is remembered too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from itertools import islice
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from ingestor.model.fields import DETAIL_FIELDS, OWN_FIELDS, TAGS, WEATHER_FIELDS, Field, FieldType, tag
from ingestor.model.records import (
    ENTITY_FLAGS,
    ENTITY_TEXTS,
    Chosen,
    Details,
    EntityRecord,
    Event,
    Point,
    Series,
    Statistic,
    StoreMark,
    WeatherObservation,
    size_bytes,
)

EVENTS = "home_assistant_events"
WEATHER = "weather"
ENTITIES = "home_assistant_entities"
STATISTICS = "home_assistant_statistics"
MARKS = "ingestor_marks"

MAXIMUM_TEXT_BYTES = 1024 * 1024  # of a field; a longer one is refused with its point
_TAG = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\n", "\t": r"\t", "\r": r"\r"})
_SERIES_CACHED = 200_000  # about a kilobyte each, and no home has so many
_LINES_JOINED = 100  # one line with an emoji makes four bytes of each character of the text it is joined to


class _Beginning(Struct, frozen=True, gc=False):
    """What a line of a series begins with, as long as the attributes stay; its tags are the first `tags` characters."""

    attributes: str | None
    details: Details | None
    chosen: Chosen | None
    text: str
    tags: int


class LineEncoder:
    """Encodes records; what a line begins with is remembered per series, bounded.

    `omitted` counts the events that the last call of `encode` left without their attributes, which were too long.
    """

    def __init__(self) -> None:
        self.omitted = 0
        self._beginnings: dict[Series, _Beginning] = {}
        self._observation: WeatherObservation | None = None
        self._weather_fields = ""

    def encode(self, points: Iterable[Point]) -> bytes:
        """Return the lines of the points, in their order. Text that is no valid Unicode gets `?` for what is wrong.

        Some lines at a time go into the one buffer that is returned: a text of all, and its copy as bytes, would take
        three times the memory.
        """
        self.omitted = 0
        encoded = BytesIO()
        lines = filter(None, map(self.line, points))
        while part := list(islice(lines, _LINES_JOINED)):
            part.append("")
            encoded.write("\n".join(part).encode("utf-8", "replace"))
        return encoded.getvalue()

    def line(self, point: Point) -> str:
        """Return one line; an empty one for a point without any field."""
        match point:
            case Event():
                return self._event(point)
            case WeatherObservation():
                return _weather(point)
            case EntityRecord():
                return _entity(point)
            case Statistic():
                return _statistic(point)
            case StoreMark():
                return f"{MARKS}{_tags(home=point.home)} batch={point.batch}i {point.time_ns}"

    def _event(self, event: Event) -> str:
        if event.attributes is not None and _is_too_long(event.attributes):
            self.omitted += 1
            event = replace(event, attributes=None)
        beginning = self._beginnings.get(event.series)
        if (
            beginning is None
            or beginning.attributes != event.attributes
            or beginning.details != event.details
            or beginning.chosen != event.chosen
        ):
            beginning = self._begin(event, beginning)
        fields = _changing(event)
        if event.weather is not None:
            fields += self._around(event.weather)
        if beginning.text[-1] == " ":
            fields = fields[1:]
            return f"{beginning.text}{fields} {event.time_ns}" if fields else ""
        return f"{beginning.text}{fields} {event.time_ns}"

    def _begin(self, event: Event, known: _Beginning | None) -> _Beginning:
        if known is None and len(self._beginnings) >= _SERIES_CACHED:
            self._beginnings.clear()
        tags = known.text[: known.tags] if known else _series(event.series)
        fields = _chosen(event.chosen) if event.chosen else ""
        if event.attributes is not None:
            fields += f",attributes={_string(event.attributes)}"
        if event.details is not None:
            fields += _detailed(event.details)
        beginning = _Beginning(event.attributes, event.details, event.chosen, f"{tags} {fields[1:]}", len(tags))
        self._beginnings[event.series] = beginning
        return beginning

    def _around(self, observation: WeatherObservation) -> str:
        if observation is not self._observation and observation != self._observation:
            self._observation, self._weather_fields = observation, _around_event(observation)
        return self._weather_fields


def raw_line(
    measurement: str, tags: Mapping[str, str | None], fields: Mapping[str, tuple[str, Any]], time_ns: int
) -> str:
    """Return the line of a point that InfluxDB had already; `fields` are their types, in its words, with the values."""
    texts = {name.translate(_TAG): _VALUES[type_](value) for name, (type_, value) in fields.items()}
    named = {name.translate(_TAG): tags[name] for name in sorted(tags)}
    return f"{measurement}{_tags(**named)} {_joined(texts)} {time_ns}"


def _is_too_long(text: str) -> bool:
    return len(text) * 4 > MAXIMUM_TEXT_BYTES and size_bytes(text) > MAXIMUM_TEXT_BYTES


def _compiled(fields: Iterable[Field]) -> Callable[[Any], str]:
    """Return a function that makes `,name=value` of each field that a record has, in the order of their names.

    It is compiled from a source, as a dataclass compiles its `__init__`; a loop over the fields takes twice the time.
    """
    parts = [_SOURCES[field.type].format(field=field) for field in sorted(fields, key=lambda field: field.name)]
    source = "".join(["def encode(record):\n text = ''\n", *parts, " return text\n"])
    names: dict[str, Any] = {"escaped": _escaped, "backslash": "\\"}
    exec(source, names)  # noqa: S102  of our own field names, never of data
    encode: Callable[[Any], str] = names["encode"]
    return encode


_SOURCES: dict[FieldType, str] = {
    "string": """
 value = record.{field.attribute}
 if value is not None:
  if '"' in value or backslash in value:
   value = escaped(value)
  text += f',{field.name}="{{value}}"'
""",
    "float": """
 value = record.{field.attribute}
 if value is not None:
  text += f',{field.name}={{value!r}}'
  if text[-2:] == '.0':
   text = text[:-2]
""",
    "integer": """
 value = record.{field.attribute}
 if value is not None:
  text += f',{field.name}={{value}}i'
""",
    "boolean": """
 if record.{field.attribute}:
  text += ',{field.name}=true'
""",
}


def _series(series: Series) -> str:
    return EVENTS + _tags(**{one.name: getattr(series, one.attribute) for one in _TAGS})


def _chosen(chosen: Chosen) -> str:
    texts = {name: _string(one) if isinstance(one, str) else _float(one) for name, one in chosen.items()}
    return f",{_joined(texts)}"


def _weather(observation: WeatherObservation) -> str:
    fields = _observed(observation)[1:]
    return f"{WEATHER}{_tags(location=observation.location)} {fields} {observation.time_ns}" if fields else ""


def _entity(record: EntityRecord) -> str:
    """Return the line with all fields, so that `last()` of each tells of the same moment: a text of none is empty."""
    texts = {name: _string(getattr(record, name) or "") for name in ENTITY_TEXTS}
    flags = {name: "true" if getattr(record, name) else "false" for name in ENTITY_FLAGS}
    fields = _joined({"labels": _string(",".join(record.labels)), **texts, **flags})
    tags = _tags(domain=record.domain, entity_id=record.entity_id, home=record.home)
    return f"{ENTITIES}{tags} {fields} {record.time_ns}"


def _statistic(one: Statistic) -> str:
    numbers = {"max": one.max, "mean": one.mean, "min": one.min, "state": one.state, "sum": one.sum}
    fields = _joined({name: _float(number) for name, number in numbers.items() if number is not None})
    tags = _tags(entity_id=one.entity_id, home=one.home, source=one.source, unit=one.unit)
    return f"{STATISTICS}{tags} {fields} {one.time_ns}" if fields else ""


def _joined(fields: dict[str, str]) -> str:
    return ",".join(f"{name}={text}" for name, text in sorted(fields.items()))


def _tags(**tags: str | None) -> str:
    return "".join(f",{name}={_tag(text)}" for name, text in tags.items() if text)


def _tag(text: str) -> str:
    return tag(text).translate(_TAG)


def _string(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"")


def _float(number: float) -> str:
    return repr(number).removesuffix(".0")


_VALUES: dict[str, Callable[[Any], str]] = {
    "string": _string,
    "float": lambda number: _float(float(number)),
    "integer": "{}i".format,
    "unsigned": "{}u".format,
    "boolean": lambda flag: "true" if flag else "false",
}
"""How a field's value is written, by its type in InfluxDB's words."""
_TAGS = sorted(TAGS, key=lambda one: one.name)
_changing = _compiled(field for field in OWN_FIELDS if field.name != "attributes")
_around_event = _compiled(WEATHER_FIELDS)
_detailed = _compiled(DETAIL_FIELDS)
_observed = _compiled(replace(one, name=one.attribute) for one in WEATHER_FIELDS if one.attribute != "observed_at")
