"""What was dropped, by this process or an earlier one, until the user has acknowledged it: `DATA_DIR/state.sqlite3`.

As a rule something is dropped because the disk is full, and then there is no room for the note either. So a file of
random bytes holds some, from the start on; it is deleted for the note, and made anew at the next start.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from msgspec import Struct

from ingestor.model.disk import make_private
from ingestor.model.errors import Unavailable
from ingestor.storage.database import Database, transaction
from metrics import facts
from metrics.codes import DropReason, ErrorCode, WarningCode

RESERVE_BYTES = 256 * 1024  # a few pages, and what any of our own files takes before this one does

_COLUMNS = "id, at_ns, reason, records, events, detail, acknowledged_ns"
_ADD = "INSERT INTO losses (at_ns, reason, records, events, detail) VALUES (?, ?, ?, ?, ?)"
_HELD = "SELECT reason, sum(events) FROM losses WHERE acknowledged_ns IS NULL GROUP BY reason"
_ACKNOWLEDGE = "UPDATE losses SET acknowledged_ns = ? WHERE acknowledged_ns IS NULL"

T = TypeVar("T")


class Dropped(Struct, frozen=True):
    """Records that were dropped together, and when; `acknowledged_ns` is when the user took note of it."""

    id: int
    at_ns: int
    reason: str
    records: int
    events: int
    detail: str
    acknowledged_ns: int | None


class Losses:
    """A `Report` that takes note of what is dropped; it is on the disk after the next call of anything else.

    Every other method raises `Unavailable` while the disk does not serve.
    """

    def __init__(self, database: Database, report: facts.Report, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._database = database
        self._report = report
        self._clock_ns = clock_ns
        self._reserve = database.path.with_suffix(".reserve")
        self._heard: list[tuple[int, facts.RecordsDropped]] = []

    def __call__(self, fact: facts.Fact) -> None:
        """Hear of a loss."""
        if isinstance(fact, facts.RecordsDropped):
            self._heard.append((self._clock_ns(), fact))

    def open_now(self) -> None:
        """Tell what there is, and hold room for more; only while nobody else uses the file."""
        self._tell(self._database.run_now(_held, self._warn))
        with suppress(OSError):  # there is none to hold
            make_private(self._reserve)
            if self._reserve.stat().st_size < RESERVE_BYTES:
                self._reserve.write_bytes(os.urandom(RESERVE_BYTES))

    async def keep(self) -> None:
        """Bring what was heard to the disk."""
        if not self._heard:
            return
        try:
            await self._run(lambda _connection: None)
        except Unavailable as error:
            if error.code is not ErrorCode.DISK_FULL or not self._reserve.exists():
                raise
            self._reserve.unlink()
            await self._run(lambda _connection: None)

    async def read(self) -> list[Dropped]:
        """Return all of it, the oldest first."""
        query = f"SELECT {_COLUMNS} FROM losses ORDER BY id"
        return await self._run(lambda connection: [Dropped(*row) for row in connection.execute(query)])

    async def acknowledge(self) -> int:
        """Note that the user knows of all of it; return how many entries he did not know of."""
        return await self._run(lambda connection: connection.execute(_ACKNOWLEDGE, (self._clock_ns(),)).rowcount)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        heard = list(self._heard)

        def kept(connection: sqlite3.Connection) -> tuple[T, dict[str, int]]:
            with transaction(connection):
                rows = [(at_ns, one.reason, one.records, one.events, one.detail) for at_ns, one in heard]
                connection.executemany(_ADD, rows)
                return work(connection), _held(connection)

        result, held = await self._database.run(kept, self._warn)
        del self._heard[: len(heard)]
        self._tell(held)
        return result

    def _tell(self, held: dict[str, int]) -> None:
        self._report(facts.LossesHeld(events=held))

    def _warn(self, detail: str) -> None:
        self._report(facts.Warned(code=WarningCode.STATE_DAMAGED, detail=detail))


def _held(connection: sqlite3.Connection) -> dict[str, int]:
    held: dict[str, int] = dict.fromkeys(DropReason, 0)
    return held | dict(connection.execute(_HELD).fetchall())
