"""The subtree that keeps and writes: spool and writer, the ledger beside them, and the channel that leads there."""

from __future__ import annotations

from collections.abc import Sequence

import trio

from ingestor.assembly.files import Files
from ingestor.assembly.stages import FEW, LISTS_IN_A_CHANNEL, Ground, left, piped
from ingestor.history.asked import AskedAudits
from ingestor.history.jobs import Jobs
from ingestor.history.keeper import LedgerKeeper
from ingestor.history.ledger import Ledger
from ingestor.history.recovery import Recovering, Recovery
from ingestor.model.channels import Inbox, Outbox
from ingestor.model.gaps import Kept
from ingestor.model.records import Event, Record
from ingestor.storage.batcher import Retry
from ingestor.storage.committer import CommitLimits, Committer
from ingestor.storage.intake import Intake
from ingestor.storage.marks import Marks
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.writer import BatchLimits, Writer
from supervisors import StopOrder, Strategy, Supervisor

ROOM_SECONDS = 1.0


class Storage:
    """Spool and writer, with the channel that leads to them.

    With the embedded database that is the spool, and the writer only empties one that an InfluxDB left behind.
    """

    def __init__(self, ground: Ground) -> None:
        settings, store, report = ground.settings, ground.store, ground.report
        homes = tuple(home.name for home in settings.homes)
        self.entrance, self._exit = trio.open_memory_channel[list[Kept]](LISTS_IN_A_CHANNEL)
        self._ways_in: list[Outbox[Kept]] = []
        self.intake = Intake(Inbox(self._exit))
        embedded = store if isinstance(store, SQLiteStore) else None
        self.files = files = Files.of(settings, ground.state, embedded, self.intake.valve, report)
        self.ledger = Ledger(ground.state, report, (lambda: embedded.marked) if embedded else lambda: 0)
        self.jobs = Jobs(ground.state)
        self.audits = AskedAudits()
        recovering = Recovering(
            homes=homes,
            store=store,
            store_is_journal=embedded is not None,
            spool=files.spool,
            intake=self.intake,
            ledger=self.ledger,
            jobs=self.jobs,
        )
        self.recovery = recovery = Recovery(recovering, report)
        self.keeper = LedgerKeeper(files.notebook, recovery.learn, self.intake, files.quarantine, report)
        limits = CommitLimits(seconds=settings.commit_seconds)
        committer = Committer(self.intake, files.journal, limits, report, recovery.recollect)
        stages = [piped("spool", committer, 3.0, ground.at_the_end(self._close_ways_in))]
        if embedded is None or files.spool.exists:
            due = BatchLimits(maximum_events=settings.batch_max_events, maximum_seconds=settings.batch_max_seconds)
            marks = None if embedded else Marks(homes, store, files.spool, recovery.begin)
            writer = Writer(
                files.spool, store, files.delivery, self.intake, due, Retry(ground.random), report, marks=marks
            )
            stages.append(piped("writer", writer, 5.0, ground.at_the_end(self.intake.ended.set)))
        self.supervisor = Supervisor(
            "storage", stages, strategy=Strategy.REST_FOR_ONE, intensity=FEW, stop_order=StopOrder.START_ORDER
        )

    async def commit_refilled(self, events: Sequence[Event]) -> None:
        """Capture events that were missed, as soon as there is room."""
        await self._room()
        await self.files.journal.commit(events, live=False)

    async def commit_backfilled(self, records: Sequence[Record]) -> None:
        """Capture history, as soon as there is room."""
        await self._room()
        await self.files.journal.commit(records, live=False)

    async def look_for_losses(self, home: str) -> None:
        """Notice what was lost of a home, once the ledger has all that the journal noted."""
        await self.intake.known.wait()
        await self.keeper.take()
        await self.recovery.look(home)

    async def confirmed(self) -> None:
        """Wait until the store has what was captured before this call."""
        await self.intake.known.wait()
        await self.files.spool.confirmed()

    def outbox(self) -> Outbox[Kept]:
        """Return one more way in; the storage ends when all of them are closed."""
        self._ways_in.append(Outbox(self.entrance.clone()))
        return self._ways_in[-1]

    def unwritten(self) -> int:
        """Return how many records were not captured; to be asked when nothing runs any more."""
        lists = [*self.intake.inbox.held, *left(self._exit)]
        return sum(map(len, lists)) + sum(map(len, self._ways_in))

    async def _room(self) -> None:
        """Wait until more may come than the live events: else a refill would make the next gap."""
        spool = self.files.spool
        while self.intake.valve.closed or spool.pending_bytes >= spool.maximum_bytes / 2:  # noqa: ASYNC110  no event for it
            await trio.sleep(ROOM_SECONDS)

    def _close_ways_in(self) -> None:
        """Close what a stage that was down at the end could not close; all who send have ended by now."""
        for way in self._ways_in:
            way.close()
