"""What is stored of an entity gets another id: nothing is lost, nothing is doubled, whenever it is killed."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import aclosing, closing
from pathlib import Path
from typing import Any, Protocol

import pytest
import trio
from msgspec.structs import replace
from pydantic import SecretStr

from ingestor.assembly.files import STATE, STATE_FILE
from ingestor.assembly.lock import locked
from ingestor.commands.rename import check
from ingestor.model.errors import Unavailable, UsageError
from ingestor.model.records import EntityRecord, Event, Point, Statistic
from ingestor.storage import sqlite_rename
from ingestor.storage.database import Database
from ingestor.storage.influxdb import InfluxDBStore
from ingestor.storage.influxdb_rename import Renaming
from ingestor.storage.influxdb_server import InfluxDBServer
from ingestor.storage.sqlite import FILE, SQLiteStore
from ingestor.storage.store import Renamed
from tests.faults.databases import DoubledInfluxDB, InfluxDB, influxdb
from tests.servers.commands import command, environment
from tests.servers.influxdb2.storage import Answer
from tests.servers.records import ENTITY, SECOND_NS, STATISTIC, event, full, removal

HOME, OLD, NEW = "home", "sensor.old", "sensor.new"
ENTITIES, STATISTICS = "home_assistant_entities", "home_assistant_statistics"
MEASUREMENTS = ("home_assistant_events", STATISTICS, ENTITIES)
ROWS = 3  # in a part, so that a few points are several

Row = dict[str, Any]


def at(number: int, entity_id: str = OLD, **changes: Any) -> Event:
    return event(number, entity_id=entity_id, **changes)


def known(number: int, entity_id: str = OLD, **changes: Any) -> EntityRecord:
    return replace(ENTITY, entity_id=entity_id, time_ns=ENTITY.time_ns + number, registry_id="5f0c", **changes)


def hour(number: int, entity_id: str = OLD, **changes: Any) -> Statistic:
    return replace(STATISTIC, entity_id=entity_id, time_ns=STATISTIC.time_ns + number * 3600 * SECOND_NS, **changes)


CASES: dict[str, tuple[list[Point], Renamed]] = {
    "of one series": ([at(number) for number in range(10)], Renamed(rewritten=10)),
    "which goes on under the new id": ([*map(at, range(7)), at(7, NEW), at(8, NEW)], Renamed(rewritten=7)),
    "of several series, beside others": (
        [
            *(at(number, area="Attic" if number % 2 else None) for number in range(8)),
            *(at(number, area="Hall", unit="W") for number in range(8, 12)),
            *(at(number, entity_id) for number in range(4) for entity_id in ("sensor.old_2", "sensor.ol")),
            *(at(number, home="another") for number in range(4)),
        ],
        Renamed(rewritten=12),
    ),
    "with every tag and field": (
        [replace(full(1), series=replace(full(1).series, entity_id=OLD)), replace(removal(2), series=at(0).series)],
        Renamed(rewritten=2),
    ),
    "some of which a backfill has brought": (
        [*map(at, range(8)), *(at(number, NEW, area="Attic", state="brought") for number in (0, 3, 7))],
        Renamed(rewritten=5, repeated=3),
    ),
    "twice at one time": ([at(1, area="Attic"), at(1, area="Hall"), at(1), at(2)], Renamed(rewritten=2, repeated=2)),
    "in hours of statistics": (
        [*map(hour, range(5)), hour(2, NEW, mean=7.0), hour(3, NEW, unit="MWh"), hour(4, NEW, source="other")],
        Renamed(rewritten=3, repeated=2),
    ),
    "in what is known of it": (
        [known(0), known(1, area="Hall"), known(2), known(3, removed=True), known(3, NEW), known(2, NEW, area="Hall")],
        Renamed(rewritten=2, repeated=1),
    ),
    "of every kind": (
        [at(1), at(2), hour(1), known(1), known(2, removed=True), at(5, NEW), hour(5, NEW)],
        Renamed(rewritten=4),
    ),
}


def truth(rows: Sequence[Row]) -> list[Row]:
    """Return what must be stored in the end."""
    there = {_place(row) for row in rows if row["entity_id"] == NEW}
    wanted: list[Row] = []
    for row in rows:
        if (row["home"], row["entity_id"]) != (HOME, OLD):
            wanted.append(row)
        elif (place := _place(row)) not in there and not (row["measurement"] == ENTITIES and row.get("removed")):
            there.add(place)
            wanted.append(row | {"entity_id": NEW})
    return wanted


def _place(row: Row) -> tuple[Any, ...]:
    return row["measurement"], row["time"], row["source"] if row["measurement"] == STATISTICS else None


def same(some: Sequence[Row], others: Sequence[Row], *, but: str = "") -> bool:
    """Return whether rows are the same, in whatever order; of `but` nobody says which."""

    def plain(rows: Sequence[Row]) -> list[str]:
        return sorted(repr(sorted((k, v) for k, v in row.items() if v is not None and k != but)) for row in rows)

    return plain(some) == plain(others)


class Tried(Protocol):
    """A database with what is stored in it."""

    async def write(self, points: Sequence[Point]) -> None: ...

    def rows(self) -> list[Row]: ...

    async def part(self) -> Renamed | None: ...

    async def count(self) -> int: ...

    async def aclose(self) -> None: ...


class Embedded:
    def __init__(self, directory: Path) -> None:
        self.store = SQLiteStore(directory, retention_days=0)
        self._path = directory / FILE

    async def write(self, points: Sequence[Point]) -> None:
        await self.store.write(points)

    def rows(self) -> list[Row]:
        found: list[Row] = []
        with closing(sqlite3.connect(self._path)) as connection:
            connection.row_factory = sqlite3.Row
            for name in MEASUREMENTS:
                rows = connection.execute(f"SELECT * FROM {name}")  # noqa: S608  our words
                found += [{"measurement": name, **dict(row)} for row in rows]
        return found

    async def part(self) -> Renamed | None:
        with closing(sqlite3.connect(self._path, isolation_level=None)) as connection:
            return sqlite_rename.rename_part(connection, HOME, OLD, NEW, rows=ROWS)

    async def count(self) -> int:
        return await self.store.count(HOME, OLD)

    async def aclose(self) -> None:
        await self.store.aclose()


class Remote:
    """An InfluxDB; a part of it dies as it is told: before it deletes, or in the middle of what it writes."""

    def __init__(self, server: InfluxDB) -> None:
        self.server = server
        given: dict[str, Any] = {"url": f"http://127.0.0.1:{server.port}", "org": server.org, "bucket": server.bucket}
        self.store = InfluxDBStore(token=SecretStr(server.token), retention_days=0, **given)
        self._dying = _Dying(token=SecretStr(server.token), **given)

    async def write(self, points: Sequence[Point]) -> None:
        await self.store.prepare()
        await self.store.write(points)

    def rows(self) -> list[Row]:
        return [
            {"measurement": name, **row}
            for name in MEASUREMENTS
            for row in self.server._select(f'SELECT * FROM "{name}"')  # noqa: S608  our words
        ]

    async def part(self, dies: str = "") -> Renamed | None:
        async def write(lines: bytes) -> int:
            kept = lines.rpartition(b"\nhome_assistant")[0] if dies == "writing" else lines
            await self.store._send(lambda: kept)
            if dies == "writing":
                raise Died
            return 0

        server = self._dying if dies == "deleting" else self.store._server
        return await Renaming(server, self.store._select_each, write, rows=ROWS).part(HOME, OLD, NEW)

    async def count(self) -> int:
        return await self.store.count(HOME, OLD)

    async def aclose(self) -> None:
        await self.store.aclose()


class Died(Exception):
    """What a kill is to who looks only at the database."""


class _Dying(InfluxDBServer):
    async def delete(self, *_about: object) -> None:
        raise Died


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[InfluxDB]:
    started = influxdb(tmp_path_factory.mktemp("influxdb"))
    yield started
    started.close()


@pytest.fixture
def remote(server: InfluxDB, request: pytest.FixtureRequest) -> Remote:
    server.bucket = request.node.name
    return Remote(server)


@pytest.mark.parametrize("kind", ["sqlite", "influxdb"])
@pytest.mark.parametrize("name", CASES)
async def test_everything_of_an_entity_gets_its_new_id(name: str, kind: str, remote: Remote, tmp_path: Path) -> None:
    tried: Tried = Embedded(tmp_path) if kind == "sqlite" else remote
    points, expected = CASES[name]
    async with aclosing(tried):
        await tried.write(points)
        before = tried.rows()
        total, done = await tried.count(), Renamed()
        while part := await tried.part():
            done += part
        assert done == expected
        assert (total, await tried.count()) == (done.rewritten + done.repeated, 0)
        assert same(tried.rows(), truth(before), but="area" if name.startswith("twice") else "")


@pytest.mark.parametrize("dies", ["writing", "deleting"])
async def test_killed_at_any_part_nothing_is_lost_and_the_next_run_ends_it(dies: str, remote: Remote) -> None:
    points = [one for points, _ in (CASES["of one series"], CASES["of every kind"]) for one in points]
    await remote.write(points)
    before = remote.rows()
    wanted = truth(before)
    going = True
    while going:
        try:
            going = await remote.part(dies) is not None  # what was written already is only deleted now
        except Died:
            now = remote.rows()
            assert same(truth(now), wanted)
            assert all(row in now for row in before if (row["home"], row["entity_id"]) != (HOME, OLD))
        going = await remote.part() is not None
    assert same(remote.rows(), wanted)


OF_OLD = f"home_assistant_events,domain=sensor,entity_id={OLD},home=home"
SAME_NS, LATER_NS, ANOTHER_SHARD_NS = at(1).time_ns, at(1).time_ns + 1, at(1).time_ns - 30 * 86_400 * SECOND_NS
FOREIGN: dict[str, tuple[str, int]] = {
    "no domain": (f'home_assistant_events,home=home,entity_id={OLD} state="x" {SAME_NS}', 1),
    "another domain": (f"home_assistant_events,domain=light,home=home,entity_id={OLD} removed=true {LATER_NS}", 1),
    "a tag of a field's name": (f'home_assistant_events,home=home,entity_id={OLD},state=x state="x" {LATER_NS}', 1),
    "fields of tags' names": (f'home_assistant_events home="home",entity_id="{OLD}",domain="sensor" {SAME_NS}', 0),
    "another home": (f'home_assistant_events,domain=sensor,home=another,entity_id={OLD} state="x" {SAME_NS}', 0),
    "another type": (f'home_assistant_events,home=home,entity_id={OLD} value="x",persons_home=1 {ANOTHER_SHARD_NS}', 1),
    "an hour of nobody": (f"{STATISTICS},entity_id={OLD},home=home mean=1 {hour(1).time_ns}", 1),
    "an hour of a strange source": (f"{STATISTICS},entity_id={OLD},home=home,source=a\"'b mean=1 {LATER_NS}", 1),
    "a description without a domain": (f'{ENTITIES},entity_id={OLD},home=home area="x" {known(1).time_ns}', 1),
}
"""Lines of another program that stay, with how many of them have the old id."""
STRANGE = {
    "a tag more": f'{OF_OLD},host=x,source=a"\'b state="x" {SAME_NS}',
    "a whole number, where ours have none": f"{OF_OLD} value=5i,more=2i,removed=true {ANOTHER_SHARD_NS}",
    "text for a number": f'{OF_OLD} value="x",more=true,removed=true {ANOTHER_SHARD_NS}',
    "fractions for whole numbers": f"{OF_OLD} persons_home=1.5,value=2,removed=true {ANOTHER_SHARD_NS}",
    "a large number": f"{OF_OLD} value=18446744073709551615u,removed=true {ANOTHER_SHARD_NS}",
    "fields of tags' names, too": f'{OF_OLD} home="x",entity_id=3i,removed=true {LATER_NS}',
}
"""Lines that have every tag of ours, and so are the entity's."""


@pytest.mark.parametrize("name", [*FOREIGN, *STRANGE])
async def test_points_of_another_program_stay_unless_they_have_all_our_tags(name: str, remote: Remote) -> None:
    line, count = FOREIGN[name] if name in FOREIGN else (STRANGE[name], 0)
    async with aclosing(remote):
        await remote.write([*map(at, range(5)), hour(1), known(1), at(7, NEW, persons_home=1)])
        remote.server.write(f'{OF_OLD} state="x",value=2 {at(1).time_ns + 7}')
        remote.server.write(line)
        before = exactly(remote.server)
        assert await remote.store.foreign(HOME, OLD) == count
        total, done = await remote.count(), Renamed()
        while part := await remote.part():
            done += part
        assert done == Renamed(rewritten=total)
        assert total == (9 if name in STRANGE else 8)
        assert same(exactly(remote.server), [row | {"tag entity_id": NEW} if is_of_old(row) else row for row in before])
        assert (await remote.count(), await remote.store.foreign(HOME, OLD)) == (0, count)


def exactly(server: InfluxDB) -> list[Row]:
    """Return all points, with tags and fields apart, and each field as each of its types."""
    found: list[Row] = []
    for name in MEASUREMENTS:
        tags = [row["tagKey"] for row in server._select(f'SHOW TAG KEYS FROM "{name}"')]
        fields = [(row["fieldKey"], row["fieldType"]) for row in server._select(f'SHOW FIELD KEYS FROM "{name}"')]
        columns = [f"tag {tag}" for tag in tags] + [f"{kind} {field}" for field, kind in fields]
        asked = [f'"{tag}"::tag' for tag in tags] + [f'"{field}"::{kind}' for field, kind in fields]
        told = ", ".join(f"{one} AS c{number}" for number, one in enumerate(asked))
        for row in server._select(f'SELECT {told} FROM "{name}"'):  # noqa: S608  our words
            given = {column: row[f"c{number}"] for number, column in enumerate(columns)}
            found.append({"measurement": name, "time": row["time"], **given})
    return found


def is_of_old(row: Row) -> bool:
    """Return whether a row has every tag that each of ours has."""
    last = re.fullmatch(r"\w+", row["tag source"] or "") if row["measurement"] == STATISTICS else row["tag domain"]
    return (row["tag home"], row["tag entity_id"]) == (HOME, OLD) and last not in (None, "light")


@pytest.mark.parametrize(("table", "stays"), [
    ("UPDATE series SET domain = '' WHERE entity_id = 'sensor.old'", 3),
    ("UPDATE series SET domain = x'00' WHERE entity_id = 'sensor.old'", 3),
    ("UPDATE series SET area = '' WHERE entity_id = 'sensor.old'", 0),
    ("UPDATE series SET area = '' WHERE entity_id = 'sensor.new'", 0),
    ("UPDATE events SET time = 'now' WHERE time = (SELECT min(time) FROM events)", 0),
    ("UPDATE home_assistant_statistics SET source = ''", 1),
    ("UPDATE home_assistant_statistics SET source = x'00'", 1),
    ("UPDATE home_assistant_entities SET domain = '', removed = 'no'", 1),
])  # fmt: skip
async def test_rows_of_another_program_stay_in_the_embedded_database(table: str, stays: int, tmp_path: Path) -> None:
    tried = Embedded(tmp_path)
    async with aclosing(tried):
        await tried.write([*map(at, range(3)), hour(1), known(1), at(7, NEW)])
        with closing(sqlite3.connect(tmp_path / FILE)) as other, other:
            other.execute(table)
        before = tried.rows()
        assert (await tried.store.foreign(HOME, OLD), await tried.count()) == (stays, 5 - stays)
        while await tried.part():
            pass
        assert (await tried.store.foreign(HOME, OLD), await tried.count()) == (stays, 0)
        after = tried.rows()
        assert sum(row["entity_id"] == OLD for row in after) == stays
        assert same(
            [row | {"entity_id": "", "area": ""} for row in after],
            [row | {"entity_id": "", "area": ""} for row in before],
        )


async def test_what_the_database_does_not_have_after_all_stays_under_the_old_id(remote: Remote) -> None:
    await remote.write([at(1)])
    before = remote.rows()

    async def lost(_lines: bytes) -> int:
        return 0

    with pytest.raises(Unavailable, match=r"took 1 points of sensor.new, and does not have 1 of them"):
        await Renaming(remote.store._server, remote.store._select_each, lost).part(HOME, OLD, NEW)
    assert remote.rows() == before


def data_dir(directory: Path, points: Sequence[Point], *, live: bool = False) -> dict[str, str]:
    """Lay out what a service has left, and return the settings of its commands."""
    directory.mkdir()

    async def write() -> None:
        store = SQLiteStore(directory, retention_days=0)
        await store.write(points, live=live)
        await store.aclose()

    state = Database(directory / STATE_FILE, STATE)
    state.run_now(lambda _connection: None)
    trio.run(state.aclose)
    trio.run(write)
    return {"HA_URL": "http://127.0.0.1:9", "HA_TOKEN": "t", "DATA_DIR": str(directory)}


IDS = {
    ("sensor.Old", NEW): "'sensor.Old' is no id of an entity, like sensor.attic",
    (OLD, "old"): "'old' is no id of an entity, like sensor.attic",
    (OLD, "sensor.new_"): "'sensor.new_' is no id of an entity, like sensor.attic",
    (OLD, OLD): f"both ids are {OLD}",
    (OLD, "switch.new"): f"{OLD} cannot become switch.new: a rename keeps the domain",
}


@pytest.mark.parametrize("ids", IDS)
def test_ids_that_make_no_sense_are_refused(ids: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match=re.escape(IDS[ids])):
        check(*ids)


def test_what_cannot_be_renamed_is_refused_with_a_sentence(tmp_path: Path) -> None:
    settings = data_dir(tmp_path / "data", [at(3, NEW)], live=True)
    for ids, sentence in (
        ((OLD, NEW), f"there is nothing stored of {OLD}"),
        ((NEW, OLD), f"{NEW} was still there when the service ran last"),
    ):
        code, said = command(tmp_path, "rename", *ids, **settings)
        assert (code, said.splitlines()[0]) == (2, f"ingestor: {sentence}")
    with locked(tmp_path / "data") as tell:
        tell("http://127.0.0.1:9")
        code, said = command(tmp_path, "rename", OLD, NEW, **settings)
    sentence = "the service is running, and might write under the old id meanwhile"
    assert (code, said.splitlines()[0]) == (2, f"ingestor: {sentence}")


def test_it_says_how_many_and_forgets_how_far_the_old_id_was_captured(tmp_path: Path) -> None:
    settings = data_dir(tmp_path / "data", [at(1), replace(removal(2), series=at(0).series), at(3, NEW)], live=True)
    assert command(tmp_path, "rename", OLD, NEW, "--dry-run", **settings) == (0, "to be rewritten: 2\n")
    assert command(tmp_path, "rename", OLD, NEW, **settings) == (0, "rewritten: 2  there already: 0\n")
    assert command(tmp_path, "rename", OLD, NEW, **settings) == (2, f"ingestor: there is nothing stored of {OLD}\n")
    with closing(sqlite3.connect(tmp_path / "data" / FILE)) as connection:
        assert connection.execute("SELECT entity_id FROM captured JOIN watermarks USING (id)").fetchall() == [(NEW,)]


def test_it_says_what_another_program_wrote_and_leaves_it(tmp_path: Path) -> None:
    settings = data_dir(tmp_path / "data", [at(1), at(2, area="Attic")])
    with closing(sqlite3.connect(tmp_path / "data" / FILE)) as other, other:
        other.execute("UPDATE series SET domain = '' WHERE area = 'Attic'")
    left = "left alone, as another program wrote them: 1\n"
    assert command(tmp_path, "rename", OLD, NEW, "--dry-run", **settings) == (0, f"to be rewritten: 1\n{left}")
    assert command(tmp_path, "rename", OLD, NEW, **settings) == (0, f"rewritten: 1  there already: 0\n{left}")
    sentence = f"ingestor: there is nothing stored of {OLD} but what another program wrote (1)\n"
    assert command(tmp_path, "rename", OLD, NEW, **settings) == (2, sentence)


def test_a_command_that_is_killed_before_it_deletes_goes_on_when_it_is_given_again(tmp_path: Path) -> None:
    settings = data_dir(tmp_path / "data", [])
    server = DoubledInfluxDB()
    remote = Remote(server)
    killed: list[int] = []

    def kill() -> None:
        killed.append(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        raise Answer(500, "internal error", "nobody hears it")

    try:
        trio.run(remote.write, CASES["of every kind"][0])
        before = remote.rows()
        settings |= server.settings(f"http://127.0.0.1:{server.port}")
        server.double.before_delete = kill
        words = [sys.executable, "-m", "ingestor", "rename", OLD, NEW]
        process = subprocess.Popen(words, cwd=tmp_path, env=environment(**settings))
        process.wait()
        server.double.before_delete = lambda: None
        assert (process.returncode, killed) == (-signal.SIGKILL, [process.pid])
        new = [row for row in truth(before) if row not in before and row["measurement"] == MEASUREMENTS[0]]
        assert same(remote.rows(), before + new)
        assert command(tmp_path, "rename", OLD, NEW, **settings) == (0, "rewritten: 2  there already: 2\n")
        assert same(remote.rows(), truth(before))
    finally:
        server.close()
