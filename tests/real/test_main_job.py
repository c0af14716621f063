"""The main job on a real Home Assistant, and on the simulated one: what its bus said is stored, field by field."""

from __future__ import annotations

import time
from collections.abc import Generator
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.servers.any_influxdb import any_influxdb, events_in
from tests.servers.home_assistant import RealHome
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.releases import OLDEST, installed
from tests.servers.simulated_home import SimHome
from tests.servers.truth import compare, expected, since_start

pytestmark = pytest.mark.real


Home: TypeAlias = RealHome | SimHome


@pytest.fixture(scope="module", params=["real", "simulated"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    started = RealHome(tmp_path_factory.mktemp("home")) if request.param == "real" else SimHome()
    try:
        started.start()
        yield started
    finally:
        started.stop()


def heard(service: Ingestor, home: Home) -> None:
    """Wait until the service has everything that the home has said so far."""
    home.put("sensor.last_of_all", str(time.monotonic_ns()))
    wait_until(lambda: bool(service.get("/api/events/recent?entity_id=sensor.last_of_all")), "the last one is heard")


ENTITIES = "SELECT * FROM home_assistant_entities"
EVERYTHING = "SELECT * FROM home_assistant_events"


def test_twenty_thousand_changes_are_stored_whole(home: Home, tmp_path: Path) -> None:
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token)
    service.start()
    try:
        service.wait_connected()
        home.run(count=20_100, rate=1000, burst=2000, bursts=3, seed=7)  # some come before any person is known
        heard(service, home)
    finally:
        code = service.stop()
    stored = service.query(EVERYTHING)
    found = compare(*since_start(home.truth(), stored))
    assert code == 0
    assert found["changes"] >= 20_000
    assert [found[name] for name in ("missing", "extra", "doubled", "different")] == [0, 0, 0, 0]
    described = ("device", "area", "floor", "labels")
    entities = {tuple(row[name] for name in described) for row in service.query(ENTITIES)}
    tells_floors = not isinstance(home, RealHome) or installed() is not OLDEST
    told = ("Ground floor" if tells_floors else None, "Critical, loads")
    assert any(None not in row[:2] and row[2:] == told for row in entities)


def test_a_restart_of_home_assistant_is_survived_and_told(home: Home, tmp_path: Path) -> None:
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token)
    service.start()
    try:
        service.wait_connected()
        home.restart()
        service.wait_for(
            "it is connected again", connection_status__connected=True, connection_status__reconnect_count=1
        )
        home.run(count=500, rate=500, seed=8)
        heard(service, home)
    finally:
        code = service.stop()
    stored = service.query(f"{EVERYTHING} WHERE home_assistant_events.entity_id NOT LIKE 'sensor.sun%'")
    last = {key: row for key, row in expected(home.truth()).items() if key[1] >= max(r["time"] for r in stored) - 10**9}
    found = compare(last, [row for row in stored if (row["entity_id"], row["time"]) in last])
    assert (code, found["missing"], found["doubled"], found["different"]) == (0, 0, 0, 0)
    assert "Traceback" not in service.log


def test_twenty_thousand_changes_are_stored_whole_in_influxdb(home: Home, tmp_path: Path) -> None:
    with any_influxdb() as influxdb:
        service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token, **influxdb)
        service.start()
        try:
            service.wait_connected()
            home.run(count=20_000, rate=1000, burst=2000, bursts=3, seed=9)
            heard(service, home)
        finally:
            code = service.stop()
        stored = events_in(influxdb)
    found = compare(*since_start(home.truth(), stored))
    assert code == 0
    assert [found[name] for name in ("missing", "extra", "doubled", "different")] == [0, 0, 0, 0]
