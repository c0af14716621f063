"""A real parser takes our lines, and gives back what they were made of."""

from __future__ import annotations

from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestor.model.records import Event
from ingestor.storage.lines import LineEncoder
from tests.servers.influxdb1 import InfluxDB1
from tests.servers.records import ENTITY, NASTY, WEATHER, event, events, full, removal

pytestmark = pytest.mark.real


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
