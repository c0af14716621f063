"""How far each backfill came, in `DATA_DIR/state.sqlite3`, so that a killed one goes on where it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
import trio
from msgspec import Struct
from msgspec.structs import asdict

from ingestor.history.rows import Tail
from ingestor.storage.database import Database, transaction

_tails = msgspec.msgpack.Decoder(dict[str, Tail])


class Job(Struct, frozen=True, kw_only=True):
    """A backfill. `compared` states and hours were found in the recorder; those `imported` were not in the store.

    States are imported until `cursor_us`, then `statistics` (hours) until `hours_us`. `detail` says why it failed, or
    what it found strange; `cause` why it was begun, unless the user wished it.
    """

    id: int = 0
    home: str
    from_us: int
    to_us: int
    cursor_us: int
    hours_us: int
    state: Literal["running", "done", "failed"] = "running"
    detail: str = ""
    cause: str = ""
    compared: int = 0
    imported: int = 0
    statistics: int = 0

    @property
    def share(self) -> float:
        """How much of it is done."""
        if self.state == "done":
            return 1.0
        done = max(0, self.cursor_us - self.from_us) + max(0, self.hours_us - self.from_us)
        return done / (2 * (self.to_us - self.from_us))


_COLUMNS = ", ".join(Job.__struct_fields__)


class Jobs:
    """The backfills of every home. Every method raises `Unavailable` while the disk does not serve."""

    def __init__(self, database: Database) -> None:
        self.begun = trio.Event()
        self._database = database

    async def ask(self, home: str, from_us: int, to_us: int | None, now_us: int) -> Job | None:
        """Begin a backfill of a home, or go on with the one of this span; none while another is under way there."""
        job = await self.running(home)
        if job is None:
            job = await self.begin(home, from_us, to_us, now_us)
        return job if job.from_us == from_us and to_us in {None, job.to_us} else None

    async def begin(self, home: str, from_us: int, to_us: int | None, now_us: int) -> Job:
        """Return the user's unfinished backfill from this time (and to that one, if given), or a new one.

        Another one of the user's that is under way is given up.
        """

        def work(connection: sqlite3.Connection) -> Job:
            with transaction(connection):
                where = "WHERE home = ? AND from_us = ? AND to_us = ifnull(?, to_us) AND state != 'done' AND cause = ''"
                unfinished = _read(connection, f"{where} ORDER BY id DESC LIMIT 1", (home, from_us, to_us))
                given_up = "UPDATE backfills SET state = 'failed', detail = ? WHERE home = ? AND state = 'running'"
                connection.execute(f"{given_up} AND cause = ''", ("another one was begun", home))
                if unfinished:
                    id_ = unfinished[0].id
                    connection.execute("UPDATE backfills SET state = 'running', detail = '' WHERE id = ?", (id_,))
                else:
                    id_ = _insert(connection, _fresh(home, from_us, now_us if to_us is None else to_us))
                return _read(connection, "WHERE id = ?", (id_,))[0]

        job = await self._database.run(work)
        self._tell_begun()
        return job

    async def add(self, home: str, from_us: int, to_us: int, cause: str) -> None:
        """Begin one that has a cause of its own; it waits for those that are under way."""
        await self._database.run(lambda connection: _insert(connection, _fresh(home, from_us, to_us, cause)))
        self._tell_begun()

    async def running(self, home: str) -> Job | None:
        """Return the backfill of a home that is under way, the oldest one."""
        where = "WHERE home = ? AND state = 'running' ORDER BY id LIMIT 1"
        found = await self._database.run(lambda one: _read(one, where, (home,)))
        return found[0] if found else None

    async def find(self, id_: int) -> Job:
        """Return one that there is."""
        [found] = await self._database.run(lambda one: _read(one, "WHERE id = ?", (id_,)))
        return found

    async def read(self, *, limit: int = 10) -> list[Job]:
        """Return the newest first."""
        return await self._database.run(lambda one: _read(one, "ORDER BY id DESC LIMIT ?", (limit,)))

    async def save(self, job: Job, tails: Mapping[str, Tail] | None = None) -> None:
        """Keep how far it came; with the last rows before its cursor, where that has moved."""
        values = asdict(job)
        del values["id"]
        if tails is not None:
            values["tails"] = msgspec.msgpack.encode(tails)
        updates = ", ".join(f"{name} = ?" for name in values)
        query = f"UPDATE backfills SET {updates} WHERE id = ?"  # noqa: S608  our words
        await self._database.run(lambda connection: connection.execute(query, (*values.values(), job.id)))

    async def tails(self, job: Job) -> dict[str, Tail]:
        """Return the last rows before the cursor, by entity."""

        def work(connection: sqlite3.Connection) -> dict[str, Tail]:
            [body] = connection.execute("SELECT tails FROM backfills WHERE id = ?", (job.id,)).fetchone()
            return _tails.decode(body) if body is not None else {}

        return await self._database.run(work)

    def _tell_begun(self) -> None:
        self.begun.set()
        self.begun = trio.Event()


def _fresh(home: str, from_us: int, to_us: int, cause: str = "") -> Job:
    return Job(home=home, from_us=from_us, to_us=to_us, cursor_us=from_us, hours_us=from_us, cause=cause)


def _insert(connection: sqlite3.Connection, job: Job) -> int:
    values = asdict(job)
    del values["id"]
    marks = ", ".join("?" * len(values))
    insert = f"INSERT INTO backfills ({', '.join(values)}) VALUES ({marks})"  # noqa: S608  our words
    return connection.execute(insert, tuple(values.values())).lastrowid or 0


def _read(connection: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> list[Job]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM backfills {where}", values).fetchall()  # noqa: S608  our words
    return [Job(**dict(zip(Job.__struct_fields__, row, strict=True))) for row in rows]
