"""The jobs of every home, in `DATA_DIR/state.sqlite3`: they go on after `kill -9`, from where they were saved last.

A job is saved behind everything that it has kept so far. What a crash lets it do again, it finds stored.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import msgspec
import trio
from msgspec.structs import asdict, replace

from ingestor.history.rows import Tail
from ingestor.history.work import UNFINISHED, Job, JobState, new_job
from ingestor.model.signals import Signal
from ingestor.storage.database import Database, Warn, transaction
from metrics.codes import JobKind

KEPT = 100  # jobs that have ended
PERIODIC_KEPT = 4  # of those, audits that nobody asked for
COVERED = "a later job covers it"
_COLUMNS = ", ".join(Job.__struct_fields__)
_UNFINISHED = "state IN ('waiting', 'running')"
_FORGET = f"""DELETE FROM jobs WHERE NOT {_UNFINISHED} AND cause = 'periodic' IS ? AND id NOT IN (
    SELECT id FROM jobs WHERE NOT {_UNFINISHED} AND cause = 'periodic' IS ? ORDER BY id DESC LIMIT ?)"""  # noqa: S608  our words

T = TypeVar("T")
_tails = msgspec.msgpack.Decoder(dict[str, Tail])


class Jobs:
    """Every method raises `Unavailable` while the disk does not serve. `changed` is sent when there is one to do."""

    def __init__(self, database: Database, warn: Warn = lambda _detail: None) -> None:
        self.changed = Signal()
        self._database = database
        self._warn = warn
        self._worked_off: dict[int, trio.CancelScope] = {}

    async def ask(
        self, home: str, kind: JobKind, from_us: int, to_us: int | None, now_us: int, *, instead: bool = False
    ) -> Job | None:
        """Begin what a user wants, or join the same that is under way; None while another of its kind is, in its home.

        With `instead` that one is given up. Without an end it is wanted until now, or as it was begun: a backfill that
        failed goes on from where it was.
        """

        def work(connection: sqlite3.Connection) -> Job | None:
            where, values = "WHERE home = ? AND kind = ? AND cause = ''", (home, kind)
            for job in _read(connection, f"{where} AND {_UNFINISHED} ORDER BY id", values):
                if job.from_us == from_us and to_us in {None, job.to_us}:
                    return job
                if not instead:
                    return None
                _end(connection, job, "another one was begun")
            if kind is JobKind.BACKFILL:
                for job in _read(connection, f"{where} AND state = 'failed' ORDER BY id DESC", values):
                    if job.from_us == from_us and to_us in {None, job.to_us}:
                        again = replace(job, state=JobState.WAITING, code="", reason="", crashes=0)
                        _write(connection, again)
                        return again
            return _insert(connection, new_job(home, kind, (from_us, now_us if to_us is None else to_us)))

        job = await self._run(work)
        self.changed.send()
        return job

    async def add(self, job: Job) -> None:
        """Begin one that has a cause of its own. Those of its kind that it covers are ended: it does their work."""

        def work(connection: sqlite3.Connection) -> list[int]:
            where = f"WHERE home = ? AND kind = ? AND cause != '' AND {_UNFINISHED}"
            covered = [one for one in _read(connection, where, (job.home, job.kind)) if job.covers(one)]
            for one in covered:
                _end(connection, one, COVERED)
            _insert(connection, job)
            return [one.id for one in covered]

        for id_ in await self._run(work):
            self._stop(id_)
        self.changed.send()

    async def cancel(self, id_: int) -> Job | None:
        """End a job at a user's wish; return how it stands then, or None where there is none of this number."""

        def work(connection: sqlite3.Connection) -> list[Job]:
            for job in _read(connection, f"WHERE id = ? AND {_UNFINISHED}", (id_,)):
                _end(connection, job, "a user has cancelled it")
            return _read(connection, "WHERE id = ?", (id_,))

        found = await self._run(work)
        self._stop(id_)
        return found[0] if found else None

    async def unfinished(self, home: str) -> list[Job]:
        """Return what there is to do for a home, the oldest first."""
        where = f"WHERE home = ? AND {_UNFINISHED} ORDER BY id"
        return await self._run(lambda connection: _read(connection, where, (home,)))

    async def read(self, *, limit: int = 10, kind: JobKind | None = None, of_user: bool = False) -> list[Job]:
        """Return the newest first: of one kind, or only what users asked for; a limit of -1 is none."""
        where = "WHERE kind = ifnull(?, kind) AND (cause = '' OR NOT ?) ORDER BY id DESC LIMIT ?"
        return await self._run(lambda one: _read(one, where, (kind, of_user, limit)))

    async def find(self, id_: int) -> Job | None:
        """Return one by its number."""
        found = await self._run(lambda one: _read(one, "WHERE id = ?", (id_,)))
        return found[0] if found else None

    async def save(self, job: Job, tails: Mapping[str, Tail] | None = None) -> None:
        """Keep how far it came; with the last rows before its cursor, where that has moved.

        What somebody else has ended stays ended: the block that works it off is cancelled.
        """

        def work(connection: sqlite3.Connection) -> bool:
            is_saved = _write(connection, job, None if tails is None else msgspec.msgpack.encode(tails))
            if job.state not in UNFINISHED:
                for is_periodic, kept in ((False, KEPT), (True, PERIODIC_KEPT)):
                    connection.execute(_FORGET, (is_periodic, is_periodic, kept))
            return is_saved

        if not await self._run(work):
            self._stop(job.id)

    async def tails(self, job: Job) -> dict[str, Tail]:
        """Return the last rows before the cursor, by entity; none where they cannot be read."""
        query = "SELECT tails FROM jobs WHERE id = ?"
        [body] = await self._run(lambda connection: connection.execute(query, (job.id,)).fetchone() or (None,))
        try:
            return _tails.decode(body) if body is not None else {}
        except msgspec.MsgspecError:
            return {}

    @contextmanager
    def worked_off(self, job: Job) -> Generator[trio.CancelScope]:
        """Hold a job: when somebody ends it, the block is cancelled."""
        with trio.CancelScope() as scope:
            self._worked_off[job.id] = scope
            try:
                yield scope
            finally:
                del self._worked_off[job.id]

    def _stop(self, id_: int) -> None:
        if id_ in self._worked_off:
            self._worked_off[id_].cancel()

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        return await self._database.run(partial(_transacted, work), self._warn)


def _transacted(work: Callable[[sqlite3.Connection], T], connection: sqlite3.Connection) -> T:
    with transaction(connection):
        return work(connection)


def _insert(connection: sqlite3.Connection, job: Job) -> Job:
    values = asdict(job)
    del values["id"]
    marks = ", ".join("?" * len(values))
    insert = f"INSERT INTO jobs ({', '.join(values)}) VALUES ({marks})"  # noqa: S608  our words
    return replace(job, id=connection.execute(insert, tuple(values.values())).lastrowid or 0)


def _write(connection: sqlite3.Connection, job: Job, tails: bytes | None = None) -> bool:
    """Return whether there was something to write to: what has ended stays as it is, but for what failed."""
    values = asdict(job)
    del values["id"]
    if tails is not None:
        values["tails"] = tails
    updates = ", ".join(f"{name} = ?" for name in values)
    query = f"UPDATE jobs SET {updates} WHERE id = ? AND state NOT IN ('done', 'cancelled')"  # noqa: S608  our words
    return connection.execute(query, (*values.values(), job.id)).rowcount > 0


def _end(connection: sqlite3.Connection, job: Job, reason: str) -> None:
    _write(connection, replace(job, state=JobState.CANCELLED, code="", reason=reason))


def _read(connection: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> list[Job]:
    """Return the jobs that can be read; what is no job stands in the way of none."""
    found = []
    for row in connection.execute(f"SELECT {_COLUMNS} FROM jobs {where}", values):  # noqa: S608  our words
        with suppress(msgspec.ValidationError):
            found.append(msgspec.convert(dict(zip(Job.__struct_fields__, row, strict=True)), Job))
    return found
