"""How history gets into the journal: behind the live records, which come first wherever room or the disk is short."""

from __future__ import annotations

import math
from collections.abc import Sequence

import trio

from ingestor.model.records import Record, Watermark, events_in
from ingestor.storage.intake import Intake
from ingestor.storage.journal import Journal
from ingestor.storage.spool import Spool
from metrics import facts

RECORDS_IN_A_COMMIT = 500  # a larger one would let live events wait
ROOM_SECONDS = 1.0
PAUSE_SECONDS = 1.0


class Importer:
    """Captures what the recorder gave, of every home."""

    def __init__(self, journal: Journal, spool: Spool, intake: Intake, report: facts.Report) -> None:
        self._journal = journal
        self._spool = spool
        self._intake = intake
        self._report = report
        self._next_at = -math.inf

    async def keep(self, home: str, records: Sequence[Record]) -> None:
        """Return once all of it is captured, part by part as there is room. Raises `Unavailable`.

        As long as a commit took, the disk then belongs to the live records: so long the next one waits.
        """
        for start in range(0, len(records), RECORDS_IN_A_COMMIT):
            await trio.sleep_until(self._next_at)
            await self._room()
            began = trio.current_time()
            part = records[start : start + RECORDS_IN_A_COMMIT]
            await self._journal.commit(part, live=False)
            self._report(facts.EventsRefilled(home=home, events=events_in(part)))
            ended = trio.current_time()
            self._next_at = ended + min(PAUSE_SECONDS, ended - began)

    async def confirmed(self) -> None:
        """Wait until the store has what was captured before this call."""
        await self._intake.known.wait()
        await self._spool.confirmed()

    def marks(self, home: str) -> list[Watermark]:
        """Return how far earlier processes captured each entity of a home."""
        return self._intake.marks(home)

    async def _room(self) -> None:
        """Wait until more may come than the live records: else a refill would make the next gap."""
        while self._intake.valve.closed or self._spool.pending_bytes >= self._spool.maximum_bytes / 2:  # noqa: ASYNC110  no event for it
            await trio.sleep(ROOM_SECONDS)
