"""What could not be stored, kept with the reason until someone replays or drops it: `DATA_DIR/state.sqlite3`.

It holds as much as the spool may, `SPOOL_MAX_BYTES`. Full, it takes nothing more and the homes pause, until there is
room again: a batch with something bad in it waits where it was captured, in the spool or in the inbox.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any, TypeVar

from msgspec import Struct

from ingestor.model.advice import hint_of
from ingestor.model.errors import Rejected, Unavailable, UsageError
from ingestor.model.records import Event, RawEvent, Record, StoreMark, WeatherObservation
from ingestor.storage.codec import pack_one, unpack_one
from ingestor.storage.database import Database, give_back, transaction
from ingestor.storage.valve import Valve
from metrics import facts
from metrics.codes import ErrorCode, WarningCode

FULL_RETRY_SECONDS = 10.0
RECORDS_IN_A_PART = 500  # a quarantine that is full does not fit into the memory
_NAMED = 10  # ids in a sentence
_MESSAGE_CHARACTERS = 4000
_COLUMNS = "id, at_ns, home, entity_id, time_ns, code, message, body"
_ADD = """INSERT INTO quarantine (at_ns, home, entity_id, time_ns, code, message, body, digest)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (digest) DO UPDATE SET at_ns = max(excluded.at_ns, at_ns + 1), message = excluded.message"""
_IS_HELD = "SELECT 1 FROM quarantine WHERE digest = ?"
_DELETE = "DELETE FROM quarantine WHERE id = ? AND at_ns = ? RETURNING length(body)"
_BEHIND = "SELECT count(*), ifnull(sum(length(body)), 0), max(id) FROM quarantine WHERE id > ?"

T = TypeVar("T")


class Handle(Struct, frozen=True, kw_only=True):
    """Names one record that was set aside, as it was set aside at `at_ns`."""

    id: int
    at_ns: int


class Quarantined(Handle, frozen=True, kw_only=True):
    """One record that was set aside; `code` and `message` say why."""

    home: str | None
    entity_id: str | None
    time_ns: int | None
    code: str
    message: str
    record: Record


class Quarantine:
    """The records set aside. Every method raises `Unavailable` while the disk does not serve."""

    def __init__(
        self,
        database: Database,
        report: facts.Report,
        clock_ns: Callable[[], int] = time.time_ns,
        *,
        maximum_bytes: int = sys.maxsize,
        valve: Valve | None = None,
    ) -> None:
        self._database = database
        self._report = report
        self._clock_ns = clock_ns
        self._maximum_bytes = maximum_bytes
        self._valve = valve or Valve()
        self._held = _Held()

    def open_now(self) -> None:
        """Tell how much there is; only while nobody else uses the file."""
        self._database.run_now(self._counted(lambda _connection: None), self._warn)
        self._tell()

    async def add(self, bad: Sequence[tuple[Record, Rejected]]) -> None:
        """Keep records, fsynced; the same record again once, as of now. Raises `Unavailable`, too, while it is full."""
        rows = [_row(record, refusal, self._clock_ns()) for record, refusal in bad]
        full = self._valve.reasons.get(ErrorCode.QUARANTINE_FULL)

        def work(connection: sqlite3.Connection) -> None:
            if full and not all(connection.execute(_IS_HELD, row[-1:]).fetchone() for row in rows):
                raise Unavailable(full, code=ErrorCode.QUARANTINE_FULL, retry_after_seconds=FULL_RETRY_SECONDS)
            connection.executemany(_ADD, rows)

        await self._run(work)

    async def read(self, *, limit: int = 100, after: int = 0) -> list[Quarantined]:
        """Return the oldest ones behind the id `after`."""
        query = f"SELECT {_COLUMNS} FROM quarantine WHERE id > ? ORDER BY id LIMIT ?"
        return await self._run(lambda connection: [_read(row) for row in connection.execute(query, (after, limit))])

    async def handles(self, ids: Sequence[int] | None = None) -> list[Handle]:
        """Return those with these ids; without ids all, the oldest first. Raises `UsageError` for one not there."""
        if ids is None:
            query = "SELECT id, at_ns FROM quarantine ORDER BY id"
            return await self._run(lambda connection: [_handle(row) for row in connection.execute(query)])
        query = "SELECT id, at_ns FROM quarantine WHERE id = ?"
        found = await self._run(lambda connection: [connection.execute(query, (id_,)).fetchone() for id_ in ids])
        if missing := [id_ for id_, row in zip(ids, found, strict=True) if row is None]:
            raise none_such(missing)
        return [_handle(row) for row in found]

    async def find(self, id_: int) -> Quarantined:
        """Return one of them. Raises `UsageError` when it is not there."""
        found = await self.those([Handle(id=id_, at_ns=0)])
        if not found:
            raise none_such([id_])
        return found[0]

    async def those(self, handles: Sequence[Handle]) -> list[Quarantined]:
        """Return the records themselves, as far as they are still there; to be asked for some at a time."""
        query = f"SELECT {_COLUMNS} FROM quarantine WHERE id = ?"
        found = await self._run(lambda connection: [connection.execute(query, (one.id,)).fetchone() for one in handles])
        return [_read(row) for row in found if row is not None]

    async def again(self, digests: Mapping[bytes, int]) -> dict[int, str]:
        """Return what is said of those of these digests that are there, by what they map to."""
        query = "SELECT id, message FROM quarantine WHERE digest = ?"
        found = await self._run(lambda connection: [connection.execute(query, (one,)).fetchone() for one in digests])
        rows = zip(digests.values(), found, strict=True)
        return {of: f"refused again, as {row[0]}: {row[1]}" for of, row in rows if row is not None}

    async def times(self, home: str) -> dict[str, set[int]]:
        """Return the times of a home's events that are set aside, by entity."""
        query = "SELECT entity_id, time_ns FROM quarantine WHERE home = ? AND entity_id IS NOT NULL"
        found: dict[str, set[int]] = {}
        for entity_id, time_ns in await self._run(lambda connection: connection.execute(query, (home,)).fetchall()):
            found.setdefault(entity_id, set()).add(time_ns)
        return found

    async def remove(self, gone: Sequence[Handle]) -> int:
        """Forget these, but not one that was set aside again since; return how many that were."""
        removed = 0
        for part in parts(gone):
            removed += await self._run(partial(self._delete, part))
            await self._database.run(give_back)
        return removed

    def _delete(self, gone: Sequence[Handle], connection: sqlite3.Connection) -> int:
        sizes = [size for one in gone for (size,) in connection.execute(_DELETE, (one.id, one.at_ns))]
        self._held.lose(sizes)
        return len(sizes)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work in a transaction; a damaged file is replaced."""
        try:
            result = await self._database.run(self._counted(work), self._warn)
        except Unavailable as error:
            self._report(facts.QuarantineFailed(code=error.code, detail=str(error)))
            raise
        self._tell()
        return result

    def _counted(self, work: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], T]:
        def counted(connection: sqlite3.Connection) -> T:
            with transaction(connection):
                self._held.count(connection)
                result = work(connection)
                self._held.count(connection)
            return result

        return counted

    def _tell(self) -> None:
        held, maximum, code = self._held, self._maximum_bytes, ErrorCode.QUARANTINE_FULL
        detail = f"the quarantine holds {held.size_bytes} bytes, SPOOL_MAX_BYTES is {maximum}"
        self._valve.weigh(code, held.size_bytes, maximum, f"{detail}: {hint_of(code)}")
        self._report(facts.QuarantineHeld(records=held.records, size_bytes=held.size_bytes, maximum_bytes=maximum))
        if full := self._valve.reasons.get(code):
            self._report(facts.QuarantineFailed(code=code, detail=full))

    def _warn(self, detail: str) -> None:
        self._report(facts.Warned(code=WarningCode.STATE_DAMAGED, detail=detail))


class _Held:
    """How much is held: counted whole once for each connection, then only what is new."""

    def __init__(self) -> None:
        self.records = self.size_bytes = self._newest = 0
        self._connection: sqlite3.Connection | None = None

    def count(self, connection: sqlite3.Connection) -> None:
        """Take in what was added; after a failure the connection is another one."""
        if connection is not self._connection:
            self.records = self.size_bytes = self._newest = 0
            self._connection = connection
        records, size_bytes, newest = connection.execute(_BEHIND, (self._newest,)).fetchone()
        self.records += records
        self.size_bytes += size_bytes
        self._newest = newest or self._newest

    def lose(self, sizes: Iterable[int]) -> None:
        """Take out what was deleted."""
        for size_bytes in sizes:
            self.records -= 1
            self.size_bytes -= size_bytes


def _row(record: Record, refusal: Rejected, at_ns: int) -> tuple[Any, ...]:
    body = pack_one(record)
    home, entity_id, time_ns = about(record)
    message = str(refusal)[:_MESSAGE_CHARACTERS]
    return at_ns, home, entity_id, time_ns, refusal.code, message, body, digest(record)


def digest(record: Record) -> bytes:
    """Return what tells a record from every other one."""
    return blake2b(pack_one(record), digest_size=16).digest()


def parts(handles: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield some of them at a time."""
    return (handles[start : start + RECORDS_IN_A_PART] for start in range(0, len(handles), RECORDS_IN_A_PART))


def none_such(ids: Sequence[int]) -> UsageError:
    """Return the error for ids that are not there."""
    more = f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else ""
    return UsageError(f"the quarantine holds no {', '.join(map(str, ids[:_NAMED]))}{more}", code=ErrorCode.NOT_FOUND)


def _handle(row: tuple[int, int]) -> Handle:
    return Handle(id=row[0], at_ns=row[1])


def about(record: Record) -> tuple[str | None, str | None, int | None]:
    """Return a record's home, entity id and time, as far as it has them."""
    match record:
        case RawEvent():
            return record.home, None, record.received_at_ns
        case WeatherObservation():
            return None, None, record.time_ns
        case Event():
            return record.series.home, record.series.entity_id, record.time_ns
        case StoreMark():
            return record.home, None, record.time_ns
    return record.home, record.entity_id, record.time_ns


def _read(row: Sequence[Any]) -> Quarantined:
    names = ("id", "at_ns", "home", "entity_id", "time_ns", "code", "message")
    return Quarantined(**dict(zip(names, row[:-1], strict=True)), record=unpack_one(row[-1]))
