"""The actor that fills gaps from Home Assistant's recorder; it never touches the live path.

A gap is filled group by group of its entities, each in chunks of time that grow and shrink with the answers. A group
that was not finished is begun again: the events are the same points, so that nothing is doubled.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from itertools import chain

import trio
from trio.lowlevel import checkpoint

from ingestor.history.group import Group
from ingestor.history.ledger import Ledger, Missed, OpenGap
from ingestor.history.reading import MARGIN_US, Reader
from ingestor.history.rhythm import Rhythm
from ingestor.history.rows import Surroundings
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.recorder import Recorder, Refused, in_parts, opened
from ingestor.homeassistant.rows import Row
from ingestor.live.fence import Fence
from ingestor.model.errors import IngestorError, Unavailable
from ingestor.model.records import Event
from metrics import facts
from metrics.codes import ErrorCode, GapState
from supervisors import Progress

ENTITIES_IN_A_GROUP = 100
EVENTS_IN_A_COMMIT = 500  # a larger one would let live events wait
FIRST_RETRY_SECONDS = 1.0
MAXIMUM_RETRY_SECONDS = 60.0
REFUSED_SECONDS = 15 * 60.0
PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refilling:
    """What a refill works with. `commit` waits for room, `take_notes` brings the ledger up to date.

    `wants` says of an entity whether it is stored: what was missed of one that was left out since is not fetched.
    """

    endpoint: Endpoint
    ledger: Ledger
    commit: Callable[[Sequence[Event]], Awaitable[None]]
    fence: Fence
    wants: Callable[[str], bool]
    take_notes: Callable[[], Awaitable[None]]
    reader: Reader


class Refill:
    """Fills the gaps of one home as they come. A recorder that is missing or refuses is a state, told loudly."""

    def __init__(self, refilling: Refilling, report: facts.Report) -> None:
        self.progress = Progress()
        self._with = refilling
        self._report = report

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Fill gaps until cancelled."""
        task_status.started()
        failures = 0
        while True:
            changed = self._with.ledger.changed(self._with.endpoint.home)
            seconds = MAXIMUM_RETRY_SECONDS
            try:
                await in_parts(self._fill_all)
                failures = 0
            except IngestorError as error:
                failures += 1
                seconds = self._failed(error, failures)
                changed = trio.Event() if isinstance(error, Refused) and error.lasts else changed
            with trio.move_on_after(seconds):
                await changed.wait()

    def _failed(self, error: IngestorError, failures: int) -> float:
        seconds = min(MAXIMUM_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 16))
        if isinstance(error, Refused):
            seconds = REFUSED_SECONDS if error.lasts else MAXIMUM_RETRY_SECONDS
        home = self._with.endpoint.home
        self._report(facts.RefillFailed(home=home, code=error.code, detail=str(error), retry_seconds=seconds))
        return seconds

    async def _fill_all(self) -> None:
        home, ledger = self._with.endpoint.home, self._with.ledger
        await self._with.take_notes()
        if not await ledger.open_gaps(home):
            return
        async with opened(self._with.endpoint, self._with.reader.sizes) as recorder:
            if not await recorder.is_running():
                raise Unavailable("Home Assistant is starting up", code=ErrorCode.STARTING)
            recording = await recorder.is_recording()
            await recorder.wait_committed()
            self._report(facts.RefillReady(home=home))
            for gap in await ledger.open_gaps(home):
                rhythm = await self._fill(gap, recorder)
                await self._settle(gap, recorder, rhythm, recording=recording)

    async def _fill(self, gap: OpenGap, recorder: Recorder) -> Rhythm:
        """Fill a gap; return when the recorder had rows in it."""
        to_us = max((one.interval.until_us or 0 for one in gap.missed), default=0)
        rhythm = Rhythm(gap.from_us, to_us)
        left_out = [one.id for one in gap.missed if not self._with.wants(one.interval.entity_id)]
        await self._with.ledger.close(gap.gap, closed=left_out, listed={}, refilled=0)
        for missed in _groups([one for one in gap.missed if one.id not in left_out], gap.from_us):
            group = Group(gap, missed)
            await self._fill_group(group, recorder, rhythm)
            await self._follow(group, recorder)
            rhythm.lack(group.lacking)
            closed, listed = group.verdicts()
            await self._with.ledger.close(gap.gap, closed=closed, listed=listed, refilled=group.refilled)
            home = self._with.endpoint.home
            self._report(facts.IntervalsSettled(home=home, refilled=group.refilled, listed=len(listed)))
        return rhythm

    async def _fill_group(self, group: Group, recorder: Recorder, rhythm: Rhythm) -> None:
        if strangers := group.strangers:
            for entity_id, row in (await self._with.reader.before(recorder, strangers, group.start_us)).items():
                group.follow(entity_id, row)
        reading = self._with.reader.read(recorder, group.entity_ids, group.start_us, group.end_us)
        async with aclosing(reading) as chunks:
            async for rows, around in chunks:
                if group.end_us is None:
                    await self._with.fence.wait()
                    group.bound(self._with.fence.bounds)
                for at_us in (row.at_us for row in chain.from_iterable(rows.values())):  # no row outlives its answer
                    rhythm.note(at_us)
                await self._take(group, rows, around)
                self.progress.report()

    async def _follow(self, group: Group, recorder: Recorder) -> None:
        """Find which entities that are gone with their history were given another id: it took the history along."""
        present = {state.entity_id for state in await recorder.states()} if group.vanished else set()
        for entity_id, at_us in group.vanished:
            alike = {one for one in present if one.partition(".")[0] == entity_id.partition(".")[0]}
            rows, _ = await recorder.history(alike, at_us - MARGIN_US, at_us + MARGIN_US)
            if any(row.at_us == at_us for found in rows.values() for row in found):
                group.rename(entity_id)

    async def _take(self, group: Group, rows: dict[str, list[Row]], around: Surroundings) -> None:
        """Empty the rows, so that not two answers are in memory while the next is asked for."""
        events: list[Event] = []
        for entity_id in list(rows):
            for row in rows.pop(entity_id):
                events += group.take(entity_id, row, around)
            if len(events) >= EVENTS_IN_A_COMMIT:
                await self._commit(events)
                events = []
            await checkpoint()
        await self._commit(events)

    async def _commit(self, events: Sequence[Event]) -> None:
        for start in range(0, len(events), EVENTS_IN_A_COMMIT):
            began = trio.current_time()
            await self._with.commit(events[start : start + EVENTS_IN_A_COMMIT])
            await trio.sleep(min(PAUSE_SECONDS, trio.current_time() - began))  # the disk belongs to live events first

    async def _settle(self, gap: OpenGap, recorder: Recorder, rhythm: Rhythm, *, recording: bool) -> None:
        """End a gap: it is filled when nothing can have been lost unseen, or else its tail is unproven."""
        doubts = []
        if not gap.intact:
            doubts.append("nothing proves that Home Assistant did not restart in it")
        if rhythm.lacking and not gap.intact:
            doubts.append(f"the recorder lacks the last states of {len(rhythm.lacking)} entities")
        if not await self._are_visible(gap.anchors, recorder):
            doubts.append("the recorder does not have what was captured just before it")
        if not recording:
            doubts.append("the recorder does not record")
        silences = rhythm.silences() if gap.intact else ()
        state = GapState.TAIL_UNPROVEN if doubts else GapState.FILLED
        settled = await self._with.ledger.settle(gap.gap, state, "; ".join(doubts), silences)
        self._with.fence.bounds.forget(gap.gap)
        detail = settled.reason or settled.detail
        self._report(
            facts.GapSettled(
                home=settled.home, state=settled.state, cause=settled.cause, refilled=settled.refilled, detail=detail
            )
        )

    async def _are_visible(self, anchors: Sequence[tuple[str, int]], recorder: Recorder) -> bool:
        """Return whether a captured change is in the recorder, so that it was not purged and is the one we knew."""
        if not anchors:
            return True
        times = [at_us for _, at_us in anchors]
        rows, _ = await recorder.history(
            {entity_id for entity_id, _ in anchors}, min(times) - MARGIN_US, max(times) + MARGIN_US
        )
        found = {(entity_id, row.at_us) for entity_id in rows for row in rows[entity_id]}
        return not found.isdisjoint(anchors)


def _groups(missed: Sequence[Missed], from_us: int) -> Iterator[list[Missed]]:
    """Yield intervals of about the same age together, and those without an end by themselves."""
    for has_end in (True, False):
        alike = [one for one in missed if (one.interval.until_us is not None) is has_end]
        alike.sort(key=lambda one: one.interval.after_us or from_us, reverse=True)
        for start in range(0, len(alike), ENTITIES_IN_A_GROUP):
            yield alike[start : start + ENTITIES_IN_A_GROUP]
