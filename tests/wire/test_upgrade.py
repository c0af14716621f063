"""A data directory of an older version is taken over with everything in it, for ever: `tests/servers/data_dirs.py`."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ingestor.assembly.files import state_database
from ingestor.config import Settings, load
from ingestor.history.jobs import Jobs
from ingestor.history.ledger import Ledger
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.settings import SettingsStore
from ingestor.storage.spool import Spool
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.valve import Valve
from tests.servers.any_influxdb import any_influxdb, points_in
from tests.servers.data_dirs import holds, old_data_dir
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.simulated_home import SimHome

EVERYTHING = 1_000_000
Rows = list[dict[str, Any]]


def settings(directory: Path) -> Settings:
    return load(_env_file=None, data_dir=directory, ha_url="http://home.local", ha_token="t")  # noqa: S106  it opens nothing


def rows(file: Path, query: str) -> Rows:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]


async def test_a_spool_of_an_older_version_still_has_every_batch_watermark_and_note(tmp_path: Path) -> None:
    known = old_data_dir(tmp_path)["spool"]
    heard: list[object] = []
    spool = Spool(tmp_path, 10**9, Valve(), heard.append)
    try:
        watermarks = msgspec.to_builtins(await spool.open())
        batches = []
        for batch in known["batches"]:
            due = await spool.due(1, batch["number"] - 1)
            assert due
            batches.append({"number": due.ids[0], "records": msgspec.to_builtins(due.records)})
        assert holds(batches, known["batches"])
        assert await spool.due(1, known["newest_batch"]) is None
        assert spool.newest_batch == known["newest_batch"]
        assert holds(watermarks, known["watermarks"])
        assert holds(msgspec.to_builtins(await spool.notes()), known["notes"])
        assert not spool.damaged
    finally:
        await spool.aclose()


async def test_the_state_of_an_older_version_still_has_ledger_quarantine_settings_and_jobs(tmp_path: Path) -> None:
    known = old_data_dir(tmp_path)["state"]
    warned: list[object] = []
    database = state_database(settings(tmp_path))
    try:
        ledger, jobs = Ledger(database, warned.append), Jobs(database)
        newest_first = await jobs.read(limit=-1)
        found = {
            "settings": SettingsStore(settings(tmp_path), database, warned.append).current,
            "gaps": await ledger.read(limit=-1),
            "open": await ledger.open_gaps("home"),
            "clock": await ledger.clock("home"),
            "mark": await ledger.marked(),
            "quarantine": await Quarantine(database, lambda _fact: None).read(limit=-1),
            "jobs": newest_first,
            "tails": {str(job.id): await jobs.tails(job) for job in newest_first},
        }
    finally:
        await database.aclose()
    for name, one in found.items():
        assert holds(msgspec.to_builtins(one), known[name]), name
    assert not [one for one in warned if type(one).__name__ == "Warned" or isinstance(one, str)]


async def test_an_embedded_database_of_an_older_version_still_has_every_row(tmp_path: Path) -> None:
    known = old_data_dir(tmp_path)["events"]
    store = SQLiteStore(tmp_path, 0)
    try:
        assert holds(msgspec.to_builtins(await store.open()), known["watermarks"])
        assert holds(msgspec.to_builtins(await store.notes()), known["notes"])
        assert await store.mark("home") == known["mark"]
        events = await store.recent(limit=EVERYTHING)
        assert [one.time_ns for one in events] == sorted((row["time"] for row in known["events"]), reverse=True)
    finally:
        await store.aclose()
    file = tmp_path / "events.sqlite3"
    assert holds(rows(file, "SELECT * FROM home_assistant_events ORDER BY entity_id, time"), known["events"])
    assert holds(rows(file, "SELECT * FROM weather ORDER BY location, time"), known["weather"])
    assert holds(rows(file, "SELECT * FROM home_assistant_entities ORDER BY entity_id, time"), known["entities"])
    assert holds(rows(file, "SELECT * FROM home_assistant_statistics ORDER BY entity_id, time"), known["statistics"])


MEASUREMENTS = {
    "Event": "home_assistant_events",
    "EntityRecord": "home_assistant_entities",
    "Statistic": "home_assistant_statistics",
}


def pending(known: dict[str, Any], kind: str) -> Rows:
    return [one for batch in known["spool"]["batches"] for one in batch["records"] if one["type"] == kind]


def is_there(record: dict[str, Any], stored: Rows) -> bool:
    """Return whether a record is stored once, with everything but its tags, which databases write differently."""
    entity_id = record["series"]["entity_id"] if "series" in record else record["entity_id"]
    names = {"state", "value", "previous_state", "attributes", "persons_home", "caused_by", "mean", "sum", "device"}
    [found] = [row for row in stored if (row["entity_id"], row["time"]) == (entity_id, record["time_ns"])]
    return all(found.get(name) == record[name] for name in names & record.keys() if record[name] is not None)


@pytest.mark.parametrize("database", ["influxdb", "embedded"])
def test_a_run_over_an_older_data_directory_loses_nothing_of_it(database: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    known = old_data_dir(data)
    home = SimHome(entities=17)
    home.start()
    with any_influxdb() as influxdb:
        service = Ingestor(data, HA_URL=home.url, HA_TOKEN=home.token, **influxdb if database == "influxdb" else {})
        service.start()
        try:
            service.wait_connected()
            home.run(count=20, rate=100)
            for file, waiting in (("spool", "batches"), ("state", "gaps WHERE state = 'open'")):
                query = f"SELECT 1 FROM {waiting}"  # noqa: S608  our words
                wait_until(lambda: not rows(data / f"{file}.sqlite3", query), f"none of the {waiting} is left")  # noqa: B023  at once
            changed = service.get("/api/config")
            assert (service.stop(), "Traceback" in service.log) == (0, False)
        finally:
            service.stop()
            home.stop()
        for kind, measurement in MEASUREMENTS.items():
            stored = (
                points_in(influxdb, measurement)
                if database == "influxdb"
                else rows(data / "events.sqlite3", f"SELECT * FROM {measurement}")  # noqa: S608  our words
            )
            assert all(is_there(record, stored) for record in pending(known, kind)), kind
    state = data / "state.sqlite3"
    assert {name: changed[name] for name in known["state"]["settings"]} == known["state"]["settings"]
    gaps = rows(state, "SELECT gap, cause, detail, from_us FROM gaps")
    assert all(any(holds(found, {n: gap[n] for n in found}) for found in gaps) for gap in known["state"]["gaps"])
    assert {note["gap"] for note in known["spool"]["notes"] if "gap" in note} <= {gap["gap"] for gap in gaps}
    listed = rows(state, "SELECT entity_id, after_us, until_us, reason FROM intervals WHERE reason > ''")
    assert all(one in listed for gap in known["state"]["gaps"] for one in gap["listed"])
    held = rows(state, "SELECT id, code FROM quarantine")
    assert all({"id": one["id"], "code": one["code"]} in held for one in known["state"]["quarantine"])
    jobs = rows(state, "SELECT id, home, from_us, to_us, cause FROM backfills")
    assert all(any(holds(job, found) for found in jobs) for job in known["state"]["jobs"])
    events = rows(data / "events.sqlite3", "SELECT * FROM home_assistant_events")
    assert all(any(holds(found, event) for found in events) for event in known["events"]["events"])
    assert not list(data.glob("*.damaged"))
