"""The actor at the entrance of the storage: what comes is committed to the journal, at intervals; then it is captured.

Until then it is held in the inbox, which outlives a crash. A disk that does not take it is a state: the inbox holds
more, and when that is much, the homes pause.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import trio
from msgspec import Struct

from ingestor.model.errors import Unavailable
from ingestor.model.gaps import GapFound, Kept, Note
from ingestor.model.records import Event, RawEvent, Watermark, ages_seconds, size_bytes
from ingestor.storage.intake import Intake
from ingestor.storage.journal import RETRY_SECONDS, Journal
from metrics import facts
from supervisors import Progress

_RECORD_BYTES = 600  # of a record in memory without its attributes, about


class CommitLimits(Struct, frozen=True, kw_only=True):
    """A commit is due when its oldest record waited so long, or when so much is held.

    While the disk fails, `held_bytes` are kept in memory; at half of that the homes pause.
    """

    seconds: float
    due_bytes: int = 1024 * 1024
    held_bytes: int = 16 * 1024 * 1024


class Committer:
    """Moves records from the intake to the journal, until every sender has closed its end of the channel."""

    def __init__(
        self,
        intake: Intake,
        journal: Journal,
        limits: CommitLimits,
        report: facts.Report,
        recollect: Callable[[list[Watermark]], Awaitable[list[Watermark]]] | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.progress = Progress()
        self._intake = intake
        self._journal = journal
        self._limits = limits
        self._report = report
        self._recollect = recollect
        self._clock_ns = clock_ns

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Open the journal, then commit until the end. A disk that is away does not hold up the start."""
        self._failing: str | None = None
        self._ended = False
        self._held_bytes = _size_bytes(self._held())
        opened = await self._open()
        task_status.started()
        while not opened:
            await trio.sleep(RETRY_SECONDS)
            opened = await self._open()
        while not self._ended or self._intake.inbox.held:
            await self._gather()
            if self._intake.inbox.held:
                await self._commit()
        self._intake.ended.set()

    async def _open(self) -> bool:
        try:
            marks = await self._journal.open()
            self._intake.opened(await self._recollect(marks) if self._recollect else marks)
        except Unavailable as error:
            self._failed(error)
            self._intake.valve.close(error.code, str(error))
            return False
        self._works()
        return True

    async def _gather(self) -> None:
        """Hold what comes until a commit is due, or, after a failure, until it is time to try again."""
        inbox, failing = self._intake.inbox, self._failing is not None
        most_bytes = self._limits.held_bytes if failing else self._limits.due_bytes
        try:
            if not inbox.held:
                self._held_bytes = _size_bytes(await inbox.peek())
            with trio.move_on_after(RETRY_SECONDS if failing else self._limits.seconds):
                while self._held_bytes < most_bytes and not self._ended:
                    self._held_bytes += _size_bytes(await inbox.peek_more())
                if failing:
                    await trio.sleep_forever()
        except trio.EndOfChannel:
            self._ended = True

    async def _commit(self) -> None:
        held = self._held()
        records = [one for one in held if isinstance(one, Event) or not isinstance(one, Note)]  # mostly events
        notes = [one for one in held if not isinstance(one, Event) and isinstance(one, Note)]
        began = trio.current_time()
        try:
            await self._journal.commit(records, notes=notes)
        except Unavailable as error:
            self._failed(error)
            return
        self._intake.inbox.commit()
        self._intake.captured(records)
        if notes:
            self._intake.tell_noted()
        self._works()
        self.progress.report()
        self._report(
            facts.BatchCommitted(
                records=len(records),
                duration_seconds=trio.current_time() - began,
                ages_seconds=ages_seconds(records, self._clock_ns()),
            )
        )

    def _held(self) -> list[Kept]:
        return [record for records in self._intake.inbox.held for record in records]

    def _failed(self, error: Unavailable) -> None:
        self._failing = error.code
        if self._held_bytes >= self._limits.held_bytes / 2:
            self._intake.valve.close(error.code, str(error))
        self._report(facts.CommitFailed(code=error.code, detail=str(error), retry_seconds=RETRY_SECONDS))

    def _works(self) -> None:
        if self._failing is not None:
            self._intake.valve.open(self._failing)
            self._failing = None


def _size_bytes(records: Sequence[Kept]) -> int:
    more = sum([size_bytes(one.attributes or "") if isinstance(one, Event) else _more_bytes(one) for one in records])
    return _RECORD_BYTES * len(records) + more


def _more_bytes(record: Kept) -> int:
    match record:
        case RawEvent():
            return size_bytes(record.text)
        case GapFound():
            return _RECORD_BYTES * len(record.intervals)
    return 0
