"""One SQLite file of ours: WAL, fsynced with every transaction, used by one thread at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from ingestor.model.errors import ConfigError, Damaged, IngestorError, Unavailable
from metrics.codes import ErrorCode

BUSY_SECONDS = 5.0
JOURNAL_BYTES = 4 * 1024 * 1024  # what the write-ahead log keeps of the disk after a checkpoint

# What SQLite says of some damage, with no code for it.
_UNREADABLE = ("no such table", "no such column", "Could not decode to UTF-8", "malformed")

T = TypeVar("T")


class Database:
    """A file that is opened with its first use, and opened anew after a failure.

    `schema` names SQL files beside this one, and `complete` adds what is derived; `version` is written into new files.
    `run` raises `Unavailable` (disk full, locked, no permission), `Damaged`, or `ConfigError` for a file that a newer
    version wrote; whatever else `work` raises passes. A cancelled `run` waits for its thread: the work was done, or was
    not begun.
    """

    def __init__(
        self,
        path: Path,
        schema: tuple[str, ...],
        version: int,
        complete: Callable[[sqlite3.Connection], None] = lambda _connection: None,
    ) -> None:
        self.path = path
        self._schema = [Path(__file__).parent / name for name in schema]
        self._version = version
        self._complete = complete
        self._limiter = trio.CapacityLimiter(1)
        self._connection: sqlite3.Connection | None = None

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work in a thread, and return what it returns."""
        return await trio.to_thread.run_sync(partial(self.run_now, work), limiter=self._limiter)

    def run_now(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work here; only while no `run` is under way."""
        try:
            return work(self._open())
        except sqlite3.Error as error:
            self._close()
            raise _meaning(error, self.path) from None
        except UnicodeDecodeError as error:
            self._close()
            raise Damaged(f"{self.path} is damaged ({error}): move it away, and a new one is made") from None
        except OSError as error:
            raise Unavailable(f"{self.path}: {error.strerror or error}", code=ErrorCode.DISK) from None

    async def aclose(self) -> None:
        """Close the file."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._close, limiter=self._limiter)

    async def replace(self, work: Callable[[Path, sqlite3.Connection], T]) -> T:
        """Set a damaged file aside under a dated name, and do the work with that name and a new file.

        When that fails, nothing has changed.
        """
        return await trio.to_thread.run_sync(partial(self.replace_now, work), limiter=self._limiter)

    def replace_now(self, work: Callable[[Path, sqlite3.Connection], T]) -> T:
        """Do as `replace`, here; only while nothing else is under way."""
        self._close()
        aside = self.path.with_suffix(f".{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.damaged")
        _rename(self.path, aside)
        try:
            return self.run_now(partial(work, aside))
        except BaseException:
            self._close()
            _rename(aside, self.path)
            raise

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        found = connection.execute("PRAGMA user_version").fetchone()[0]
        if found > self._version:
            raise ConfigError([f"{self.path} was written by a newer version (format {found}, we know {self._version})"])
        if found == 0:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")
        statements = "".join(file.read_text(encoding="utf-8") for file in self._schema)
        version = "" if found else f"PRAGMA user_version = {self._version};"
        connection.executescript(f"BEGIN; {statements} {version}")  # makes what a file of before has not
        self._complete(connection)
        connection.execute("COMMIT")

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[sqlite3.Connection]:
    """Commit at the end, fsynced; roll back what an error left half done."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _rename(path: Path, to: Path) -> None:
    """Rename a file with its log and index; the target's own log and index do not stay behind."""
    for tail in ("", "-wal", "-shm"):
        source, target = path.with_name(path.name + tail), to.with_name(to.name + tail)
        if source.exists():
            source.replace(target)
        else:
            target.unlink(missing_ok=True)


def _meaning(error: sqlite3.Error, path: Path) -> IngestorError:
    code = error.sqlite_errorname if hasattr(error, "sqlite_errorname") else ""
    if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or str(error).startswith(_UNREADABLE):
        return Damaged(f"{path} is damaged ({error}): move it away, and a new one is made")
    sentences = {
        "SQLITE_FULL": (ErrorCode.DISK_FULL, "the disk is full"),
        "SQLITE_IOERR": (ErrorCode.DISK, f"the disk failed ({error}): is it full?"),
        "SQLITE_BUSY": (ErrorCode.LOCKED, "another program holds a lock on it"),
        "SQLITE_READONLY": (ErrorCode.READ_ONLY, "it may not be written to"),
        "SQLITE_CANTOPEN": (
            ErrorCode.CAN_NOT_OPEN,
            "it can not be opened: is DATA_DIR writable for this user, with room left?",
        ),
    }
    for name, (short, sentence) in sentences.items():
        if code.startswith(name):
            return Unavailable(f"{path}: {sentence}", code=short)
    return Unavailable(f"{path}: {error}", code=ErrorCode.SQLITE)
