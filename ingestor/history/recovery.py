"""What to do when what was captured is gone: the spool with its watermarks, our state, or what the store had.

The store knows it, or the recorder: the chain goes on from what is stored, and everything is compared by key. So is
what has times of before a gap because Home Assistant's clock was set back in it: a refill goes by times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import trio

from ingestor.history.jobs import Jobs
from ingestor.history.ledger import Ledger, Missed, OpenGap
from ingestor.history.work import new_job
from ingestor.model.errors import CredentialsRefused, Unavailable
from ingestor.model.gaps import ClockRead, GapFound, Note
from ingestor.model.records import Watermark
from ingestor.storage.intake import Intake
from ingestor.storage.spool import Spool
from ingestor.storage.store import Store
from metrics import facts
from metrics.codes import GapCause, JobKind, Loss

UNSTEADY_US = 2_000_000  # what is heard late at the start of a session is no other clock
FAR_US = 2 * 3600 * 10**6  # the times of all that is compared are in memory at once
ASKING_SECONDS = 10.0  # a store that is away does not hold up the start for longer


class Recovery:
    """Notices what was lost behind our back, and lets a backfill of each home that it concerns bring it back."""

    def __init__(
        self,
        homes: Sequence[str],
        store: Store,
        spool: Spool,
        intake: Intake,
        ledger: Ledger,
        jobs: Jobs,
        report: facts.Report,
        *,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._homes = homes
        self._store = store
        self._spool = spool
        self._intake = intake
        self._ledger = ledger
        self._jobs = jobs
        self._report = report
        self._clock_ns = clock_ns
        self._started_us = clock_ns() // 1000
        self._looking = trio.Lock()

    async def recollect(self, marks: list[Watermark]) -> list[Watermark]:
        """Return how far each entity was captured: as the journal knows it, or else the ledger, or else the store.

        A home of which none of them knows anything starts for the first time, or the store is away: then its marks
        tell later what is missing.
        """
        known = {(mark.series.home, mark.series.entity_id) for mark in marks}
        absent = [
            _absent(gap, missed)
            for home in self._homes
            for gap in await self._ledger.open_gaps(home)
            for missed in gap.missed
            if (home, missed.interval.entity_id) not in known
        ]
        unknown = [home for home in self._homes if home not in {of for of, _ in known}]
        asked = unknown and not self._store.is_journal
        return [*marks, *absent, *(await self._ask_store(unknown) if asked else ())]

    async def _ask_store(self, homes: Sequence[str]) -> list[Watermark]:
        """Return what the store has of homes of which the journal knows nothing: it was lost where there is any."""
        newest: dict[str, list[Watermark]] = {}
        with trio.move_on_after(ASKING_SECONDS), suppress(Unavailable, CredentialsRefused):
            await self._store.prepare()
            for home in homes:
                newest[home] = await self._store.newest(home)
        for home in homes:
            if newest.get(home) or (home not in newest and await self._ledger.read(limit=1, home=home)):
                self._intake.losses[home] = Loss.SPOOL_LOST
        found = [mark for marks in newest.values() for mark in marks]
        if found:
            await self._spool.adopt(found)
        return found

    async def look(self, home: str) -> None:
        """Notice what no mark in the store tells: that our state is gone, or an embedded database is an older copy.

        To be called when the ledger has taken over what the journal noted of this home. Raises `Unavailable`.
        """
        captured = self._intake.marks(home) and home not in self._intake.losses
        if captured and not await self._ledger.read(limit=1, home=home):
            await self._compare_all(home, Loss.STATE_LOST)
        async with self._looking:  # the database is that of every home
            remembered = await self._ledger.marked()
            if remembered and remembered > (marked := await self._store.mark(home)):
                await self.begin(Loss.STORE_RESTORED)
                await self._ledger.remember(marked)

    async def learn(self, notes: Sequence[Note]) -> None:
        """Give notes to the ledger, and do what they call for. The same again changes nothing. Raises `Unavailable`."""
        gaps = [note for note in notes if not isinstance(note, ClockRead)]
        if gaps:
            await self._ledger.record(gaps)
        for clock in (note for note in notes if isinstance(note, ClockRead)):
            await self._heed(clock)

    async def begin(self, cause: Loss) -> None:
        """Compare everything of every home since its beginning with its recorder. Raises `Unavailable`."""
        for home in self._homes:
            await self._compare_all(home, cause)

    async def _compare_all(self, home: str, cause: Loss) -> None:
        detail = f"{cause}: everything of {home} is compared with its recorder, and what is missing comes back"
        self._report(facts.Warned(code=cause, detail=detail))
        from_us = known_us = await self._ledger.since_us(home)
        if not self._started_us > known_us > 0:  # what was first heard now was not the first
            from_us = (await self._store.oldest_ns(home) or known_us * 1000) // 1000
        await self._jobs.add(new_job(home, JobKind.LOSS, (from_us, self._clock_ns() // 1000), cause))
        if from_us != known_us:
            await self._ledger.record([_since(home, from_us)])

    async def _heed(self, clock: ClockRead) -> None:
        """Compare what came while nobody heard it, when its clock has been set back since it was read.

        What came before that moment has times up to what would be now, what came after it times up to now. When it was
        set far back, only the latter is compared: what came before is listed by the refill.
        """
        before = await self._ledger.clock(clock.home)
        if clock.opens and before is not None and (back_us := clock.lag_us - before.lag_us) > UNSTEADY_US:
            now_us = clock.heard_ns // 1000 - clock.lag_us
            away_us = max(0, clock.heard_ns - before.heard_ns) // 1000
            since_us = await self._ledger.since_us(clock.home) - clock.lag_us  # as that clock has it now
            from_us = max(since_us, now_us - away_us - UNSTEADY_US)
            to_us = now_us + back_us if back_us < FAR_US else now_us
            await self._jobs.add(new_job(clock.home, JobKind.CLOCK, (from_us, to_us), GapCause.CLOCK_SET_BACK))
        await self._ledger.remember_clock(clock)


def _absent(gap: OpenGap, missed: Missed) -> Watermark:
    """Return the mark of an entity that only the ledger knows: the journal is one of before it came."""
    after_us = missed.interval.after_us
    at_us = gap.from_us if after_us is None else after_us
    return Watermark(at_ns=at_us * 1000, removed=True, series=missed.interval.series)


def _since(home: str, at_us: int) -> GapFound:
    """Return a first start as the store tells it."""
    detail = "the oldest change that the database has"
    return GapFound(
        gap=f"{home}:{at_us}:since",
        home=home,
        cause=GapCause.FIRST_START,
        detail=detail,
        from_us=at_us,
        found_ns=at_us * 1000,
    )
