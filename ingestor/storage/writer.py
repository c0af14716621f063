"""The actor that writes what is due to the store, and forgets it only once the store has confirmed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import trio

from ingestor.errors import CredentialsRefused, IngestorError, Rejected, Unavailable
from ingestor.messages import Event, Record
from ingestor.storage.batcher import Retry, bisect, wait_seconds
from ingestor.storage.spool import Batch, MemorySpool
from ingestor.storage.spooler import Intake
from ingestor.storage.store import Store
from metrics import facts
from supervisors import Progress

_DETAIL_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """A batch is written when it has so many events, or when its oldest waited so long."""

    maximum_events: int
    maximum_seconds: float


class Writer:
    """Pulls from the spool and writes. A store that is away or refuses is a state: the records wait in the spool."""

    def __init__(
        self,
        spool: MemorySpool,
        intake: Intake,
        store: Store,
        limits: BatchLimits,
        retry: Retry,
        report: facts.Report,
    ) -> None:
        self.progress = Progress()
        self._spool = spool
        self._intake = intake
        self._store = store
        self._limits = limits
        self._retry = retry
        self._report = report
        self._ready = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write until the intake has ended and the spool is empty."""
        task_status.started()
        await self._until_taken(())
        while not (self._intake.ended and self._spool.pending_records == 0):
            age = self._spool.oldest_age_seconds(trio.current_time())
            if age is None:
                await self._intake.wait()
                continue
            await self._wait_for_more(age)
            batch = self._spool.due(self._limits.maximum_events)
            if batch is not None:
                await self._write(batch)

    async def _wait_for_more(self, age: float) -> None:
        seconds = wait_seconds(
            self._spool.pending_records,
            age,
            maximum_events=self._limits.maximum_events,
            maximum_seconds=self._limits.maximum_seconds,
        )
        with trio.move_on_after(seconds):
            while seconds and not self._intake.ended and self._spool.pending_records < self._limits.maximum_events:
                await self._intake.wait()

    async def _write(self, batch: Batch) -> None:
        began = trio.current_time()
        bad = await self._put(batch.records)
        self._spool.acknowledge(batch.ids)
        self.progress.report()
        for record, refusal in bad:
            detail = f"{record!r}: {refusal}"[:_DETAIL_CHARACTERS]
            self._report(facts.RecordsDropped(reason=refusal.code, records=1, detail=detail))
        events = [record for record in batch.records if isinstance(record, Event)]
        refused_events = sum(isinstance(record, Event) for record, _ in bad)
        self._report(
            facts.BatchWritten(
                store=self._store.name,
                records=len(batch.records) - len(bad),
                events=len(events) - refused_events,
                newest_event_ns=max((event.time_ns for event in events), default=None),
                duration_seconds=trio.current_time() - began,
            )
        )
        self._report(
            facts.RecordsSpooled(pending_events=self._spool.pending_events, pending_bytes=self._spool.pending_bytes)
        )

    async def _put(self, records: Sequence[Record]) -> list[tuple[Record, Rejected]]:
        """Write all records but the bad ones, which are returned with what the store said of each."""
        refused = await self._until_taken(records)
        if refused is None:
            return []
        search = bisect(records, refused)
        try:
            part = next(search)
            while True:
                part = search.send(await self._until_taken(part))
        except StopIteration as found:
            bad: list[tuple[Record, Rejected]] = found.value
            return bad

    async def _until_taken(self, records: Sequence[Record]) -> Rejected | None:
        """Try until the store has confirmed the records, or has refused them as bad."""
        while True:
            try:
                if not self._ready:
                    await self._store.prepare()
                await self._store.write(records)
            except (Unavailable, CredentialsRefused) as error:
                await self._back_off(error)
            except Rejected as refusal:
                self._works()
                return refusal
            else:
                self._works()
                return None

    def _works(self) -> None:
        self._retry.succeeded()
        if not self._ready:
            self._ready = True
            self._report(facts.StoreReady(store=self._store.name))

    async def _back_off(self, error: IngestorError) -> None:
        self._ready = False
        seconds = self._retry.after(error)
        self._report(
            facts.StoreFailed(store=self._store.name, code=error.code, detail=str(error), retry_seconds=seconds)
        )
        await trio.sleep(seconds)
