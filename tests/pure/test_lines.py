from __future__ import annotations

import re
from copy import deepcopy
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from influxdb_client.client.write.point import Point
from msgspec import to_builtins

from ingestor.model.fields import tag
from ingestor.model.records import (
    ENTITY_FLAGS,
    ENTITY_TEXTS,
    EntityRecord,
    Event,
    Statistic,
    StoreMark,
    WeatherObservation,
)
from ingestor.storage.lines import MAXIMUM_TEXT_BYTES, LineEncoder
from tests.servers.records import (
    ENTITY,
    MARK,
    NASTY,
    STATISTIC,
    WEATHER,
    event,
    events,
    full,
    observations,
    removal,
    statistics,
)

TAGS = (
    *("home", "entity_id", "domain", "device_class", "state_class"),
    *("area", "floor", "device", "friendly_name", "unit"),
)
TIMED = (
    *("state", "value", "previous_state", "previous_duration_seconds"),
    *("persons_home", "caused_by", "caused_by_entity"),
)
Record: TypeAlias = Event | EntityRecord | WeatherObservation | Statistic | StoreMark
OBSERVED = ("temperature", "humidity", "pressure", "condition")


def _event(record: Event) -> str:
    """Say it in the groups of fields, each in the order of its names."""
    weather = to_builtins(record.weather) if record.weather else {}
    details = to_builtins(record.details) if record.details else {}
    groups: list[dict[str, Any]] = [
        record.chosen or {},
        {"attributes": record.attributes},
        details,
        {name: getattr(record, name) for name in TIMED} | {"removed": record.removed or None},
        {f"weather_{name}": one for name, one in weather.items() if name not in {"location", "type"}},
    ]
    tags = Point("home_assistant_events").time(record.time_ns)
    for name in TAGS:
        tags.tag(name, tag(getattr(record.series, name) or ""))
    beginning, end = deepcopy(tags).field("x", value=True).to_line_protocol().rsplit("x=true", 1)
    lines = [_with(deepcopy(tags), group) for group in groups]
    fields = ",".join(line.removeprefix(beginning).removesuffix(end) for line in lines if line)
    return f"{beginning}{fields}{end}" if fields else ""


def _with(made: Any, fields: dict[str, Any]) -> str:
    for name, one in fields.items():
        made.field(name, one)
    return str(made.to_line_protocol())


def point(record: Record) -> str:  # noqa: C901  it spells out the data model
    """Say with the library what the encoder should say."""
    made: Any
    match record:
        case Event():
            return _event(record)
        case WeatherObservation():
            made = Point("weather").tag("location", tag(record.location)).time(record.observed_at * 10**9)
            for name in OBSERVED:
                made.field(name, getattr(record, name))
        case EntityRecord():
            made = Point("home_assistant_entities").time(record.time_ns)
            for name in ("home", "entity_id", "domain"):
                made.tag(name, tag(getattr(record, name) or ""))
            for name in ENTITY_TEXTS:
                made.field(name, getattr(record, name) or "")
            for name in ENTITY_FLAGS:
                made.field(name, getattr(record, name))
            made.field("labels", ",".join(record.labels))
        case Statistic():
            made = Point("home_assistant_statistics").time(record.time_ns)
            for name in ("home", "entity_id", "source", "unit"):
                made.tag(name, tag(getattr(record, name) or ""))
            for name in ("mean", "min", "max", "sum", "state"):
                made.field(name, getattr(record, name))
        case StoreMark():
            made = Point("ingestor_marks").tag("home", record.home).field("batch", record.batch).time(record.time_ns)
    return str(made.to_line_protocol())


@given(events)
def test_an_event_is_encoded_as_the_library_would(record: Event) -> None:
    assert LineEncoder().line(record) == point(record)


@given(observations)
def test_weather_is_encoded_as_the_library_would(record: WeatherObservation) -> None:
    assert LineEncoder().line(record) == point(record)


@given(statistics)
def test_a_statistic_is_encoded_as_the_library_would(record: Statistic) -> None:
    assert LineEncoder().line(record) == point(record)


@pytest.mark.parametrize("record", [full(), removal(), ENTITY, WEATHER, STATISTIC, MARK, event(3, value=1e-7)])
def test_plain_records_are_encoded_as_the_library_would(record: Record) -> None:
    assert LineEncoder().line(record) == point(record)


def test_a_cached_prefix_changes_nothing() -> None:
    encoder = LineEncoder()
    records = [full(1), event(1), full(11), event(2, weather=WEATHER), event(3)]
    assert encoder.encode(records) == encoder.encode(records) == b"".join(f"{point(one)}\n".encode() for one in records)


def test_text_that_no_server_takes_is_made_fit() -> None:
    assert 'state="a?b"' in LineEncoder().encode([event(state="a\udc80b")]).decode()


@pytest.mark.parametrize("character", ["x", " ", "漢", "😀"])
def test_the_key_of_a_series_fits_whatever_its_texts(character: str) -> None:
    line = LineEncoder().line(event(0, **dict.fromkeys(TAGS, character * 70_000)))
    assert len(re.split(r"(?<!\\) ", line)[0].encode()) < 65_535


def test_a_name_that_ends_in_a_backslash_is_unlike_any_other() -> None:
    names = ["Tom", "Tom ", "Tom\\", "Tom\\\\", "Tom\\ "]
    keys = [LineEncoder().line(event(friendly_name=name)).partition(",home=")[0] for name in names]
    assert len(set(keys)) == len(names)
    assert not any(key.endswith("\\") for key in keys)


@pytest.mark.parametrize("letter", ["x", "é", "😀"])
def test_attributes_that_no_server_takes_are_left_out_and_counted(letter: str) -> None:
    encoder, most = LineEncoder(), letter * (MAXIMUM_TEXT_BYTES // len(letter.encode()))
    assert encoder.encode([event(1, attributes=most)]).decode() == f"{point(event(1, attributes=most))}\n"
    assert encoder.omitted == 0
    longer = [event(number, attributes=most + letter) for number in (1, 11)]
    assert encoder.encode([*longer, event(21, attributes="{}")]) == encoder.encode(
        [event(1), event(11), event(21, attributes="{}")]
    )
    encoder.encode(longer)
    assert encoder.omitted == 2


def test_a_record_without_fields_is_no_line() -> None:
    assert LineEncoder().encode([event(state=None, value=None), event(4, friendly_name=NASTY)]).count(b"\n") == 1
