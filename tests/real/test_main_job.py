"""The main job on a real Home Assistant: what its bus said is in the database, field by field."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.servers.home_assistant import RealHome
from tests.servers.ingestor import Ingestor
from tests.servers.truth import Row, compare, expected

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[RealHome]:
    started = RealHome(tmp_path_factory.mktemp("home"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


def since(home: RealHome, first_ns: int) -> dict[tuple[str, int], Row]:
    return {key: row for key, row in expected(home.truth()).items() if key[1] >= first_ns}


EVERYTHING = "SELECT * FROM home_assistant_events"


def test_twenty_thousand_changes_are_stored_whole(home: RealHome, tmp_path: Path) -> None:
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token)
    service.start()
    try:
        service.wait_connected()
        home.run(count=20_000, rate=1000, burst=2000, bursts=3, seed=7)
    finally:
        code = service.stop()
    stored = service.query(EVERYTHING)
    found = compare(since(home, min(row["time"] for row in stored)), stored)
    assert code == 0
    assert found["changes"] >= 20_000
    assert [found[name] for name in ("missing", "extra", "doubled", "different")] == [0, 0, 0, 0]
    entities = service.query("SELECT * FROM home_assistant_entities WHERE entity_id = 'sensor.celsius_2'")
    assert [(row["device"], row["area"], row["floor"], row["labels"]) for row in entities] == [
        ("Device celsius", "Kitchen", "Ground floor", "Critical, loads")
    ]


def test_a_restart_of_home_assistant_is_survived_and_told(home: RealHome, tmp_path: Path) -> None:
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token)
    service.start()
    try:
        service.wait_connected()
        home.restart()
        service.wait_for(
            "it is connected again", connection_status__connected=True, connection_status__reconnect_count=1
        )
        home.run(count=500, rate=500, seed=8)
    finally:
        code = service.stop()
    stored = service.query(f"{EVERYTHING} WHERE home_assistant_events.entity_id NOT LIKE 'sensor.sun%'")
    last = {key: row for key, row in expected(home.truth()).items() if key[1] >= max(r["time"] for r in stored) - 10**9}
    found = compare(last, [row for row in stored if (row["entity_id"], row["time"]) in last])
    assert (code, found["missing"], found["doubled"], found["different"]) == (0, 0, 0, 0)
    assert "Traceback" not in service.log


@pytest.mark.skipif("TEST_INFLUXDB_URL" not in os.environ, reason="needs a real InfluxDB 2: set TEST_INFLUXDB_URL")
def test_twenty_thousand_changes_are_stored_whole_in_influxdb(home: RealHome, tmp_path: Path) -> None:
    url, token, org = (os.environ[f"TEST_INFLUXDB_{name}"] for name in ("URL", "TOKEN", "ORG"))
    bucket = f"test-{uuid4().hex}"
    influxdb = {"INFLUXDB_URL": url, "INFLUXDB_TOKEN": token, "INFLUXDB_ORG": org, "INFLUXDB_BUCKET": bucket}
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token, **influxdb)
    service.start()
    try:
        service.wait_connected()
        home.run(count=20_000, rate=1000, burst=2000, bursts=3, seed=9)
    finally:
        code = service.stop()
    parameters = {"db": bucket, "q": "SELECT * FROM home_assistant_events", "epoch": "ns"}
    answer = httpx.get(f"{url}/query", params=parameters, headers={"Authorization": f"Token {token}"}, timeout=60)
    [series] = answer.json()["results"][0]["series"]
    stored = [dict(zip(series["columns"], values, strict=True)) for values in series["values"]]
    found = compare(since(home, min(row["time"] for row in stored)), stored)
    assert code == 0
    assert [found[name] for name in ("missing", "extra", "doubled", "different")] == [0, 0, 0, 0]
