"""The queries of docs/schema.md tell a known truth."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from ingestor.model.records import EntityRecord, Event
from ingestor.storage.lines import LineEncoder
from ingestor.storage.sqlite import FILE, SQLiteStore
from tests.documentation.stored_fields import PAGE
from tests.servers.influxdb1 import InfluxDB1
from tests.servers.records import SECOND_NS, START_NS, event

HOUR_NS = 3600 * SECOND_NS
DAY_NS = 24 * HOUR_NS


def documented(words: str) -> str:
    """Return the query that stands below these words."""
    return documented_text(words).partition("```sql\n")[2].partition("```")[0]


def documented_text(words: str) -> str:
    """Return what stands below these words."""
    return PAGE.read_text(encoding="utf-8").partition(words)[2]


def lamps(now_ns: int) -> list[Event]:
    """Return what two lamps did around the last midnight; the second one has been on since yesterday."""
    midnight_ns = now_ns // DAY_NS * DAY_NS
    passed_ns = now_ns - midnight_ns
    moments = [
        ("a", midnight_ns - 2 * HOUR_NS, "on"),
        ("a", midnight_ns + passed_ns // 4, "on"),  # another brightness
        ("a", midnight_ns + passed_ns // 2, "off"),
        ("a", midnight_ns + passed_ns * 3 // 4, "on"),
        ("b", midnight_ns - 5 * HOUR_NS, "on"),
        ("c", midnight_ns - 5 * HOUR_NS, "on"),
        ("c", midnight_ns - 1 * HOUR_NS, "off"),
    ]
    return [
        event(0, time_ns=at_ns, entity_id=f"light.{name}", domain="light", state=said, value=float(said == "on"))
        for name, at_ns, said in moments
    ]


def truth(now_ns: int) -> dict[str, float]:
    passed = now_ns % DAY_NS / HOUR_NS
    return {"light.a": passed * 3 / 4, "light.b": passed}


async def test_the_lamps_of_today_in_sql(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, retention_days=0)
    now_ns = time.time_ns()
    await store.write(lamps(now_ns))
    await store.aclose()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        found = dict(connection.execute(documented("How many hours each lamp was on today")).fetchall())
    assert found == pytest.approx(truth(now_ns), abs=10 / 3600)


@pytest.mark.real
def test_the_lamps_of_today_in_influxql(tmp_path: Path) -> None:
    server = InfluxDB1(tmp_path)
    now_ns = time.time_ns()
    try:
        assert server.write(LineEncoder().encode(lamps(now_ns))).status_code == 204
        rows = server.query(" ".join(documented("In InfluxQL, to the minute").split()))
    finally:
        server.stop()
    found = {row["entity_id"]: row["hours"] for row in rows if row["time"] == now_ns // DAY_NS * DAY_NS}
    assert found == pytest.approx(truth(now_ns) | {"light.c": 0.0}, abs=4 / 60)


def renamed() -> list[Event | EntityRecord]:
    """Return what an entity did before and after a rename, beside another one."""
    events = [event(at, entity_id=f"sensor.{name}") for at, name in enumerate(("attic", "attic", "loft", "hall"))]
    rows = [("attic", "5f0c", False), ("hall", "7a1d", False), ("attic", "5f0c", True), ("loft", "5f0c", False)]
    return events + [
        EntityRecord(
            time_ns=START_NS + at,
            home="home",
            entity_id=f"sensor.{name}",
            domain="sensor",
            registry_id=id_,
            removed=gone,
        )
        for at, (name, id_, gone) in enumerate(rows)
    ]


async def test_the_history_over_a_rename_in_sql(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, retention_days=0)
    await store.write(renamed())
    await store.aclose()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        found = connection.execute(documented("The history of an entity over its renames")).fetchall()
    assert [(row[1], row[2]) for row in found] == [("sensor.attic", "0"), ("sensor.attic", "1"), ("sensor.loft", "2")]


@pytest.mark.real
def test_the_history_over_a_rename_in_influxql(tmp_path: Path) -> None:
    server = InfluxDB1(tmp_path)
    ids, events = (
        part.partition("```")[0] for part in documented_text("InfluxQL joins nothing").split("```sql\n")[1:3]
    )
    try:
        assert server.write(LineEncoder().encode(renamed())).status_code == 204
        known = server.query(" ".join(ids.split()))
        stored = server.query(" ".join(events.split()))
    finally:
        server.stop()
    assert {row["entity_id"] for row in known} == {"sensor.attic", "sensor.loft"}
    assert [row["state"] for row in stored] == ["0", "1", "2"]
