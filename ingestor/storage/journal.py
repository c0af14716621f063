"""Where a batch counts as captured: the spool, or the embedded database itself, which needs no second copy."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Protocol, TypeVar

from ingestor.model.errors import Rejected, Unavailable
from ingestor.model.gaps import Note
from ingestor.model.records import Point, RawEvent, Record, Watermark
from ingestor.storage.delivery import Delivery
from ingestor.storage.notes import Written
from ingestor.storage.spool import Spool
from ingestor.storage.sqlite import SQLiteStore
from metrics import facts

RETRY_SECONDS = 2.0  # until a disk that failed is tried again

T = TypeVar("T")


class Journal(Protocol):
    """Takes batches for good."""

    async def open(self) -> list[Watermark]:
        """Make ready, and return how far each entity was captured. Raises `Unavailable`."""

    async def commit(self, records: Sequence[Record], *, live: bool = True, notes: Sequence[Note] = ()) -> None:
        """Keep all records, fsynced; live ones move their entities' watermarks on, together with the notes.

        Raises `Unavailable`.
        """


class Notebook(Protocol):
    """Gives out the notes that a journal keeps."""

    async def notes(self) -> list[Written]:
        """Return the notes that were not taken out yet, the oldest first. Raises `Unavailable`."""

    async def forget_notes(self, until: int) -> None:
        """Delete the notes up to this number. Raises `Unavailable`."""


class EmbeddedJournal:
    """The embedded database as the journal: events and watermarks share a transaction.

    A spool that an InfluxDB left behind is opened with it, for the writer to empty.
    """

    def __init__(self, store: SQLiteStore, spool: Spool, delivery: Delivery, report: facts.Report) -> None:
        self._store = store
        self._spool = spool
        self._delivery = delivery
        self._report = report
        self._ready = False

    async def open(self) -> list[Watermark]:
        """Open the database."""
        marks = await self._told(self._store.open())
        if self._spool.exists:
            await self._spool.open()
        return marks

    async def commit(self, records: Sequence[Record], *, live: bool = True, notes: Sequence[Note] = ()) -> None:
        """Write what is good, and set aside what is bad; the notes go with every part that is tried."""
        if notes and all(isinstance(record, RawEvent) for record in records):
            await self._told(self._store.write((), notes=notes))
        self._delivery.tell(await self._delivery.deliver(records, partial(self._attempt, live=live, notes=notes)))

    async def notes(self) -> list[Written]:
        """Read the notes."""
        return await self._told(self._store.notes())

    async def forget_notes(self, until: int) -> None:
        """Delete notes."""
        await self._told(self._store.forget_notes(until))

    async def _attempt(self, points: Sequence[Point], *, live: bool, notes: Sequence[Note]) -> int | Rejected:
        return await self._told(self._write(points, live=live, notes=notes))

    async def _write(self, points: Sequence[Point], *, live: bool, notes: Sequence[Note]) -> int | Rejected:
        try:
            return await self._store.write(points, live=live, notes=notes)
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
