"""Where a batch counts as captured: the spool, or the embedded database itself, which needs no second copy."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from ingestor.errors import Rejected, Unavailable
from ingestor.messages import Point, Record
from ingestor.storage.delivery import Delivery
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.watermarks import Watermark
from metrics import facts

RETRY_SECONDS = 2.0  # until a disk that failed is tried again

T = TypeVar("T")


class Journal(Protocol):
    """Takes batches for good."""

    async def open(self) -> list[Watermark]:
        """Make ready, and return how far each entity was captured. Raises `Unavailable`."""

    async def commit(self, records: Sequence[Record], *, live: bool = True) -> None:
        """Keep all records, fsynced; live ones move their entities' watermarks on. Raises `Unavailable`."""


class EmbeddedJournal:
    """The embedded database as the journal: events and watermarks share a transaction."""

    def __init__(self, store: SQLiteStore, delivery: Delivery, report: facts.Report) -> None:
        self._store = store
        self._delivery = delivery
        self._report = report
        self._ready = False

    async def open(self) -> list[Watermark]:
        """Open the database."""
        return await self._told(self._store.open())

    async def commit(self, records: Sequence[Record], *, live: bool = True) -> None:
        """Write what is good, and set aside what is bad."""
        await self._told(self._delivery.deliver(records, partial(self._attempt, live=live)))

    async def _attempt(self, points: Sequence[Point], *, live: bool) -> int | Rejected:
        try:
            return await self._store.write(points, live=live)
        except Rejected as refusal:
            return refusal

    async def _told(self, work: Awaitable[T]) -> T:
        try:
            result = await work
        except Unavailable as error:
            self._ready = False
            self._report(
                facts.StoreFailed(
                    store=self._store.name, code=error.code, detail=str(error), retry_seconds=RETRY_SECONDS
                )
            )
            raise
        if not self._ready:
            self._ready = True
            self._report(facts.StoreReady(store=self._store.name))
        return result
