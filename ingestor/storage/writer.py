"""The actor that writes what is due to the store, and acknowledges it once every record is where it belongs."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import trio

from ingestor.model.errors import CredentialsRefused, IngestorError, Rejected, Unavailable
from ingestor.model.records import Point, StoreMark
from ingestor.model.signals import first_of
from ingestor.storage.batcher import Retry
from ingestor.storage.delivery import Delivery
from ingestor.storage.intake import Intake
from ingestor.storage.marks import Marks
from ingestor.storage.spool import Batch, Spool
from ingestor.storage.store import Store
from metrics import facts
from metrics.codes import ErrorCode
from supervisors import Progress

IDLE_SECONDS = 60.0  # without a commit; then what was acknowledged is deleted in a transaction of its own
SUSPECT_AFTER = 5  # failures of the same points, before they are suspected rather than the server


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchLimits:
    """A batch is written when it has so many events, or when its oldest waited so long."""

    maximum_events: int
    maximum_seconds: float


class _Leaving(Exception):
    """The service stops, and the store is away: what is pending stays in the spool."""


class Writer:
    """Pulls from the spool and writes. A store that is away or refuses is a state: the records wait in the spool."""

    def __init__(
        self,
        spool: Spool,
        store: Store,
        delivery: Delivery,
        intake: Intake,
        limits: BatchLimits,
        retry: Retry,
        report: facts.Report,
        *,
        marks: Marks | None = None,
    ) -> None:
        self.progress = Progress()
        self._spool = spool
        self._store = store
        self._delivery = delivery
        self._intake = intake
        self._limits = limits
        self._retry = retry
        self._report = report
        self._marks = marks
        self._unwritten_marks: list[StoreMark] = []
        self._ready = False
        self._accepted: Point | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Write until the intake has ended and the spool is empty, or the store is away."""
        task_status.started()
        ahead, batches = trio.open_memory_channel[Batch](0)
        with _until_leaving():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read_ahead, ahead)
                await self._until_taken(())
                async for batch in batches:
                    await self._deliver(batch)

    async def _read_ahead(self, ahead: trio.MemorySendChannel[Batch]) -> None:
        """Read the next batch while the one before is written."""
        after = 0
        async with ahead:
            while await self._something_is_due(after):
                batch = await self._spool.due(self._limits.maximum_events, after)
                if batch is not None:
                    after = batch.ids[-1]
                    await ahead.send(batch)

    async def _something_is_due(self, after: int) -> bool:
        """Wait until a batch behind this id is due; false when there will be none."""
        spool, most = self._spool, self._limits.maximum_events
        while not spool.behind(after, most):
            if self._intake.ended.is_set():
                return False
            with trio.move_on_after(IDLE_SECONDS) as idle:
                await first_of(spool.wait, self._intake.ended.wait)
            if idle.cancelled_caught and spool.unswept:
                await spool.sweep()
        with trio.move_on_after(self._limits.maximum_seconds):
            while spool.behind(after, most) < most and not self._intake.ended.is_set():
                await first_of(spool.wait, self._intake.ended.wait)
        return True

    async def _deliver(self, batch: Batch) -> None:
        self._unwritten_marks = self._marks.of(batch.ids[-1]) if self._marks else []
        while True:
            try:
                delivered = await self._delivery.deliver(batch.records, self._until_taken)
                if self._unwritten_marks:  # they were refused together with every point
                    await self._until_taken(())
            except Unavailable as error:  # the quarantine's own: it says so itself
                await self._wait(self._retry.after(error))
            else:
                break
        self._spool.acknowledge(batch.ids)
        self._delivery.tell(delivered)
        if delivered.quarantined:
            with suppress(Unavailable):  # then the next commit deletes it
                await self._spool.sweep()  # a restart would set aside again what the user has dropped meanwhile
        self.progress.report()

    async def _until_taken(self, points: Sequence[Point]) -> int | Rejected:
        """Try until the store has confirmed the points, or has refused some of them as bad."""
        failures = 0
        while True:
            writing = False
            try:
                if not self._ready:
                    await self._store.prepare()
                if self._marks is not None:
                    await self._marks.check(at_once=not self._ready)
                writing = True
                expired = await self._store.write([*points, *self._unwritten_marks])
            except (Unavailable, CredentialsRefused) as error:
                failures += writing and error.code == ErrorCode.SERVER_ERROR
                if failures >= SUSPECT_AFTER and await self._are_at_fault(points):
                    return Rejected(str(error), code=ErrorCode.SERVER_ERROR)
                await self._back_off(error)
            except Rejected as refusal:
                self._works()
                return refusal
            else:
                self._works()
                self._unwritten_marks = []
                self._accepted = points[-1] if points else self._accepted
                return expired

    async def _are_at_fault(self, points: Sequence[Point]) -> bool:
        """Return whether the server takes a point that it has taken before, but not these."""
        if self._accepted is None:
            return len(points) > 1
        try:
            await self._store.write([self._accepted])
        except IngestorError:
            return False
        return True

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
        await self._wait(seconds)

    async def _wait(self, seconds: float) -> None:
        with trio.move_on_after(seconds):
            await self._intake.ended.wait()
            raise _Leaving


@contextmanager
def _until_leaving() -> Generator[None]:
    """End a block that was left on purpose."""
    try:
        yield
    except* _Leaving:
        pass
