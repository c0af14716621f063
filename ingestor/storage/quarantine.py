"""What could not be stored, kept with the reason until someone replays or drops it: `DATA_DIR/state.sqlite3`."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, TypeVar

from msgspec import Struct

from ingestor.model.errors import Rejected
from ingestor.model.records import Event, RawEvent, Record, StoreMark, WeatherObservation
from ingestor.storage.codec import pack_one, unpack_one
from ingestor.storage.database import Database, transaction
from metrics import facts
from metrics.codes import WarningCode

_MESSAGE_CHARACTERS = 4000
_COLUMNS = "id, at_ns, home, entity_id, time_ns, code, message, body"
_ADD = """INSERT INTO quarantine (at_ns, home, entity_id, time_ns, code, message, body, digest)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (digest) DO UPDATE SET at_ns = max(excluded.at_ns, at_ns + 1), message = excluded.message"""

T = TypeVar("T")


class Quarantined(Struct, frozen=True, kw_only=True):
    """One record that was set aside. `code` and `message` say why; `at_ns` when."""

    id: int
    at_ns: int
    home: str | None
    entity_id: str | None
    time_ns: int | None
    code: str
    message: str
    record: Record


class Quarantine:
    """The records set aside. Every method raises `Unavailable` while the disk does not serve."""

    def __init__(self, database: Database, report: facts.Report, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._database = database
        self._report = report
        self._clock_ns = clock_ns

    async def open(self) -> None:
        """Tell how many there are."""
        await self._run(lambda _connection: None)

    async def add(self, bad: Sequence[tuple[Record, Rejected]]) -> None:
        """Keep records, fsynced. The same record again is kept once, as of now."""
        rows = [_row(record, refusal, self._clock_ns()) for record, refusal in bad]
        await self._run(lambda connection: connection.executemany(_ADD, rows))

    async def read(self, *, limit: int = 100, after: int = 0) -> list[Quarantined]:
        """Return the oldest ones behind the id `after`; a limit of -1 is none."""
        query = f"SELECT {_COLUMNS} FROM quarantine WHERE id > ? ORDER BY id LIMIT ?"
        return await self._run(lambda connection: [_read(row) for row in connection.execute(query, (after, limit))])

    async def find(self, id_: int) -> Quarantined | None:
        """Return one of them."""
        found = await self.read(limit=1, after=id_ - 1)
        return found[0] if found and found[0].id == id_ else None

    async def times(self, home: str) -> dict[str, set[int]]:
        """Return the times of a home's events that are set aside, by entity."""
        query = "SELECT entity_id, time_ns FROM quarantine WHERE home = ? AND entity_id IS NOT NULL"
        found: dict[str, set[int]] = {}
        for entity_id, time_ns in await self._run(lambda connection: connection.execute(query, (home,)).fetchall()):
            found.setdefault(entity_id, set()).add(time_ns)
        return found

    async def remove(self, gone: Sequence[Quarantined]) -> int:
        """Forget these, but not one that was set aside again since; return how many that were."""

        def delete(connection: sqlite3.Connection) -> int:
            before = connection.total_changes
            rows = [(one.id, one.at_ns) for one in gone]
            connection.executemany("DELETE FROM quarantine WHERE id = ? AND at_ns = ?", rows)
            return connection.total_changes - before

        return await self._run(delete)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work in a transaction; a damaged file is replaced."""

        def counted(connection: sqlite3.Connection) -> tuple[T, int]:
            with transaction(connection):
                result = work(connection)
                [held] = connection.execute("SELECT count(*) FROM quarantine").fetchone()
            return result, held

        result, held = await self._database.run(counted, self._warn)
        self._report(facts.QuarantineHeld(records=held))
        return result

    def _warn(self, detail: str) -> None:
        self._report(facts.Warned(code=WarningCode.STATE_DAMAGED, detail=detail))


def _row(record: Record, refusal: Rejected, at_ns: int) -> tuple[Any, ...]:
    body = pack_one(record)
    home, entity_id, time_ns = about(record)
    message = str(refusal)[:_MESSAGE_CHARACTERS]
    return at_ns, home, entity_id, time_ns, refusal.code, message, body, blake2b(body, digest_size=16).digest()


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
