"""One SQLite file of ours: WAL, fsynced with every transaction, used by one thread at a time."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from traceback import clear_frames
from typing import TypeAlias, TypeVar

import trio

from ingestor.model.disk import PRIVATE_DIRECTORY, make_private, meaning
from ingestor.model.errors import ConfigError, Damaged
from ingestor.storage.backup import back_up
from ingestor.storage.schema import Schema, format_of
from metrics import facts

BUSY_SECONDS = 5.0
PAGES_GIVEN_BACK = 2000  # at once: 8 MB, under a tenth of a second
JOURNAL_BYTES = 4 * 1024 * 1024  # what the write-ahead log keeps of the disk after a checkpoint

# What SQLite says of a statement that is wrong, or does not fit the rows that are there.
_STATEMENT_FAILED = ("SQLITE_ERROR", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH")

T = TypeVar("T")
Warn: TypeAlias = Callable[[str], None]


class Outdated(ConfigError):
    """A file that an older version wrote, and that is not for us to upgrade."""

    def __init__(self, path: Path, found: int, known: int) -> None:
        super().__init__(
            [f"{path} was written by an older version (format {found}, we need {known}): `ingestor run` upgrades it"]
        )


class Database:
    """A file that is opened with its first use, and opened anew after a failure; it has the schema's shape then.

    An older file is copied, and upgraded in one transaction: after a crash it is the old one or the new one, whole.
    Only who holds the lock of `DATA_DIR` may do that, since an older version may still be running: for everyone else
    `upgrades` is false. `run` raises `Unavailable` (disk full, no room for the copy, locked, no permission), `Damaged`,
    `Outdated`, or `ConfigError` for a file that a newer version wrote, or that cannot be upgraded; whatever else `work`
    raises passes. A cancelled `run` waits for its thread: the work was done, or was not begun.

    Who gives `run` a `warn` wants no `Damaged`: such a file is set aside under a dated name, the work is done with a
    new one, and `warn` takes a sentence about it. Nobody else uses the file in between.
    """

    def __init__(
        self, path: Path, schema: Schema, report: facts.Report = lambda _fact: None, *, upgrades: bool = True
    ) -> None:
        self.path = path
        self._schema = schema
        self._report = report
        self._upgrades = upgrades
        self._copy: Path | None = None
        self._to_tell: deque[Callable[[], None]] = deque()  # outside the thread
        self._limiter = trio.CapacityLimiter(1)
        self._connection: sqlite3.Connection | None = None

    async def run(
        self, work: Callable[[sqlite3.Connection], T], warn: Warn | None = None, *, abandon_on_cancel: bool = False
    ) -> T:
        """Do the work in a thread, and return what it returns. What only reads may be abandoned: it ends by itself."""
        try:
            return await trio.to_thread.run_sync(
                partial(self._do_or_replace, work, warn), limiter=self._limiter, abandon_on_cancel=abandon_on_cancel
            )
        finally:
            self._tell()

    def run_now(self, work: Callable[[sqlite3.Connection], T], warn: Warn | None = None) -> T:
        """Do the work here; only while no `run` is under way."""
        try:
            return self._do_or_replace(work, warn)
        finally:
            self._tell()

    def _do_or_replace(self, work: Callable[[sqlite3.Connection], T], warn: Warn | None) -> T:
        try:
            return self._do(work)
        except Damaged as damage:
            if warn is None:
                raise
            result, aside = self.replace_now(lambda aside, connection: (work(connection), aside))
            self._to_tell.append(partial(warn, f"{damage}; it is now {aside.name}"))
            return result

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return work(self._open())
        except OSError as error:
            raise meaning(error, self.path) from None
        except (sqlite3.Error, UnicodeDecodeError) as error:
            clear_frames(error.__traceback__)  # a cursor there would keep the file open
            self._close()
            raise meaning(error, self.path) from None

    async def aclose(self) -> None:
        """Close the file."""
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._close, limiter=self._limiter)

    def close_now(self) -> None:
        """Close the file; only while no `run` is under way."""
        self._close()

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
            return self._do(partial(work, aside))
        except BaseException:
            self._close()
            _rename(aside, self.path)
            raise

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self.path.parent.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
            make_private(self.path)
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
        found = self._check_format(connection)
        if found == 0:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")
        is_ours_to_change = self._upgrades or found == 0
        if is_ours_to_change and next(self._schema.statements(connection), None) is not None:
            self._upgrade(connection)

    def _check_format(self, connection: sqlite3.Connection) -> int:
        found, known = format_of(connection), self._schema.format
        if found > known:
            raise ConfigError([f"{self.path} was written by a newer version (format {found}, we know {known})"])
        if 0 < found < known and not self._upgrades:
            raise Outdated(self.path, found, known)
        return found

    def _upgrade(self, connection: sqlite3.Connection) -> None:
        """Give the file what it lacks, all or nothing; whoever else is at it is waited for."""
        connection.execute("PRAGMA legacy_alter_table = ON")  # a view of the user's own is no reason to fail
        connection.execute("PRAGMA secure_delete = ON")  # what a migration takes away may be a secret
        try:
            with transaction(connection):
                found = self._check_format(connection)
                if 0 < found < self._schema.format and self._copy is None:
                    self._copy = back_up(
                        self.path, found, self._schema.cleanings.get(found, "")
                    )  # for the next try, too: until then nobody else writes
                for statement in self._schema.statements(connection):
                    connection.execute(statement)
        except sqlite3.Error as error:
            self._check_whole(connection, error)
            raise
        connection.execute("PRAGMA secure_delete = OFF")
        if self._copy is not None:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # which has the file as it was
            upgraded = facts.FileUpgraded(
                file=str(self.path), copy=self._copy.name, from_format=found, to_format=self._schema.format
            )
            self._to_tell.append(partial(self._report, upgraded))
            self._copy = None

    def _tell(self) -> None:
        while self._to_tell:
            self._to_tell.popleft()()

    def _check_whole(self, connection: sqlite3.Connection, error: sqlite3.Error) -> None:
        """Raise what a failed statement means: only a file with damage is damaged, not one that a migration missed."""
        if not getattr(error, "sqlite_errorname", "SQLITE_ERROR").startswith(_STATEMENT_FAILED):
            return
        [said] = connection.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            raise Damaged(f"{self.path} is damaged ({said}): move it away, and a new one is made")
        raise ConfigError([f"{self.path} cannot be upgraded ({error}); it is as it was: please report this"]) from None

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


def give_back(connection: sqlite3.Connection) -> None:
    """Give room that was freed back to the disk; some of it, so that nobody waits long. Not within a transaction."""
    connection.executescript(f"PRAGMA incremental_vacuum({PAGES_GIVEN_BACK})")  # `execute` would give back one page


def _rename(path: Path, to: Path) -> None:
    """Rename a file with its log and index; the target's own log and index do not stay behind."""
    for tail in ("", "-wal", "-shm"):
        source, target = path.with_name(path.name + tail), to.with_name(to.name + tail)
        if source.exists():
            source.replace(target)
        else:
            target.unlink(missing_ok=True)
