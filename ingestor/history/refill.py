"""The actor that fills gaps from Home Assistant's recorder; it never touches the live path.

A gap is filled a hundred intervals at a time, those of about the same age together: one sweep each (`sweep.py`), with
what `gaps.py` knows of the intervals for its judge. Then the ledger learns what became of them. A sweep that was not
finished is begun again: the events are the same points, so that nothing is doubled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from random import Random

import trio

from ingestor.history.archive import MARGIN_US, Archive, Past
from ingestor.history.gaps import Group
from ingestor.history.holdings import Holdings
from ingestor.history.keeper import LedgerKeeper
from ingestor.history.ledger import Missed, OpenGap
from ingestor.history.pace import Pace
from ingestor.history.silences import Rhythm
from ingestor.history.sweep import ENTITIES_IN_A_GROUP, in_groups, sweep
from ingestor.homeassistant.answers import Row
from ingestor.homeassistant.recorder import NoRecorder, Refused
from ingestor.live.fence import Fence
from ingestor.model.backoff import Delays
from ingestor.model.errors import IngestorError
from metrics import facts
from metrics.codes import GapCause, GapState
from supervisors import Backoff, Progress

BACKOFF = Backoff(initial_seconds=1.0, maximum_seconds=60.0, jitter=0.0)
NO_RECORDER_SECONDS = 60.0
REFUSED_SECONDS = 15 * 60.0


class Refill:
    """Fills the gaps of one home as they come. A recorder that is missing or refuses is a state, told loudly.

    What was missed of an entity that the user has left out since is not fetched.
    """

    def __init__(
        self, archive: Archive, holdings: Holdings, fence: Fence, keeper: LedgerKeeper, report: facts.Report
    ) -> None:
        self.progress = Progress()
        self._archive = archive
        self._holdings = holdings
        self._ledger = holdings.ledger
        self._fence = fence
        self._keeper = keeper
        self._report = report
        table: dict[type[IngestorError], float] = {NoRecorder: NO_RECORDER_SECONDS, Refused: REFUSED_SECONDS}
        self._delays = Delays(BACKOFF, Random(), table)  # noqa: S311  there is no jitter

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Fill gaps until cancelled."""
        task_status.started()
        while True:
            changed, seconds = self._ledger.changed(self._archive.home), BACKOFF.maximum_seconds
            try:
                await self._fill_all()
                self._delays.succeeded()
            except IngestorError as error:
                seconds = self._delays.after(error)
                if seconds == REFUSED_SECONDS:
                    changed = trio.Event()  # another gap is no reason to ask again
                self._report(
                    facts.RefillFailed(
                        home=self._archive.home, code=error.code, detail=str(error), retry_seconds=seconds
                    )
                )
            with trio.move_on_after(seconds):
                await changed.wait()

    async def _fill_all(self) -> None:
        await self._keeper.take()
        if not await self._ledger.open_gaps(self._archive.home):
            return
        async with self._archive.opened() as past:
            self._report(facts.RefillReady(home=self._archive.home))
            for gap in await self._ledger.open_gaps(self._archive.home):
                rhythm = await self._fill(gap, past)
                await self._settle(gap, past, rhythm)

    async def _fill(self, gap: OpenGap, past: Past) -> Rhythm:
        """Fill a gap; return when the recorder had rows in it."""
        to_us = max((one.interval.until_us or 0 for one in gap.missed), default=0)
        rhythm = Rhythm(gap.from_us, to_us)
        left_out = [one.id for one in gap.missed if not self._holdings.entities.wants(one.interval.entity_id)]
        await self._ledger.close(gap.gap, closed=left_out, listed={}, refilled=0)
        wanted = [one for one in gap.missed if one.id not in left_out]
        done = _Done(self._archive.home, len(wanted), self._report)
        has_passed = gap.intact or await past.recorder.clock_us() > gap.from_us
        is_new = has_passed and await begins_later(gap, past)
        for missed in _groups(wanted, gap.from_us):
            group = Group(gap, missed, begins_later=is_new, clock_has_passed=has_passed)
            done.begin(group, len(missed))
            for entity_id, row in (await self._before(group, past)).items():
                group.follow(entity_id, row)
            judge = _Filling(group, rhythm, self._fence, self._got_on(done))
            await sweep(past, group.entity_ids, (group.start_us, group.end_us), judge, self._holdings.keep)
            await self._find_renamed(group, past)
            await _explain_silence(group, past)
            rhythm.lack(group.lacking)
            await self._holdings.keep(removals := group.removals())
            refilled = group.refilled + len(removals)
            closed, listed = group.verdicts()
            await self._ledger.close(gap.gap, closed=closed, listed=listed, refilled=refilled)
            self._report(facts.IntervalsSettled(home=self._archive.home, refilled=refilled, listed=len(listed)))
        return rhythm

    def _got_on(self, done: _Done) -> Callable[[int | None], None]:
        def got_on(until_us: int | None) -> None:
            self.progress.report()
            done.tell(until_us)

        return got_on

    async def _before(self, group: Group, past: Past) -> dict[str, Row]:
        """Return the last row of each entity of which nothing is known, where the recorder has one."""
        return await past.before(group.strangers, group.start_us) if group.strangers else {}

    async def _find_renamed(self, group: Group, past: Past) -> None:
        """Find which entities that are gone with their history were given another id: it took the history along."""
        present = {state.entity_id for state in await past.recorder.states()} if group.vanished else set()
        for entity_id, at_us in group.vanished:
            alike = {one for one in present if one.partition(".")[0] == entity_id.partition(".")[0]}
            rows = await past.all_rows(alike, at_us, at_us + MARGIN_US)
            if any(row.at_us == at_us for row in chain.from_iterable(rows.values())):
                group.rename(entity_id)

    async def _settle(self, gap: OpenGap, past: Past, rhythm: Rhythm) -> None:
        """End a gap: it is filled when nothing can have been lost unseen, or else its tail is unproven."""
        doubts = []
        if not gap.intact:
            doubts.append("nothing proves that Home Assistant did not restart in it")
        if rhythm.lacking and not gap.intact:
            doubts.append(f"the recorder lacks the last states of {len(rhythm.lacking)} entities")
        if not await _are_visible(gap.anchors, past):
            doubts.append("the recorder does not have what was captured just before it")
        if not await past.recorder.is_recording():
            doubts.append("the recorder does not record")
        silences = rhythm.silences() if gap.intact else ()
        state = GapState.TAIL_UNPROVEN if doubts else GapState.FILLED
        settled = await self._ledger.settle(gap.gap, state, "; ".join(doubts), silences)
        self._fence.bounds.forget(gap.gap)
        detail = settled.reason or settled.detail
        self._report(
            facts.GapSettled(
                home=settled.home, state=settled.state, cause=settled.cause, refilled=settled.refilled, detail=detail
            )
        )


class _Done:
    """Tells how much of a gap is filled, where that takes long."""

    def __init__(self, home: str, intervals: int, report: facts.Report) -> None:
        self._home = home
        self._intervals = intervals
        self._report = report
        self._pace = Pace()
        self._groups: list[tuple[Group, int]] = []

    def begin(self, group: Group, intervals: int) -> None:
        """Go on to a group of so many intervals: those before it are filled."""
        self._groups.append((group, intervals))

    def tell(self, until_us: int | None) -> None:
        """Tell how far the sweep is, which has the present group until then, if that is due."""
        if not self._pace.is_due():
            return
        *_, (group, intervals) = self._groups
        span_us = (group.end_us or 0) - group.start_us
        share = (until_us - group.start_us) / span_us if until_us is not None and span_us > 0 else 0.0
        done = sum(number for _, number in self._groups[:-1]) + intervals * min(max(share, 0.0), 1.0)
        self._report(
            facts.WorkProgressed(
                home=self._home,
                work="refill",
                share_percent=int(100 * done / max(self._intervals, 1)),
                imported=sum(one.refilled for one, _ in self._groups),
            )
        )


class _Filling:
    """The judge of a group of intervals. One that has no end is bounded by what was heard before each answer."""

    def __init__(self, group: Group, rhythm: Rhythm, fence: Fence, got_on: Callable[[int | None], None]) -> None:
        self._group = group
        self._rhythm = rhythm
        self._fence = fence
        self._got_on = got_on
        self.take = group.take

    async def enter(self, _low_us: int, _high_us: int | None) -> int:
        return 0

    async def meet(self, rows: Mapping[str, Sequence[Row]]) -> None:
        if self._group.end_us is None:
            await self._fence.wait()
            self._group.bound(self._fence.bounds)
        for at_us in (row.at_us for row in chain.from_iterable(rows.values())):  # no row outlives its answer
            self._rhythm.note(at_us)

    async def leave(self, until_us: int | None) -> bool:
        self._got_on(until_us)
        return True


async def _explain_silence(group: Group, past: Past) -> None:
    """Find out of which entities the recorder has nothing because they are excluded, where Home Assistant says so."""
    for entity_id in group.silent:
        is_recorded = await past.recorder.is_recorded(entity_id)
        if is_recorded is None:
            return
        group.explain(entity_id, is_recorded=is_recorded)


async def begins_later(gap: OpenGap, past: Past) -> bool:
    """Return whether the recorder has nothing from before a gap in which Home Assistant restarted: its database is new.

    One that was killed lacks what was captured just before, but not everything. A gap that began as Home Assistant
    ended lacks no more than its last moments, wherever they were recorded.
    """
    if gap.intact or gap.cause == GapCause.HOME_RESTART or await _are_visible(gap.anchors, past):
        return False
    known = [one.interval.entity_id for one in gap.missed if one.interval.after_us is not None]
    for some in in_groups(known, ENTITIES_IN_A_GROUP):
        if await past.had_begun(some, gap.from_us + 1):
            return False
    return bool(known)


async def _are_visible(anchors: Sequence[tuple[str, int]], past: Past) -> bool:
    """Return whether a captured change is in the recorder, so that it was not purged and is the one we knew."""
    if not anchors:
        return True
    times = [at_us for _, at_us in anchors]
    rows = await past.all_rows({entity_id for entity_id, _ in anchors}, min(times), max(times) + MARGIN_US)
    found = {(entity_id, row.at_us) for entity_id in rows for row in rows[entity_id]}
    return not found.isdisjoint(anchors)


def _groups(missed: Sequence[Missed], from_us: int) -> Iterator[Sequence[Missed]]:
    """Yield intervals of about the same age together, and those without an end by themselves."""
    for has_end in (True, False):
        alike = [one for one in missed if (one.interval.until_us is not None) is has_end]
        alike.sort(key=lambda one: one.interval.after_us or from_us, reverse=True)
        yield from in_groups(alike, ENTITIES_IN_A_GROUP)
