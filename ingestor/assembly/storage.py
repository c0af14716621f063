"""The subtree that keeps and writes: spool and writer, the ledger beside them, and the channel that leads there."""

from __future__ import annotations

from ingestor.assembly.stages import FEW, Ground, left, piped
from ingestor.history.keeper import LedgerKeeper
from ingestor.model.channels import Outbox
from ingestor.model.gaps import Kept
from ingestor.storage.committer import CommitLimits, Committer
from supervisors import StopOrder, Strategy, Supervisor


class Storage:
    """Spool and writer, with the channel that leads to them.

    With the embedded database that is the spool, and the writer only empties one that an InfluxDB left behind.
    """

    def __init__(self, ground: Ground) -> None:
        self._files = files = ground.files
        self._ways_in: list[Outbox[Kept]] = []
        self.keeper = LedgerKeeper(files.journal, files.recovery.learn, files.intake, files.keep, files.report)
        limits = CommitLimits(seconds=files.settings.commit_seconds)
        committer = Committer(files.intake, files.journal, limits, files.report, files.recovery.recollect)
        stages = [piped("spool", committer, 3.0, ground.at_the_end(self._close_ways_in))]
        if (writer := files.writer(ground.random)) is not None:
            stages.append(piped("writer", writer, 5.0, ground.at_the_end(files.intake.ended.set)))
        self.supervisor = Supervisor(
            "storage", stages, strategy=Strategy.REST_FOR_ONE, intensity=FEW, stop_order=StopOrder.START_ORDER
        )

    async def look_for_losses(self, home: str) -> None:
        """Notice what was lost of a home, once the ledger has all that the journal noted."""
        await self._files.intake.known.wait()
        await self.keeper.take()
        await self._files.recovery.look(home)

    def outbox(self) -> Outbox[Kept]:
        """Return one more way in; the storage ends when all of them are closed."""
        self._ways_in.append(Outbox(self._files.entrance.clone(), self._files.intake.enter))
        return self._ways_in[-1]

    def drop(self) -> tuple[int, int]:
        """Give up what was not captured, when nothing runs any more; return how many records and events that is."""
        lists = [*self._files.intake.inbox.held, *left(self._files.exit), *(way.items for way in self._ways_in)]
        events, self._files.intake.held_events = self._files.intake.held_events, 0
        return sum(map(len, lists)), events

    def _close_ways_in(self) -> None:
        """Close what a stage that was down at the end could not close; all who send have ended by now."""
        for way in self._ways_in:
            way.close()
