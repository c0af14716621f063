"""Records as InfluxDB line protocol, with nanosecond times: just what `influxdb_client.Point` makes of them, faster.

Tags and fields stand in the order of their names; whole floats lose their `.0`; text keeps its line breaks in a field
and gets them escaped in a tag (https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/).
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

from ingestor.model.records import EntityRecord, Event, Point, Series, Statistic, StoreMark, WeatherObservation

EVENTS = "home_assistant_events"
WEATHER = "weather"
ENTITIES = "home_assistant_entities"
STATISTICS = "home_assistant_statistics"
MARKS = "ingestor_marks"

MAXIMUM_TAG_BYTES = 65_535  # a longer tag value is refused with the whole batch
_TAG = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ ", "\n": r"\n", "\t": r"\t", "\r": r"\r"})
_STRING = str.maketrans({'"': r"\"", "\\": r"\\"})
_SERIES_CACHED = 20_000


class LineEncoder:
    """Encodes records; what a line begins with is remembered per series, bounded."""

    def __init__(self) -> None:
        self._prefixes: dict[Series, str] = {}
        self._observation: WeatherObservation | None = None
        self._observation_fields = ""

    def encode(self, points: Iterable[Point]) -> bytes:
        """Return the lines of the points, in their order. Text that is no valid Unicode gets `?` for what is wrong.

        Each line goes by itself into the one buffer that is returned: a text of all, and its copy as bytes, would take
        three times the memory.
        """
        lines = BytesIO()
        for line in filter(None, map(self.line, points)):
            lines.write(f"{line}\n".encode("utf-8", "replace"))
        return lines.getvalue()

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

    def _event(self, event: Event) -> str:  # noqa: C901  one step per field; a loop over them costs twice the time
        prefix = self._prefixes.get(event.series)
        if prefix is None:
            if len(self._prefixes) >= _SERIES_CACHED:
                self._prefixes.clear()
            prefix = self._prefixes[event.series] = _series(event.series)
        fields: list[str] = []
        if event.attributes is not None:
            fields.append(f'attributes="{event.attributes.translate(_STRING)}"')
        if event.caused_by is not None:
            fields.append(f'caused_by="{event.caused_by}"')
        if event.persons_home is not None:
            fields.append(f"persons_home={event.persons_home}i")
        if event.previous_duration_seconds is not None:
            fields.append(f"previous_duration_seconds={_float(event.previous_duration_seconds)}")
        if event.previous_state is not None:
            fields.append(f'previous_state="{event.previous_state.translate(_STRING)}"')
        if event.removed:
            fields.append("removed=true")
        if event.state is not None:
            fields.append(f'state="{event.state.translate(_STRING)}"')
        if event.value is not None:
            fields.append(f"value={_float(event.value)}")
        if event.weather is not None:
            fields.append(self._weather_fields(event.weather))
        return f"{prefix} {','.join(fields)} {event.time_ns}" if fields else ""

    def _weather_fields(self, observation: WeatherObservation) -> str:
        if observation is not self._observation and observation != self._observation:
            self._observation = observation
            fields = {f"weather_{name}": text for name, text in _observed(observation).items()}
            fields["weather_observed_at"] = f"{observation.observed_at}i"
            self._observation_fields = _joined(fields)
        return self._observation_fields


def _series(series: Series) -> str:
    return EVENTS + _tags(
        area=series.area,
        device_class=series.device_class,
        domain=series.domain,
        entity_id=series.entity_id,
        friendly_name=series.friendly_name,
        home=series.home,
        state_class=series.state_class,
        unit=series.unit,
    )


def _weather(observation: WeatherObservation) -> str:
    fields = _joined(_observed(observation))
    time_ns = observation.observed_at * 1_000_000_000
    return f"{WEATHER}{_tags(location=observation.location)} {fields} {time_ns}" if fields else ""


def _entity(record: EntityRecord) -> str:
    texts = {
        "area": record.area,
        "device": record.device,
        "floor": record.floor,
        "friendly_name": record.friendly_name,
        "integration": record.integration,
        "labels": ",".join(record.labels) or None,
    }
    fields = _joined({name: _string(text) for name, text in texts.items() if text is not None})
    tags = _tags(domain=record.domain, entity_id=record.entity_id, home=record.home)
    return f"{ENTITIES}{tags} {fields} {record.time_ns}" if fields else ""


def _statistic(one: Statistic) -> str:
    numbers = {"max": one.max, "mean": one.mean, "min": one.min, "state": one.state, "sum": one.sum}
    fields = _joined({name: _float(number) for name, number in numbers.items() if number is not None})
    tags = _tags(entity_id=one.entity_id, home=one.home, source=one.source, unit=one.unit)
    return f"{STATISTICS}{tags} {fields} {one.time_ns}" if fields else ""


def _observed(observation: WeatherObservation) -> dict[str, str]:
    numbers = {
        "humidity": observation.humidity,
        "pressure": observation.pressure,
        "temperature": observation.temperature,
    }
    fields = {name: _float(number) for name, number in numbers.items() if number is not None}
    if observation.condition is not None:
        fields["condition"] = _string(observation.condition)
    return fields


def _joined(fields: dict[str, str]) -> str:
    return ",".join(f"{name}={text}" for name, text in sorted(fields.items()))


def _tags(**tags: str | None) -> str:
    return "".join(f",{name}={_tag(text)}" for name, text in tags.items() if text)


def _tag(text: str) -> str:
    if len(text) * 4 > MAXIMUM_TAG_BYTES:
        text = text.encode("utf-8", "replace")[:MAXIMUM_TAG_BYTES].decode("utf-8", "ignore")
    escaped = text.translate(_TAG)
    return escaped + " " if escaped.endswith("\\") else escaped


def _string(text: str) -> str:
    return f'"{text.translate(_STRING)}"'


def _float(number: float) -> str:
    return repr(number).removesuffix(".0")
