"""A real parser takes our lines, and gives back what they were made of."""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Raw

from ingestor.enrichment import typed
from ingestor.enrichment.attributes import Attributes
from ingestor.model.records import Event
from ingestor.storage.lines import LineEncoder
from tests.servers.influxdb1 import InfluxDB1
from tests.servers.records import ENTITY, NASTY, WEATHER, event, events, full, removal

pytestmark = pytest.mark.real
GENERATED = int(os.environ.get("TEST_GENERATED_EVENTS", "5000"))
SENT: list[Any] = [
    0,
    1,
    -7,
    21.5,
    1e300,
    10**400,
    True,
    False,
    None,
    "",
    "21.5",
    "on",
    "nan",
    "1e5",
    [1],
    ["a"],
    {"a": 1},
]


@pytest.fixture(scope="module")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Generator[InfluxDB1]:
    server = InfluxDB1(tmp_path_factory.mktemp("influxdb"))
    try:
        yield server
    finally:
        server.stop()


@given(batch=st.lists(events, min_size=1, max_size=20))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_line_passes_the_parser(influxdb: InfluxDB1, batch: list[Event]) -> None:
    answer = influxdb.write(LineEncoder().encode(batch))
    assert (answer.status_code, answer.text) == (204, "")


def test_other_records_pass_the_parser(influxdb: InfluxDB1) -> None:
    answer = influxdb.write(LineEncoder().encode([ENTITY, WEATHER, full(1), removal(2)]))
    assert (answer.status_code, answer.text) == (204, "")


def test_difficult_text_comes_back_as_it_was(influxdb: InfluxDB1) -> None:
    influxdb.query("DROP MEASUREMENT home_assistant_events")
    written = [
        event(number, state=text, attributes=text) for number, text in enumerate([NASTY, 'say "so"', "", "plain"])
    ]
    assert influxdb.write(LineEncoder().encode(written)).status_code == 204
    rows = influxdb.query("SELECT state, attributes FROM home_assistant_events ORDER BY time")
    assert [(row["time"], row["state"], row["attributes"]) for row in rows] == [
        (one.time_ns, one.state, one.attributes) for one in written
    ]


def generated(random: Random, wanted: Attributes, number: int) -> Event:
    """Return an event with whatever an integration may send as the attributes that become fields."""
    domain = random.choice([*filter(None, typed.FIELDS), "sensor"])
    names = [*typed.FIELDS.get(domain, {}), *typed.FIELDS[typed.ANY_DOMAIN], "mode", "mode_text", "Fan Mode"]
    said = {name: random.choice(SENT) for name in random.sample(names, random.randint(0, len(names)))}
    text = json.dumps(said)
    kept = wanted.keep(domain, None, Raw(text), random.choice(["°C", "°F"]))
    fields = {"attributes": kept.text, "details": kept.details, "chosen": kept.chosen}
    return event(number, entity_id=f"{domain}.a", domain=domain, **fields)


def test_no_field_ever_changes_its_type(influxdb: InfluxDB1) -> None:
    random, wanted, encoder = Random(7), Attributes(names=("*",)), LineEncoder()
    for start in range(0, GENERATED, 5000):
        numbers = range(start, min(GENERATED, start + 5000))
        answer = influxdb.write(encoder.encode([generated(random, wanted, number) for number in numbers]))
        assert (answer.status_code, answer.text) == (204, "")
    types = {row["fieldKey"]: row["fieldType"] for row in influxdb.query("SHOW FIELD KEYS FROM home_assistant_events")}
    assert {types[name] for name in ("brightness", "current_temperature", "attr_mode", "battery")} == {"float"}
    assert {types[name] for name in ("media_title", "action", "attr_mode_text", "attr_mode_text_text")} == {"string"}
