"""Whether the store still has what it once confirmed: a mark in it that is older than ours says that it has not."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import trio

from ingestor.messages import StoreMark
from ingestor.storage.spool import Spool
from ingestor.storage.store import Store

CHECK_SECONDS = 300.0
MINUTE_NS = 60 * 10**9  # marks of the same minute are one point


class Marks:
    """The marks of one home. `restored` is told since when the store lacks what it had, in Unix nanoseconds."""

    def __init__(
        self,
        home: str,
        store: Store,
        spool: Spool,
        restored: Callable[[int], Awaitable[None]],
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._home = home
        self._store = store
        self._spool = spool
        self._restored = restored
        self._clock_ns = clock_ns
        self._checked_at = -CHECK_SECONDS

    def mark(self, batch: int) -> StoreMark:
        """Return the mark to write together with this batch."""
        now_ns = self._clock_ns()
        return StoreMark(time_ns=now_ns - now_ns % MINUTE_NS, home=self._home, batch=batch)

    async def check(self, *, at_once: bool) -> None:
        """Look for the mark, at intervals or at once. Raises `Unavailable` or `CredentialsRefused`."""
        if at_once or trio.current_time() - self._checked_at >= CHECK_SECONDS:
            found = await self._store.mark(self._home)
            if found is not None and found.batch < self._spool.confirmed_batch:
                await self._restored(found.time_ns)
            self._checked_at = trio.current_time()
