"""The embedded store: one SQLite file in the data directory, for those who run no database of their own.

Another program may write into it: a row of its own is skipped in reading, and counted (`model/fields.py`). SQLite holds
what a column was not made for, text in place of a number, and text that is no UTF-8; the latter is read as bytes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from ingestor.model import disk, fields
from ingestor.model.errors import Damaged, IngestorError, Rejected
from ingestor.model.gaps import Note
from ingestor.model.instants import SECOND_NS
from ingestor.model.records import Event, Point, Statistic, Watermark
from ingestor.storage import notes as notebook
from ingestor.storage import sqlite_rename
from ingestor.storage.columns import COLUMNS, DERIVED
from ingestor.storage.database import Database, Outdated, transaction
from ingestor.storage.notes import Written
from ingestor.storage.schema import MIGRATIONS, Schema
from ingestor.storage.store import Finding, Renamed, Retention
from ingestor.storage.tables import Tables
from ingestor.storage.watermarks import Watermarks
from metrics import facts

FILE = "events.sqlite3"
SCHEMA = Schema.read(MIGRATIONS / "events", columns=COLUMNS, derived=DERIVED)
EXPIRY_SECONDS = 3600.0
EXPIRED_ROWS = 20_000  # at once, so that a write never waits long
FOREIGN_ROWS = 10_000  # that may lie among the newest and hide none of ours
DAY_NS = 86_400 * SECOND_NS

_EVENT_KEYS = """SELECT e.time, s.entity_id, s.domain
    FROM events AS e INDEXED BY events_time JOIN series AS s ON s.id = e.series_id
    WHERE e.time >= ? AND e.time < ? AND s.home = ?"""
_COUNT = """SELECT count(*) FROM events INDEXED BY events_time
    WHERE time >= ? AND typeof(time) = 'integer'
    AND series_id IN (SELECT id FROM series WHERE home = ? AND domain <> '')"""
_STATISTIC_KEYS = """SELECT time, entity_id, source
    FROM home_assistant_statistics WHERE time >= ? AND time < ? AND home = ?"""
_OLDEST = """SELECT min(e.time) FROM events AS e JOIN series AS s ON s.id = e.series_id
    WHERE s.home = ? AND typeof(e.persons_home) = 'integer' AND typeof(e.time) = 'integer' AND e.time >= 0"""
_MARK = "SELECT ifnull(max(number), 0) FROM commits WHERE typeof(number) = 'integer'"
_RAISE_MARK = "INSERT INTO commits VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET number = number + 1 RETURNING number"
_EXPIRE = "DELETE FROM events WHERE (series_id, time) IN (SELECT series_id, time FROM events WHERE time < ? LIMIT ?)"
_FORGET = (
    "DELETE FROM attributes WHERE id NOT IN (SELECT attributes_id FROM events WHERE attributes_id IS NOT NULL)",
    """DELETE FROM observations WHERE observed_at < ?
    AND id NOT IN (SELECT observation_id FROM events WHERE observation_id IS NOT NULL)""",
)

T = TypeVar("T")


class SQLiteStore:
    """Writes into `DATA_DIR/events.sqlite3` (WAL, fsynced with every batch), from one thread at a time.

    A newer format than ours raises `ConfigError`; it is left as it is. `marked` is the mark of the newest commit.
    """

    name = "sqlite"
    is_journal = True

    def __init__(
        self,
        data_dir: Path,
        retention_days: int,
        report: facts.Report = lambda _fact: None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._database, self._reader = (Database(data_dir / FILE, SCHEMA, report) for _ in range(2))
        self.marked = 0
        self._report = report
        self._watermarks = Watermarks()
        self._retention_days = retention_days
        self._clock_ns = clock_ns
        self._tables = Tables()
        self._expired_at = -EXPIRY_SECONDS

    @property
    def retention(self) -> Retention:
        """What is asked for, which it does."""
        return Retention.of_days(self._retention_days)

    async def open(self) -> list[Watermark]:
        """Open the file, make its tables when it is new, and return how far each entity was captured."""
        return await self._database.run(self._watermarks.read)

    async def prepare(self) -> None:
        """Open the file, and make its tables when it is new."""
        await self._database.run(lambda _connection: None)

    async def write(self, points: Sequence[Point], *, live: bool = False, notes: Sequence[Note] = ()) -> int:
        """Write all points in one transaction, or none; live ones move their watermarks on, with the notes."""
        await self._database.run(lambda connection: self._write(connection, points, notes, live=live))
        return 0

    async def notes(self) -> list[Written]:
        """Return the notes that were not taken out yet, the oldest first."""
        return await self._database.run(notebook.read)

    async def forget_notes(self, until: int) -> None:
        """Delete the notes up to this number."""
        await self._database.run(lambda connection: notebook.forget(connection, until))

    async def recent(self, *, limit: int, entity_id: str | None = None, before_ns: int | None = None) -> list[Event]:
        """Return the newest events first."""
        return self._ours(
            await self._reader.run(lambda reader: _recent(reader, limit, entity_id, before_ns), abandon_on_cancel=True)
        )

    async def count_since(self, home: str, from_ns: int) -> int:
        """Return how many events of a home there are since then, by an index alone."""
        return await self._reader.run(lambda reader: _count(reader, from_ns, home), abandon_on_cancel=True)

    async def keys(self, home: str, from_ns: int, to_ns: int, *, statistics: bool = False) -> dict[str, set[int]]:
        """Return the times of all events, or statistics, of a home within [from, to), by entity."""
        query = _STATISTIC_KEYS if statistics else _EVENT_KEYS
        return self._ours(await self._reader.run(lambda reader: _keys(reader, query, (from_ns, to_ns, home))))

    async def newest(self, home: str) -> list[Watermark]:  # noqa: ARG002  the store's interface
        """Return nothing: the watermarks are in the same file."""
        return []

    async def oldest_ns(self, home: str) -> int | None:
        """Return the time of the oldest event that did not come with a snapshot."""
        return await self._reader.run(lambda connection: connection.execute(_OLDEST, (home,)).fetchone()[0])

    async def mark(self, home: str) -> int:  # noqa: ARG002  the store's interface
        """Return the number of commits that were not live: of those no watermark tells whether they are still here."""
        self.marked = await self._database.run(lambda connection: int(connection.execute(_MARK).fetchone()[0]))
        return self.marked

    async def count(self, home: str, entity_id: str) -> int:
        """Return how many points there are of an entity."""
        return await self._reader.run(lambda connection: sqlite_rename.count(connection, home, entity_id))

    async def foreign(self, home: str, entity_id: str) -> int:
        """Return how many rows have only the id of an entity, and were written by another program."""
        return await self._reader.run(lambda reader: sqlite_rename.count(reader, home, entity_id, foreign=True))

    async def rename(self, home: str, old: str, new: str) -> Renamed | None:
        """Give a part of an entity's points another id."""
        self._tables.forget()
        return await self._database.run(lambda connection: sqlite_rename.rename_part(connection, home, old, new))

    async def drop_mark(self, home: str, entity_id: str) -> None:
        """Forget how far an entity was captured."""

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                self._watermarks.drop(connection, home, entity_id)

        await self._database.run(work)

    async def set_retention(self, days: int) -> None:
        """Keep events for this many days; what is older goes with one of the next writes."""
        self._retention_days = days
        self._expired_at = -EXPIRY_SECONDS

    async def check(self) -> list[Finding]:
        """Try a write that is undone; a file that is not there yet, or an older one, is left as it is."""
        path = self._database.path
        tried = Database(path, SCHEMA, upgrades=False)
        try:
            if disk.lacks(path):
                return [Finding(detail=f"embedded, {path}; made with the first run")]
            await tried.run(_write_and_undo)
        except Outdated:
            return [Finding(detail=f"embedded, {path}; the next run upgrades it")]
        except IngestorError as error:
            return [Finding(works=False, detail=str(error), hint=error.hint)]
        finally:
            await tried.aclose()
        kept = f"it keeps {self.retention}"
        return [Finding(detail=f"embedded, {path}; a point was written, read back and undone; {kept}")]

    async def aclose(self) -> None:
        """Close the file."""
        await self._reader.aclose()
        await self._database.aclose()

    def _ours(self, read: tuple[T, int]) -> T:
        """Return what was read; tell of the rows that were skipped."""
        found, foreign = read
        if foreign:
            self._report(facts.RowsSkipped(store=self.name, rows=foreign))
        return found

    def _write(
        self, connection: sqlite3.Connection, points: Sequence[Point], notes: Sequence[Note], *, live: bool
    ) -> None:
        marked = self.marked
        try:
            with transaction(connection):
                self._tables.insert(connection, points)
                if live:
                    self._watermarks.write(connection, points)
                else:
                    self._watermarks.write_removals(connection, points)
                    [marked] = connection.execute(_RAISE_MARK).fetchone()
                self._watermarks.write_notes(connection, notes)
                notebook.write(connection, notes)
        except BaseException as error:
            self._watermarks.forget()
            self._tables.forget()
            if isinstance(error, (OverflowError, UnicodeError, sqlite3.InterfaceError, sqlite3.IntegrityError)):
                raise Rejected(f"SQLite cannot hold it: {error}") from None
            raise
        self.marked = marked
        self._expire(connection)

    def _expire(self, connection: sqlite3.Connection) -> None:
        if not self._retention_days or time.monotonic() - self._expired_at < EXPIRY_SECONDS:
            return
        oldest_ns = self._clock_ns() - self._retention_days * DAY_NS
        if connection.execute(_EXPIRE, (oldest_ns, EXPIRED_ROWS)).rowcount < EXPIRED_ROWS:
            connection.execute(_FORGET[0])
            connection.execute(_FORGET[1], (oldest_ns // SECOND_NS,))
            self._tables.forget()
            self._expired_at = time.monotonic()


def _recent(
    connection: sqlite3.Connection, limit: int, entity_id: str | None, before_ns: int | None
) -> tuple[list[Event], int]:
    conditions = {"entity_id = ?": entity_id, "time < ?": before_ns}
    given = {text: value for text, value in conditions.items() if value is not None}
    where = f"WHERE {' AND '.join(given)}" if given else ""
    query = f"SELECT * FROM home_assistant_events {where} ORDER BY time DESC LIMIT ?"
    connection.text_factory = _text
    cursor = connection.execute(query, (*given.values(), limit + FOREIGN_ROWS))
    names = [column[0] for column in cursor.description]
    found: list[Event] = []
    foreign = 0
    for values in cursor:
        if fields.is_event(row := dict(zip(names, values, strict=True))):
            found.append(fields.event(row))
            if len(found) == limit:
                break
        else:
            foreign += 1
    return found, foreign


def _keys(connection: sqlite3.Connection, query: str, values: tuple[int, int, str]) -> tuple[dict[str, set[int]], int]:
    connection.text_factory = _text
    found: dict[str, set[int]] = {}
    foreign = 0
    for time_ns, entity_id, kind in connection.execute(query, values):
        if fields.is_key(time_ns, entity_id, kind):
            found.setdefault(entity_id, set()).add(time_ns)
        else:
            foreign += 1
    return found, foreign


def _count(connection: sqlite3.Connection, from_ns: int, home: str) -> int:
    return int(connection.execute(_COUNT, (from_ns, home)).fetchone()[0])


def _text(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _write_and_undo(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        point = Statistic(time_ns=0, home="", entity_id=FILE, source=FILE)
        Tables().insert(connection, [point])
        if FILE not in _keys(connection, _STATISTIC_KEYS, (0, 1, point.home))[0]:
            raise Damaged(f"{FILE} does not have what was just written: move it away, and a new one is made")
    finally:
        connection.execute("ROLLBACK")
