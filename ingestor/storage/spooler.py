"""The actor at the entrance of the storage: it takes lists of records from the channel into the spool."""

from __future__ import annotations

import trio

from ingestor.messages import Record
from ingestor.storage.recent import RecentEvents
from ingestor.storage.spool import MemorySpool, SpoolFull
from metrics import facts
from supervisors import Inbox, Progress


class Intake:
    """What the spooler tells the writer: that there is something, and that nothing more will come."""

    def __init__(self) -> None:
        self.ended = False
        self._arrived = trio.Event()

    def arrived(self) -> None:
        """Wake the writer."""
        self._arrived.set()

    def end(self) -> None:
        """Say that nothing more will come, and wake the writer."""
        self.ended = True
        self._arrived.set()

    async def wait(self) -> None:
        """Wait until something arrived, or the end."""
        if not self.ended:
            await self._arrived.wait()
            self._arrived = trio.Event()


class Spooler:
    """Moves records from the inbox to the spool. Between taking and committing there is no await."""

    def __init__(
        self,
        inbox: Inbox[list[Record]],
        spool: MemorySpool,
        recent: RecentEvents,
        intake: Intake,
        report: facts.Report,
    ) -> None:
        self.progress = Progress()
        self._inbox = inbox
        self._spool = spool
        self._recent = recent
        self._intake = intake
        self._report = report

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until every sender has closed its end of the channel."""
        task_status.started()
        while True:
            try:
                records = await self._inbox.peek()
            except trio.EndOfChannel:
                break
            self._take(records)
            self._inbox.commit()
            self._intake.arrived()
            self.progress.report()
        self._intake.end()

    def _take(self, records: list[Record]) -> None:
        try:
            self._spool.append(records, trio.current_time())
        except SpoolFull as full:
            self._report(facts.RecordsDropped(reason="spool_full", records=len(records), detail=str(full)))
        else:
            self._recent.extend(records)
        self._report(
            facts.RecordsSpooled(pending_events=self._spool.pending_events, pending_bytes=self._spool.pending_bytes)
        )
