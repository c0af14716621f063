"""The embedded store: one SQLite file in the data directory, for those who run no database of their own."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import trio

from ingestor.errors import ConfigError, IngestorError, Rejected, Unavailable
from ingestor.messages import EntityRecord, Event, Record, Series, WeatherObservation
from ingestor.storage.store import Finding

FILE = "events.sqlite3"
FORMAT = 1
BUSY_SECONDS = 5.0
EXPIRY_SECONDS = 3600.0
EXPIRED_ROWS = 20_000  # at once, so that a write never waits long
DAY_NS = 86_400 * 10**9

_SERIES = Series.__struct_fields__
_ENTITY = ("time", "home", "entity_id", "domain", "friendly_name", "device", "area", "floor", "labels", "integration")
_OBSERVATION = ("id", "location", "observed_at", "temperature", "humidity", "pressure", "condition")
_EVENT = (
    "series_id", "time", "state", "value", "previous_state", "previous_duration_seconds",
    "attributes_id", "observation_id", "persons_home", "caused_by", "removed",
)  # fmt: skip


def _upsert(table: str, columns: Sequence[str], key: Sequence[str]) -> str:
    """Insert a row; one of the same identity keeps what the new one does not give, as fields merge in InfluxDB."""
    updates = ", ".join(f"{name} = ifnull(excluded.{name}, {name})" for name in columns if name not in key)
    marks = ", ".join("?" * len(columns))
    values = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
    return f"{values} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {updates}"


_WRITE_EVENT = _upsert("events", _EVENT, ("series_id", "time"))
_WRITE_ENTITY = _upsert("home_assistant_entities", _ENTITY, ("home", "entity_id", "time"))
_WRITE_OBSERVATION = f"INSERT OR IGNORE INTO observations VALUES ({', '.join('?' * len(_OBSERVATION))})"
_WRITE_SERIES = f"INSERT OR IGNORE INTO series ({', '.join(_SERIES)}) VALUES ({', '.join('?' * len(_SERIES))})"
_READ_SERIES = f"SELECT id FROM series WHERE {' AND '.join(f'{name} IS ?' for name in _SERIES)}"
_EXPIRE = "DELETE FROM events WHERE (series_id, time) IN (SELECT series_id, time FROM events WHERE time < ? LIMIT ?)"
_FORGET = (
    "DELETE FROM attributes WHERE id NOT IN (SELECT attributes_id FROM events WHERE attributes_id IS NOT NULL)",
    """DELETE FROM observations WHERE observed_at < ?
    AND id NOT IN (SELECT observation_id FROM events WHERE observation_id IS NOT NULL)""",
)

T = TypeVar("T")


class SQLiteStore:
    """Writes into `DATA_DIR/events.sqlite3` (WAL, fsynced with every batch), from one thread at a time.

    A newer format than ours raises `ConfigError`; it is left as it is.
    """

    name = "sqlite"

    def __init__(self, data_dir: Path, retention_days: int, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.path = data_dir / FILE
        self._retention_days = retention_days
        self._clock_ns = clock_ns
        self._limiter = trio.CapacityLimiter(1)
        self._connection: sqlite3.Connection | None = None
        self._series: dict[Series, int] = {}
        self._expired_at = -EXPIRY_SECONDS

    async def prepare(self) -> None:
        """Open the file, and make its tables when it is new."""
        await self._in_thread(self._open)

    async def write(self, records: Sequence[Record]) -> None:
        """Write all records in one transaction, or none."""
        await self._in_thread(lambda: self._write(records))

    async def recent(self, *, limit: int, entity_id: str | None = None, before_ns: int | None = None) -> list[Event]:
        """Return the newest events first."""
        return await self._in_thread(lambda: self._recent(limit, entity_id, before_ns))

    async def set_retention(self, days: int) -> None:
        """Keep events for this many days; what is older goes with one of the next writes."""
        self._retention_days = days
        self._expired_at = -EXPIRY_SECONDS

    async def check(self) -> list[Finding]:
        """Try to open the file and to begin a write."""
        try:
            await self._in_thread(self._try)
        except IngestorError as error:
            hint = "DATA_DIR must be a directory that this user may write to, with room on its disk"
            return [Finding(subject="database", works=False, detail=str(error), hint=hint)]
        return [Finding(subject="database", works=True, detail=f"embedded, {self.path}")]

    async def aclose(self) -> None:
        """Close the file."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._close, limiter=self._limiter)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        def mapped() -> T:
            try:
                return work()
            except sqlite3.Error as error:
                self._close()
                raise _meaning(error, self.path) from None
            except OSError as error:
                raise Unavailable(f"{self.path}: {error.strerror or error}", code="disk") from None

        return await trio.to_thread.run_sync(mapped, limiter=self._limiter)

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
            )
            try:
                self._make_tables(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > FORMAT:
            raise ConfigError([f"{self.path} was written by a newer version (format {found}, we know {FORMAT})"])
        if found == 0:
            connection.executescript(f"BEGIN; {(Path(__file__).parent / 'schema.sql').read_text()} COMMIT;")

    def _write(self, records: Sequence[Record]) -> None:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        known = dict(self._series)
        try:
            self._insert(connection, records, known)
            connection.execute("COMMIT")
        except BaseException as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, (OverflowError, UnicodeError, sqlite3.InterfaceError, sqlite3.IntegrityError)):
                raise Rejected(f"SQLite can not hold it: {error}") from None
            raise
        self._series = known
        self._expire(connection)

    def _insert(self, connection: sqlite3.Connection, records: Sequence[Record], known: dict[Series, int]) -> None:
        events = [record for record in records if isinstance(record, Event)]
        texts = {event.attributes for event in events if event.attributes is not None}
        observations = {record for record in records if isinstance(record, WeatherObservation)}
        observations |= {event.weather for event in events if event.weather is not None}
        for series in {event.series for event in events} - known.keys():
            tags = tuple(getattr(series, name) for name in _SERIES)
            connection.execute(_WRITE_SERIES, tags)
            known[series] = connection.execute(_READ_SERIES, tags).fetchone()[0]
        connection.executemany("INSERT OR IGNORE INTO attributes VALUES (?, ?)", ((_hash(t), t) for t in texts))
        connection.executemany(_WRITE_OBSERVATION, map(_observation_row, observations))
        connection.executemany(_WRITE_EVENT, (_event_row(event, known[event.series]) for event in events))
        connection.executemany(_WRITE_ENTITY, (_entity_row(r) for r in records if isinstance(r, EntityRecord)))

    def _expire(self, connection: sqlite3.Connection) -> None:
        if not self._retention_days or time.monotonic() - self._expired_at < EXPIRY_SECONDS:
            return
        oldest_ns = self._clock_ns() - self._retention_days * DAY_NS
        if connection.execute(_EXPIRE, (oldest_ns, EXPIRED_ROWS)).rowcount < EXPIRED_ROWS:
            connection.execute(_FORGET[0])
            connection.execute(_FORGET[1], (oldest_ns // 10**9,))
            self._expired_at = time.monotonic()

    def _recent(self, limit: int, entity_id: str | None, before_ns: int | None) -> list[Event]:
        conditions = {"entity_id = ?": entity_id, "time < ?": before_ns}
        given = {text: value for text, value in conditions.items() if value is not None}
        where = f"WHERE {' AND '.join(given)}" if given else ""
        query = f"SELECT * FROM home_assistant_events {where} ORDER BY time DESC LIMIT ?"
        cursor = self._open().execute(query, (*given.values(), limit))
        names = [column[0] for column in cursor.description]
        return [_event(dict(zip(names, row, strict=True))) for row in cursor]

    def _try(self) -> None:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")

    def _close(self) -> None:
        self._series = {}
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _hash(*parts: object) -> int:
    text = "\x00".join(map(repr, parts)) if len(parts) > 1 else str(parts[0])
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _observation_row(observation: WeatherObservation) -> tuple[Any, ...]:
    columns = tuple(getattr(observation, name) for name in _OBSERVATION[1:])
    return _hash(*columns), *columns


def _event_row(event: Event, series_id: int) -> tuple[Any, ...]:
    return (
        series_id,
        event.time_ns,
        event.state,
        event.value,
        event.previous_state,
        event.previous_duration_seconds,
        None if event.attributes is None else _hash(event.attributes),
        None if event.weather is None else _observation_row(event.weather)[0],
        event.persons_home,
        event.caused_by,
        1 if event.removed else None,
    )


def _entity_row(record: EntityRecord) -> tuple[Any, ...]:
    texts = (record.friendly_name, record.device, record.area, record.floor)
    labels = ",".join(record.labels) or None
    return record.time_ns, record.home, record.entity_id, record.domain, *texts, labels, record.integration


def _event(row: dict[str, Any]) -> Event:
    weather = None
    if row["weather_observed_at"] is not None:
        weather = WeatherObservation(location="", **{name: row[f"weather_{name}"] for name in _OBSERVATION[2:]})
    return Event(
        time_ns=row["time"],
        series=Series(**{name: row[name] for name in _SERIES}),
        weather=weather,
        removed=bool(row["removed"]),
        **_taken(row, ("state", "value", "previous_state", "previous_duration_seconds", "attributes")),
        **_taken(row, ("persons_home", "caused_by")),
    )


def _taken(row: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def _meaning(error: sqlite3.Error, path: Path) -> IngestorError:
    code = error.sqlite_errorname if hasattr(error, "sqlite_errorname") else ""
    sentences = {
        "SQLITE_FULL": ("disk_full", "the disk is full"),
        "SQLITE_BUSY": ("locked", "another program holds a lock on it"),
        "SQLITE_READONLY": ("read_only", "it may not be written to"),
        "SQLITE_CANTOPEN": ("can_not_open", "it can not be opened: is DATA_DIR writable for this user?"),
        "SQLITE_CORRUPT": ("corrupt", "it is damaged: move it away, and a new one is made"),
        "SQLITE_NOTADB": ("corrupt", "it is no SQLite database: move it away, and a new one is made"),
    }
    for name, (short, sentence) in sentences.items():
        if code.startswith(name):
            return Unavailable(f"{path}: {sentence}", code=short)
    return Unavailable(f"{path}: {error}", code="sqlite")
