"""What to do when what was captured is gone: the spool with its watermarks, our state, or what the store had.

The store knows it, or the recorder: the chain goes on from what is stored, and everything is compared by key.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import trio

from ingestor.audit.jobs import Jobs
from ingestor.audit.ledger import FIRST_START, Ledger
from ingestor.errors import CredentialsRefused, Unavailable
from ingestor.messages import GapFound, Watermark
from ingestor.storage.intake import Intake
from ingestor.storage.marks import SPOOL_LOST, STORE_RESTORED
from ingestor.storage.spool import Spool
from ingestor.storage.store import Store
from metrics import facts

STATE_LOST = "state_lost"
ASKING_SECONDS = 10.0  # a store that is away does not hold up the start for longer


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovering:
    """What a recovery works with."""

    home: str
    store: Store
    spool: Spool
    intake: Intake
    ledger: Ledger
    jobs: Jobs


class Recovery:
    """Notices for one home what was lost behind our back, and lets a backfill bring it back."""

    def __init__(
        self, recovering: Recovering, report: facts.Report, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._with = recovering
        self._report = report
        self._clock_ns = clock_ns

    async def recollect(self) -> list[Watermark]:
        """Return how far each entity was captured, as the store knows it; to be asked when the spool knows nothing.

        That is nothing at a first start, and while the store is away: then the marks tell later what is missing.
        """
        marks: list[Watermark] | None = None
        with trio.move_on_after(ASKING_SECONDS), suppress(Unavailable, CredentialsRefused):
            await self._with.store.prepare()
            marks = await self._with.store.newest(self._with.home)
        if marks or (marks is None and await self._with.ledger.read(limit=1)):
            self._with.intake.loss = SPOOL_LOST
            await self._with.spool.adopt(marks or [])
        return marks or []

    async def look(self) -> None:
        """Notice what no mark in the store tells: that our state is gone, or an embedded database is one of before.

        To be asked when the ledger has taken over what the journal noted. Raises `Unavailable`.
        """
        captured = self._with.intake.marks(self._with.home) and not self._with.intake.loss
        if captured and not await self._with.ledger.read(limit=1):
            await self.begin(STATE_LOST)
        remembered = await self._with.ledger.marked()
        if remembered and remembered > (marked := await self._with.store.mark(self._with.home)):
            await self.begin(STORE_RESTORED)
            await self._with.ledger.remember(marked)

    async def begin(self, cause: str) -> None:
        """Compare everything since the beginning with the recorder. Raises `Unavailable`."""
        detail = f"{cause}: everything is compared with the recorder, and what is missing comes back"
        self._report(facts.Warned(code=cause, detail=detail))
        oldest_ns = await self._with.store.oldest_ns(self._with.home)
        known_us = [(oldest_ns or 0) // 1000, await self._with.ledger.since_us(self._with.home)]
        from_us = min((at_us for at_us in known_us if at_us), default=0)
        await self._with.jobs.add(self._with.home, from_us, self._clock_ns() // 1000, cause)
        if from_us != known_us[1]:
            await self._with.ledger.record([_since(self._with.home, from_us)])


def _since(home: str, at_us: int) -> GapFound:
    """Return a first start as the store tells it."""
    detail = "the oldest change in the database"
    return GapFound(
        gap=f"{home}:{at_us}:since", home=home, cause=FIRST_START, detail=detail, from_us=at_us, found_ns=at_us * 1000
    )
