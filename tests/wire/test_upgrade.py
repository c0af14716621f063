"""A data directory of an older version is taken over with everything in it, for ever: `tests/servers/data_dirs.py`."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from ingestor.api.jobs import shown
from ingestor.assembly.files import STATE, state_database
from ingestor.config import Settings, load
from ingestor.history.jobs import Jobs
from ingestor.history.ledger import Ledger
from ingestor.model.records import Event, RawEvent, Record
from ingestor.storage import spool, sqlite
from ingestor.storage.codec import pack, pack_one, unpack, unpack_one
from ingestor.storage.database import Database
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.settings import SettingsStore
from ingestor.storage.spool import Spool
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.valve import Valve
from tests.faults.small_disk import MEBIBYTE, small_disk
from tests.servers.any_influxdb import any_influxdb, points_in
from tests.servers.data_dirs import NAMES, VERSION_0_1_0, content, holds, old_data_dir
from tests.servers.ingestor import Ingestor
from tests.servers.loaded import ROOT
from tests.servers.processes import wait_until
from tests.servers.records import WEATHER, event
from tests.servers.simulated_home import SimHome, simulated_home
from tests.servers.truth import expected

EVERYTHING = 1_000_000
Rows = list[dict[str, Any]]


def configured(directory: Path) -> Settings:
    return load(_env_file=None, data_dir=directory, ha_url="http://home.local", ha_token="t")  # noqa: S106  it opens nothing


def rows(file: Path, query: str) -> Rows:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]


async def test_a_spool_of_an_older_version_still_has_every_batch_watermark_and_note(tmp_path: Path) -> None:
    known = old_data_dir(tmp_path)["spool"]
    heard: list[object] = []
    opened = Spool(tmp_path, 10**9, Valve(), heard.append)
    try:
        watermarks = msgspec.to_builtins(await opened.open())
        batches = []
        for batch in known["batches"]:
            due = await opened.due(1, batch["number"] - 1)
            assert due
            batches.append({"number": due.ids[0], "records": msgspec.to_builtins(due.records)})
        assert holds(batches, known["batches"])
        assert await opened.due(1, known["newest_batch"]) is None
        assert opened.newest_batch == known["newest_batch"]
        assert holds(watermarks, known["watermarks"])
        assert holds(msgspec.to_builtins(await opened.notes()), known["notes"])
        assert not opened.damaged
    finally:
        await opened.aclose()


async def test_the_state_of_an_older_version_still_has_ledger_quarantine_settings_and_jobs(tmp_path: Path) -> None:
    known = old_data_dir(tmp_path)["state"]
    warned: list[object] = []
    database = state_database(configured(tmp_path), warned.append)
    try:
        ledger, jobs = Ledger(database, warned.append), Jobs(database)
        newest_first = await jobs.read(limit=-1)
        found = {
            "settings": SettingsStore(configured(tmp_path), database, warned.append).current,
            "gaps": await ledger.read(limit=-1),
            "open": await ledger.open_gaps("home"),
            "clock": await ledger.clock("home"),
            "mark": await ledger.marked(),
            "quarantine": await Quarantine(database, lambda _fact: None).read(limit=-1),
            "jobs": [msgspec.to_builtins(job) | {"detail": job.reason} for job in newest_first],
            "tails": {str(job.id): await jobs.tails(job) for job in newest_first},
        }
    finally:
        await database.aclose()
    for name, one in found.items():
        assert holds(msgspec.to_builtins(one), known[name]), name
    assert not [one for one in warned if type(one).__name__ == "Warned" or isinstance(one, str)]


async def test_a_job_of_an_older_version_that_no_store_can_hold_has_failed_and_is_in_nobodys_way(
    tmp_path: Path,
) -> None:
    old_data_dir(tmp_path)
    with closing(sqlite3.connect(tmp_path / "state.sqlite3")) as connection, connection:
        connection.execute(
            "UPDATE backfills SET from_us = -62135647200000000, cursor_us = -62135647200000000 WHERE id = 1"
        )
    database = state_database(configured(tmp_path), lambda _fact: None)
    try:
        jobs = Jobs(database)
        unfinished = await jobs.unfinished("home")
        [poisoned] = [job for job in await jobs.read() if job.id == 1]
    finally:
        await database.aclose()
    assert [job.id for job in unfinished] == [2]
    assert (poisoned.state, poisoned.reason, shown(poisoned).from_.year) == (
        "failed",
        "no database can hold these times",
        1677,
    )


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


KEY = "k3y-of-a-picture"


def test_no_file_and_no_copy_keeps_the_keys_that_an_older_version_stored(tmp_path: Path) -> None:
    old_data_dir(tmp_path)
    file = tmp_path / "events.sqlite3"
    said = {"access_token": KEY, "entity_picture": f"/api/camera_proxy?token={KEY}", "brand": "Demo"}
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO attributes VALUES (7, ?)", (json.dumps(said),))
    database = Database(file, SCHEMAS["events"])
    database.run_now(lambda _connection: None)
    trio.run(database.aclose)
    files = sorted(tmp_path.glob("events*"))
    assert [one.name for one in files] == ["events.sqlite3", "events.v1.sqlite3"]
    assert [KEY.encode() in one.read_bytes() for one in files] == [False, False]
    for one in files:
        assert rows(one, "SELECT text FROM attributes WHERE id = 7") == [{"text": '{"brand":"Demo"}'}]
    assert files[1].stat().st_mode & 0o777 == 0o600


def test_what_an_older_version_left_to_be_written_has_no_keys_when_it_is_read() -> None:
    said = json.dumps({"brand": "Demo", "access_token": KEY, "entity_picture": KEY})
    raw = RawEvent(home="home", received_at_ns=0, text=f'{{"attributes":{said}', problem="")
    kept: list[Record] = [event(1, attributes=said), event(2, attributes="{}"), WEATHER, raw]
    read = unpack(pack(kept))
    assert (KEY in repr(kept), KEY in repr(read)) == (True, False)
    assert [one.attributes for one in read if isinstance(one, Event)] == ['{"brand":"Demo"}', "{}"]
    assert read[2] == WEATHER
    assert [KEY in repr(unpack_one(pack_one(one))) for one in kept] == [False] * 4


def pending(known: dict[str, Any], kind: str) -> Rows:
    return [one for batch in known["spool"]["batches"] for one in batch["records"] if one["type"] == kind]


def is_there(record: dict[str, Any], stored: Rows) -> bool:
    """Return whether a record is stored once, with everything but its tags, which databases write differently."""
    entity_id = record["series"]["entity_id"] if "series" in record else record["entity_id"]
    names = {"state", "value", "previous_state", "attributes", "persons_home", "caused_by", "mean", "sum", "device"}
    [found] = [row for row in stored if (row["entity_id"], row["time"]) == (entity_id, record["time_ns"])]
    return all(found.get(name) == record[name] for name in names & record.keys() if record[name] is not None)


def run_over(service: Ingestor, home: SimHome) -> None:
    """Run over the data directory until nothing waits there any more."""
    service.start()
    try:
        service.wait_connected()
        home.run(count=20, rate=100)
        for file, waiting in (("spool", "batches"), ("state", "gaps WHERE state = 'open'")):
            path, query = service.directory / f"{file}.sqlite3", f"SELECT 1 FROM {waiting}"  # noqa: S608  our words
            wait_until(lambda: not rows(path, query), f"none of the {waiting} is left")  # noqa: B023  at once
        known = json.loads((VERSION_0_1_0 / "truth.json").read_text(encoding="utf-8"))["state"]["settings"]
        assert {name: service.get("/api/config")[name] for name in known} == known
        assert (service.stop(), "Traceback" in service.log) == (0, False)
    finally:
        service.stop()


def check_nothing_is_lost(data: Path, known: dict[str, Any], stored: Callable[[str], Rows]) -> None:
    """Check that what was pending is stored, and what was kept is there, after a run."""
    for kind, measurement in MEASUREMENTS.items():
        found = stored(measurement)
        assert all(is_there(record, found) for record in pending(known, kind)), kind
    state = data / "state.sqlite3"
    gaps = rows(state, "SELECT gap, cause, detail, from_us FROM gaps")
    assert all(one in gaps for one in parts(known["state"]["gaps"], gaps[0]))
    assert {note["gap"] for note in known["spool"]["notes"] if "gap" in note} <= {gap["gap"] for gap in gaps}
    listed = rows(state, "SELECT entity_id, after_us, until_us, reason FROM intervals WHERE reason > ''")
    assert all(one in listed for gap in known["state"]["gaps"] for one in gap["listed"])
    held = rows(state, "SELECT id, code, home, entity_id, time_ns FROM quarantine")
    assert all(one in held for one in parts(known["state"]["quarantine"], held[0]))
    assert all(raw["received_at_ns"] in {one["time_ns"] for one in held} for raw in pending(known, "RawEvent"))
    jobs = rows(state, "SELECT id, home, from_us, to_us, cause FROM jobs")
    assert all(one in jobs for one in parts(known["state"]["jobs"], jobs[0]))
    events = rows(data / "events.sqlite3", "SELECT * FROM home_assistant_events")
    assert all(any(holds(found, event) for found in events) for event in known["events"]["events"])
    assert not list(data.glob("*.damaged"))


def parts(known: Rows, like: dict[str, Any]) -> Rows:
    """Return of each row what another one has."""
    return [{name: one[name] for name in like} for one in known]


@pytest.fixture
def home() -> Generator[SimHome]:
    with simulated_home(entities=17) as started:
        yield started


def test_a_run_with_influxdb_writes_what_an_older_version_left(home: SimHome, tmp_path: Path) -> None:
    data = tmp_path / "data"
    known = old_data_dir(data)
    with any_influxdb() as influxdb:
        run_over(Ingestor(data, HA_URL=home.url, HA_TOKEN=home.token, **influxdb), home)
        check_nothing_is_lost(data, known, partial(points_in, influxdb))


def test_a_run_with_the_embedded_database_does_so_too(home: SimHome, tmp_path: Path) -> None:
    data = tmp_path / "data"
    known = old_data_dir(data)
    run_over(Ingestor(data, HA_URL=home.url, HA_TOKEN=home.token), home)
    check_nothing_is_lost(data, known, partial(embedded, data))


def embedded(data: Path, measurement: str) -> Rows:
    return rows(data / "events.sqlite3", f"SELECT * FROM {measurement}")  # noqa: S608  our words


def bring_up_to_date(data: Path) -> None:
    """Give each file the format of this version."""
    for name, schema in SCHEMAS.items():
        database = Database(data / f"{name}.sqlite3", schema)
        database.run_now(lambda _connection: None)
        trio.run(database.aclose)
    for copy in data.glob("*.v*.sqlite3"):
        copy.unlink()


class NewerIngestor(Ingestor):
    """The service as a later version, which differs by one file for each of ours."""

    def __init__(self, directory: Path, sources: Path, **settings: str) -> None:
        super().__init__(directory, **settings)
        self._environment["PYTHONPATH"] = f"{sources}:{ROOT}"  # which has its version, where it is not installed
        for package in ("ingestor", "metrics", "supervisors"):
            shutil.copytree(ROOT / package, sources / package, ignore=shutil.ignore_patterns("__pycache__"))
        for name, statement in LATER.items():
            (sources / "ingestor" / "storage" / "migrations" / name / f"{FORMATS[name] + 1}.sql").write_text(statement)


LATER = {
    "spool": "ALTER TABLE batches ADD COLUMN season TEXT NOT NULL DEFAULT 'autumn';\n",
    "state": "ALTER TABLE gaps ADD COLUMN season TEXT NOT NULL DEFAULT 'autumn';\n",
    "events": "ALTER TABLE events ADD COLUMN season TEXT NOT NULL DEFAULT 'autumn';\n",
}
SCHEMAS = {"spool": spool.SCHEMA, "state": STATE, "events": sqlite.SCHEMA}
FORMATS = {name: schema.format for name, schema in SCHEMAS.items()}


def test_a_later_version_upgrades_with_its_run_and_this_one_goes_on_with_the_copies(
    home: SimHome, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    known = old_data_dir(data)
    bring_up_to_date(data)
    settings = {"HA_URL": home.url, "HA_TOKEN": home.token}
    this, later = Ingestor(data, **settings), NewerIngestor(data, tmp_path / "later", **settings)
    first = this.command("audit")
    assert (first.returncode, "partly" in first.stdout) == (1, True)
    before = {name: content(data / f"{name}.sqlite3") for name in NAMES}

    for words in (("audit",), ("quarantine", "list")):  # beside a service of this version, say
        refused = later.command(*words)
        sentence = f"state.sqlite3 was written by an older version (format {FORMATS['state']}"
        assert (refused.returncode, sentence in refused.stderr, "Traceback" in refused.stderr) == (2, True, False)
    checked = later.command("check")
    assert (checked.returncode, "the next run upgrades it" in " ".join(checked.stdout.split())) == (0, True)
    assert {name: content(data / f"{name}.sqlite3") for name in NAMES} == before

    run_over(later, home)
    upgraded = re.findall(r'"copy":"([^"]+)".*"event":"FileUpgraded"', later.log)
    assert sorted(upgraded) == sorted(f"{name}.v{FORMATS[name]}.sqlite3" for name in NAMES)
    check_nothing_is_lost(data, known, partial(embedded, data))
    assert later.command("audit").returncode == 1
    for name in NAMES:
        assert content(data / f"{name}.v{FORMATS[name]}.sqlite3") == before[name]

    for words in (("run",), ("audit",)):
        refused = this.command(*words)
        assert (refused.returncode, "was written by a newer version" in refused.stderr) == (2, True)
        assert "Traceback" not in refused.stderr
    for name in NAMES:
        for tail in ("-wal", "-shm"):
            (data / f"{name}.sqlite3{tail}").unlink(missing_ok=True)
        (data / f"{name}.v{FORMATS[name]}.sqlite3").replace(data / f"{name}.sqlite3")
    run_over(this, home)
    check_nothing_is_lost(data, known, partial(embedded, data))


def test_an_upgrade_without_room_waits_for_it_and_what_changed_meanwhile_comes_back(
    home: SimHome, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 12) as disk:
        known = old_data_dir(tmp_path / "data")
        bring_up_to_date(tmp_path / "data")
        with closing(sqlite3.connect(tmp_path / "data" / "events.sqlite3")) as connection, connection:
            connection.execute("INSERT INTO attributes (id, text) VALUES (1, ?)", ("x" * 2 * MEBIBYTE,))
        shutil.copytree(tmp_path / "data", disk.path, dirs_exist_ok=True)
        (disk.path / "filler").write_bytes(b"\0" * 6 * MEBIBYTE)
        service = NewerIngestor(disk.path, tmp_path / "later", HA_URL=home.url, HA_TOKEN=home.token)
        service.start()
        try:
            wait_until(lambda: "events.sqlite3 is not upgraded" in str(service.get("/health")), "it says why", 30)
            home.run(count=20, rate=1000)
            disk.free()
            wait_until((disk.path / f"events.v{FORMATS['events']}.sqlite3").exists, "it is upgraded", 30)
        finally:
            service.stop()
        run_over(service, home)
        check_nothing_is_lost(disk.path, known, partial(embedded, disk.path))
        stored = {(row["entity_id"], row["time"]) for row in embedded(disk.path, "home_assistant_events")}
        assert expected(home.truth()).keys() <= stored
