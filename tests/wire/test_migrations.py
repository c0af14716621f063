"""How a file of ours gets another shape: all of it or nothing, with a copy, and never under the feet of a service."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import trio

from ingestor.assembly.files import STATE
from ingestor.model.errors import ConfigError, Damaged, Unavailable
from ingestor.model.records import Event
from ingestor.storage import spool, sqlite
from ingestor.storage.database import Database, Outdated
from ingestor.storage.schema import MIGRATIONS, Schema
from ingestor.storage.spool import Spool
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.valve import Valve
from tests.faults.small_disk import MEBIBYTE, small_disk
from tests.servers.data_dirs import NAMES, content, old_data_dir
from tests.servers.loaded import ROOT
from tests.servers.records import WEATHER, event, full

SCHEMAS = {"spool": spool.SCHEMA, "state": STATE, "events": sqlite.SCHEMA}
TABLES = {"spool": "captured", "state": "gaps", "events": "events"}

# A table rebuilt, with a column and an index more: what SQLite has no other way for.
REBUILD = """
-- A comment; with a semicolon.
CREATE TABLE rebuilt (series_id INTEGER NOT NULL, time INTEGER NOT NULL, state TEXT, value REAL, previous_state TEXT,
    previous_duration_seconds REAL, attributes_id INTEGER, observation_id INTEGER, persons_home INTEGER, caused_by TEXT,
    removed INTEGER, caused_by_entity TEXT, season TEXT NOT NULL,
    PRIMARY KEY (series_id, time)) WITHOUT ROWID;
INSERT INTO rebuilt SELECT *, 'autumn' FROM events;
DROP TABLE events;
ALTER TABLE rebuilt RENAME TO events;
CREATE INDEX events_time ON events (time);
"""
SEASON = "ALTER TABLE {} ADD COLUMN season TEXT NOT NULL DEFAULT 'autumn';\n"
WINTER = "UPDATE {} SET season = 'winter';\n"
AGAIN = "INSERT INTO {0} SELECT * FROM {0};\n"


def later(name: str, *scripts: str) -> Schema:
    """Return the schema of a later version, with these migrations."""
    now = SCHEMAS[name]
    return replace(now, migrations=(*now.migrations, *scripts))


def seasons(name: str) -> Schema:
    """Return a later schema of any file."""
    return later(name, SEASON.format(TABLES[name]), WINTER.format(TABLES[name]))


def opened(file: Path, schema: Schema, *, upgrades: bool = True) -> None:
    database = Database(file, schema, upgrades=upgrades)
    try:
        database.run_now(lambda _connection: None)
    finally:
        trio.run(database.aclose)


def query(file: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        return connection.execute(statement).fetchall()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data directory with what version 0.1.0 left, in the formats of today."""
    old_data_dir(tmp_path / "data")
    for name in NAMES:
        opened(tmp_path / "data" / f"{name}.sqlite3", SCHEMAS[name])
    for copy in (tmp_path / "data").glob("*.v*.sqlite3"):
        copy.unlink()
    return tmp_path / "data"


@pytest.mark.parametrize("name", NAMES)
def test_an_upgrade_keeps_every_row_and_leaves_a_copy_of_the_older_file(name: str, data: Path) -> None:
    file = data / f"{name}.sqlite3"
    before, now = content(file), SCHEMAS[name].format
    for _ in range(2):  # the second time there is nothing to do
        opened(file, seasons(name))
        after = content(file)
        assert (before["format"], after["format"]) == (now, now + 2)
        assert {row[-1] for row in after[TABLES[name]]} == {"winter"}
        after |= {"format": now, TABLES[name]: [row[:-1] for row in after[TABLES[name]]]}
        assert after == before
        assert content(data / f"{name}.v{now}.sqlite3") == before
        assert sorted(data.glob(f"{name}.v*")) == [data / f"{name}.v{now}.sqlite3"]


def test_one_file_is_all_that_a_migration_needs(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "state"
    shutil.copytree(MIGRATIONS / "state", folder)
    number = STATE.format + 1
    (folder / f"{number}.sql").write_text(SEASON.format("gaps"))
    for file in (data / "state.sqlite3", tmp_path / "new.sqlite3"):
        opened(file, Schema.read(folder))
        assert query(file, "PRAGMA user_version") == [(number,)]
        query(file, "SELECT season FROM gaps")


@pytest.mark.parametrize("name", NAMES)
def test_a_new_file_has_the_shape_of_an_upgraded_one_and_no_copy(name: str, tmp_path: Path) -> None:
    data = tmp_path / "data"
    old_data_dir(data)
    opened(data / f"{name}.sqlite3", seasons(name))
    opened(tmp_path / f"{name}.sqlite3", seasons(name))
    shape = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name"
    assert query(data / f"{name}.sqlite3", shape) == query(tmp_path / f"{name}.sqlite3", shape)
    assert not list(tmp_path.glob("*.v*.sqlite3"))


def test_a_table_may_be_rebuilt_under_views_of_ours_and_of_the_user(data: Path) -> None:
    file = data / "events.sqlite3"
    before = content(file)["events"]
    query(file, "CREATE VIEW mine AS SELECT time, persons_home FROM events JOIN series ON series.id = series_id")
    expected = query(file, "SELECT * FROM mine ORDER BY time, persons_home")
    opened(file, later("events", REBUILD))
    assert [row[:-1] for row in content(file)["events"]] == before
    assert query(file, "SELECT * FROM mine ORDER BY time, persons_home") == expected
    assert len(query(file, "SELECT * FROM home_assistant_events")) == len(before)


def test_a_view_whose_text_is_another_is_made_anew_without_a_number(data: Path) -> None:
    file = data / "events.sqlite3"
    derived = dict(SCHEMAS["events"].derived) | {"weather": "CREATE VIEW weather AS SELECT 7 AS seven"}
    opened(file, replace(SCHEMAS["events"], derived=derived))
    assert query(file, "SELECT * FROM weather") == [(7,)]
    opened(file, SCHEMAS["events"])
    assert len(query(file, "SELECT location, temperature FROM weather")) > 1
    assert not list(data.glob("events.v*"))


def test_an_index_whose_text_is_another_is_made_anew(data: Path) -> None:
    file = data / "events.sqlite3"
    statement = "CREATE UNIQUE INDEX series_identity ON series (entity_id, home, domain, ifnull(area, ''), id)"
    opened(file, replace(SCHEMAS["events"], derived={"series_identity": statement}))
    assert query(file, "SELECT sql FROM sqlite_master WHERE name = 'series_identity'") == [(statement,)]


def test_a_column_that_a_table_lacks_is_added_and_an_older_version_goes_on_with_it(data: Path) -> None:
    file = data / "events.sqlite3"
    before = content(file)["events"]
    columns = {"events": {"time": "INTEGER", "sunny": "INTEGER", "moon": "TEXT"}, "series": {"wing": "TEXT"}}
    opened(file, replace(SCHEMAS["events"], columns=columns, derived={}))
    assert content(file)["events"] == [(*row, None, None) for row in before]
    assert not list(data.glob("events.v*"))
    newest = msgspec.structs.replace(full(1), time_ns=2**62)
    assert trio.run(written_and_read, data, newest) == newest.state


async def written_and_read(data: Path, written: Event) -> str | None:
    """Write an event as a version that knows nothing of later columns does, and return what it reads."""
    store = SQLiteStore(data, 0)
    try:
        await store.write([written, WEATHER], live=True)
        return (await store.recent(limit=1))[0].state
    finally:
        await store.aclose()


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_lacks_nothing_is_opened_while_another_program_writes(name: str, data: Path) -> None:
    file = data / f"{name}.sqlite3"
    opened(file, SCHEMAS[name])
    with closing(sqlite3.connect(file, isolation_level=None)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        opened(file, SCHEMAS[name])


@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_a_newer_version_is_refused_and_left_as_it_is(name: str, data: Path) -> None:
    file = data / f"{name}.sqlite3"
    opened(file, seasons(name))
    before = content(file)
    newer, known = SCHEMAS[name].format + 2, SCHEMAS[name].format + 1
    said = rf"{name}\.sqlite3 was written by a newer version \(format {newer}, we know {known}\)"
    with pytest.raises(ConfigError, match=said):
        opened(file, later(name, "SELECT 1;\n"))
    assert content(file) == before


@pytest.mark.parametrize("name", NAMES)
def test_who_does_not_hold_the_lock_upgrades_nothing(name: str, data: Path) -> None:
    file = data / f"{name}.sqlite3"
    before, now = content(file), SCHEMAS[name].format
    sentence = rf"was written by an older version \(format {now}, we need {now + 2}\): `ingestor run` upgrades it"
    with pytest.raises(Outdated, match=sentence):
        opened(file, seasons(name), upgrades=False)
    opened(file, replace(SCHEMAS[name], derived={"one": "CREATE VIEW one AS SELECT 1"}), upgrades=False)
    assert content(file) == before
    assert not list(data.glob(f"{name}.v*")) + query(file, "SELECT 1 FROM sqlite_master WHERE name = 'one'")


@pytest.mark.parametrize("name", NAMES)
def test_a_migration_that_fails_changes_nothing_and_is_no_damage(name: str, data: Path) -> None:
    file = data / f"{name}.sqlite3"
    before = content(file)
    wrong = ("SELECT * FROM a_table_that_is_not_there;\n", AGAIN.format(TABLES[name]))
    for number, statement in enumerate(wrong):
        schema = later(name, SEASON.format(TABLES[name]), f"CREATE TABLE half_{number} (a);\n{statement}")
        with pytest.raises(ConfigError, match=r"cannot be upgraded .* it is as it was: please report this"):
            opened(file, schema)
        assert content(file) == before
    opened(file, seasons(name))
    assert content(file)["format"] == SCHEMAS[name].format + 2


@pytest.mark.parametrize("name", NAMES)
def test_a_kill_at_any_moment_leaves_the_older_file_or_the_newer_one_whole(
    name: str, data: Path, tmp_path: Path
) -> None:
    file = data / f"{name}.sqlite3"
    killed, scripts = tmp_path / "killed", seasons(name).migrations
    subprocess.run(
        [sys.executable, "-m", "tests.servers.dying", str(file), str(killed), *scripts],
        cwd=ROOT,
        check=True,
        timeout=60,
    )
    old = content(file)
    opened(file, seasons(name))
    new = content(file)
    assert old != new
    found = []
    for number in range(1, len(list(killed.iterdir())) + 1):
        left = killed / str(number) / file.name
        copy = left.with_name(f"{name}.v{SCHEMAS[name].format}.sqlite3")
        found.append("old" if content(left) == old else "new" if content(left) == new else "half")
        assert copy.exists() or found[-1] == "old"
        assert not copy.exists() or content(copy) == old
        opened(left, seasons(name))
        assert (content(left), content(copy)) == (new, old)
        assert not list(left.parent.glob("*.unfinished*"))
    assert found == sorted(found, reverse=True)
    assert len(found) > 30
    assert set(found) == {"old", "new"}


async def test_an_upgrade_waits_for_another_that_is_under_way(data: Path) -> None:
    databases = [Database(data / "state.sqlite3", seasons("state")) for _ in range(2)]
    async with trio.open_nursery() as nursery:
        for database in databases:
            nursery.start_soon(database.run, lambda connection: connection.execute("SELECT season FROM gaps"))
    for database in databases:
        await database.aclose()
    assert content(data / f"state.v{STATE.format}.sqlite3")["format"] == STATE.format


def test_without_room_for_the_copy_nothing_changes_until_there_is(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 8) as disk:
        old_data_dir(tmp_path / "data")
        file = disk.path / "events.sqlite3"
        with closing(sqlite3.connect(tmp_path / "data" / "events.sqlite3")) as old:
            old.execute("INSERT INTO attributes VALUES (1, ?)", ("x" * MEBIBYTE,))
            old.commit()
        shutil.copy(tmp_path / "data" / "events.sqlite3", file)
        before = content(file)
        (disk.path / "filler").write_bytes(b"\0" * 4 * MEBIBYTE)
        database = Database(file, seasons("events"))
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"need 4 MB, and the disk has \d MB free") as raised:
                database.run_now(lambda _connection: None)
            assert raised.value.code == "disk_full"
            assert content(file) == before
            assert not list(disk.path.glob("events.v*"))
        disk.free()
        database.run_now(lambda _connection: None)
        trio.run(database.aclose)
        assert (content(file)["format"], content(disk.path / "events.v1.sqlite3")) == (4, before)


async def test_a_damaged_older_spool_is_set_aside_and_what_can_be_read_goes_on(data: Path) -> None:
    file = data / "spool.sqlite3"
    async with spooling(data, SCHEMAS["spool"]) as whole:
        pending = whole.pending_records
    damage(file)
    async with spooling(data, later("spool", "CREATE TABLE more (a);\n")) as damaged:
        assert damaged.damaged
        assert damaged.pending_records == pending
        await damaged.commit([event(1)])
    assert query(file, "PRAGMA user_version") == [(SCHEMAS["spool"].format + 1,)]
    assert len(list(await trio.Path(data).glob("spool.*.damaged"))) == 1


@asynccontextmanager
async def spooling(data: Path, schema: Schema) -> AsyncGenerator[Spool]:
    opened_spool = Spool(data, 10**9, Valve(), lambda _fact: None)
    opened_spool._database = Database(data / spool.FILE, schema)
    try:
        await opened_spool.open()
        yield opened_spool
    finally:
        await opened_spool.aclose()


def damage(file: Path) -> None:
    """Spoil the page that holds the notes."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [[page]] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'notes'").fetchall()
    spoilt = bytearray(file.read_bytes())
    spoilt[(page - 1) * 4096 : page * 4096] = b"\xff" * 4096
    file.write_bytes(spoilt)


def test_a_file_that_is_no_database_is_damaged_whatever_waits(tmp_path: Path) -> None:
    file = tmp_path / "state.sqlite3"
    file.write_bytes(b"no database" * 1000)
    database = Database(file, seasons("state"))
    with pytest.raises(Damaged):
        database.run_now(lambda _connection: None)
    assert list(tmp_path.iterdir()) == [file]
    aside = database.replace_now(lambda aside, _connection: aside)
    trio.run(database.aclose)
    assert aside.read_bytes() == b"no database" * 1000
    assert content(file)["format"] == STATE.format + 2
