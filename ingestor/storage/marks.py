"""Detects a store or a spool that was lost or restored, by the number of the last batch, which both remember.

The number goes into the store with each batch, once for every home: homes may come and go, the highest one counts.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import trio

from ingestor.model.instants import SECOND_NS
from ingestor.model.records import StoreMark
from ingestor.storage.spool import Spool
from ingestor.storage.store import Store
from metrics.codes import Loss

CHECK_SECONDS = 300.0
HOUR_NS = 3600 * SECOND_NS  # marks of the same hour are one point


class Marks:
    """The marks of these homes. `lost` is called with what no longer knows what it knew: the store, or the spool."""

    def __init__(
        self,
        homes: Sequence[str],
        store: Store,
        spool: Spool,
        lost: Callable[[Loss], Awaitable[None]],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._homes = homes
        self._store = store
        self._spool = spool
        self._lost = lost
        self._clock_ns = clock_ns
        self._checked_at = -CHECK_SECONDS

    def of(self, batch: int) -> list[StoreMark]:
        """Return the marks to write together with this batch."""
        now_ns = self._clock_ns()
        return [StoreMark(time_ns=now_ns - now_ns % HOUR_NS, home=home, batch=batch) for home in self._homes]

    async def check(self, *, at_once: bool) -> None:
        """Compare, at intervals or at once, and when the spool was damaged. Raises `Unavailable`, `CredentialsRefused`.

        A store that has lost its mark is one of before; a spool that never came so far, or was damaged, is a new one.
        """
        is_due = at_once or self._spool.damaged or trio.current_time() - self._checked_at >= CHECK_SECONDS
        if not is_due:
            return
        marked = max([await self._store.mark(home) for home in self._homes])
        if marked > self._spool.newest_batch or self._spool.damaged:
            await self._lost(Loss.SPOOL_LOST)
            await self._spool.go_on_from(marked)
        elif marked < self._spool.confirmed_batch:
            await self._lost(Loss.STORE_RESTORED)
        self._checked_at = trio.current_time()
