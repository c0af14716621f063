"""The work of every job: comparing a span of a home's past with its recorder, and keeping what the store does not have.

An audit compares what was promised, a backfill everything else; what follows a loss, or a clock that was set back, is
an audit in which more may be missing. They differ by a table:

    kind       entities                   span                                      beside it
    audit      those ever captured        since the first start; not the last       -
                                          seconds, which are on their way
    backfill   those, and all that Home   until the first gap that is open; what    long-term statistics
               Assistant knows            was left out on purpose, too
    loss       the same                   as it is                                  long-term statistics
    clock      the same                   open, as its times were lived twice       -

Nothing is compared that the store keeps no more, nor before everything captured until now is confirmed by the store,
nor (but for a backfill) while a gap is open: what it has missed comes by its refill.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence

import trio
from msgspec.structs import replace

from ingestor.enrichment.series import NO_ATTRIBUTES, describe
from ingestor.enrichment.statistics import statistic, units_of
from ingestor.enrichment.units import Conversion
from ingestor.history.archive import FARTHEST_US, Archive, Past
from ingestor.history.comparison import Audited, Comparison
from ingestor.history.holdings import DAY_US, Holdings
from ingestor.history.jobs import Jobs
from ingestor.history.rows import Tail
from ingestor.history.sweep import ENTITIES_IN_A_GROUP, in_groups, sweep
from ingestor.history.work import Job, JobState
from ingestor.homeassistant.answers import Row, StatisticId
from ingestor.homeassistant.chunks import KEY_BYTES
from ingestor.model import instants
from ingestor.model.errors import Unavailable
from ingestor.model.records import Series
from metrics.codes import ErrorCode, JobKind

CONFIRMED_SECONDS = 120.0  # a store that is merely slow confirms within
FEW_ENTITIES = 20  # so that an answer without an end is small enough
STATISTICS_IN_A_GROUP = 20  # of a month of hours each: 2 MB
MINUTE_US = 60 * instants.SECOND_US
HOUR_US = 60 * MINUTE_US
MONTH_US = 30 * DAY_US
NOTHING = "the recorder has nothing of this span of time: is it older than what Home Assistant keeps?"


class Audit:
    """Works off one job of its home at a time. What is younger than `underway_us` may be on its way to the journal."""

    def __init__(
        self,
        archive: Archive,
        holdings: Holdings,
        jobs: Jobs,
        underway_us: int,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.home = archive.home
        self.jobs = jobs
        self._archive = archive
        self._holdings = holdings
        self._underway_us = underway_us
        self._clock_ns = clock_ns

    async def run(self, job: Job, goes_on: Callable[[Job], bool] = lambda _job: True) -> Job:
        """Work a job off, saved as it gets on; return it done, or waiting where `goes_on` has said no.

        Raises `Unavailable`, `Refused`, `CredentialsRefused` or `RemoteProtocolError`: it can go on later, from where
        it was saved.
        """
        gaps_us = await self._open_us(job)
        job, to_us = await self._bounded(job)
        await self._wait_confirmed()
        gaps_us = await self._open_us(job) or gaps_us  # one that came meanwhile
        async with self._archive.opened() as past:
            if job.kind is JobKind.CLOCK:
                job = await self._compare_twice_lived(past, job)
            else:
                job = await self._compare(past, job, min([to_us, *gaps_us]), goes_on)
            if job.wants_statistics and job.state is not JobState.WAITING:
                job = await self._import_statistics(past, job, goes_on)
        if job.state is JobState.WAITING:
            return job
        if job.kind is not JobKind.AUDIT:
            await self._holdings.importer.confirmed()
        return replace(
            job, state=JobState.DONE, reason=job.reason if job.compared or not job.wants_statistics else NOTHING
        )

    async def _open_us(self, job: Job) -> list[int]:
        """Return since when gaps are open. Raises `Unavailable` for what waits until there are none."""
        found = [gap.from_us for gap in await self._holdings.ledger.open_gaps(job.home)]
        if found and job.kind is not JobKind.BACKFILL:
            raise Unavailable("a gap is still open: its refill comes first", code=ErrorCode.PENDING)
        return found

    async def _bounded(self, job: Job) -> tuple[Job, int]:
        """Return the job with its cursor in what is kept, and until when to compare: all before that is captured."""
        if job.kind is not JobKind.AUDIT:  # no longer than it can take, should a clock have stepped
            wait_us = min(self._underway_us, job.to_us + self._underway_us - self._clock_ns() // 1000)
            await trio.sleep(max(0, wait_us) / 1e6)
        now_us = self._clock_ns() // 1000
        since_us = await self._holdings.ledger.since_us(job.home) if job.kind is JobKind.AUDIT else instants.FIRST_US
        kept_since_us = self._holdings.kept_since_us(now_us)
        if kept_since_us > max(job.from_us, since_us):
            job = replace(job, reason=f"the database keeps {self._holdings.store.retention}, so nothing older")
        cursor_us = max(job.cursor_us, kept_since_us, since_us)
        return replace(job, cursor_us=cursor_us), min(job.to_us, now_us - self._underway_us)

    async def _wait_confirmed(self) -> None:
        with trio.move_on_after(CONFIRMED_SECONDS):
            await self._holdings.importer.confirmed()
            return
        raise Unavailable("the store has not confirmed yet what was captured", code=ErrorCode.PENDING)

    async def _compare(self, past: Past, job: Job, to_us: int, goes_on: Callable[[Job], bool]) -> Job:
        tails = await self.jobs.tails(job)
        comparing = await self._comparing(past, job, (job.cursor_us, to_us), tails)
        comparing.goes_on = goes_on
        entity_ids, start_us = list(comparing.series), job.cursor_us
        if job.kind is not JobKind.AUDIT and not tails:
            start_us = await _oldest(past, entity_ids, start_us, to_us)
            if start_us - job.cursor_us > HOUR_US:
                begins = f"{instants.moment(start_us):%Y-%m-%d %H:%M}"
                comparing.job = replace(comparing.job, reason=f"the recorder has nothing before {begins}")
        comparing.start_us = start_us
        if job.kind is JobKind.BACKFILL:
            await comparing.introduce(entity_ids, tails)
        if start_us < to_us:
            await sweep(past, entity_ids, (start_us, to_us), comparing, self._holdings.keep)
        job = comparing.job
        return job if job.state is JobState.WAITING else replace(job, cursor_us=job.to_us)

    async def _compare_twice_lived(self, past: Past, job: Job) -> Job:
        """Compare what came in times through which Home Assistant's clock has gone before.

        There it answers nothing to a span that ends before what it knew at its start. So none is asked for until its
        end, and the entities are read until a row is behind that.
        """
        comparing = await self._comparing(past, replace(job, compared=0), (job.from_us, job.to_us))
        stored = await self._holdings.times(job.from_us, job.to_us)
        for group in in_groups(list(comparing.series), FEW_ENTITIES):
            comparing.read_whole(stored)
            await sweep(past, group, (job.from_us - MINUTE_US, None), comparing, self._holdings.keep)
        return replace(comparing.job, cursor_us=job.to_us, hours_us=job.to_us)

    async def _comparing(
        self, past: Past, job: Job, span: tuple[int, int], tails: Mapping[str, Tail] | None = None
    ) -> _Comparing:
        entities = self._holdings.entities
        if entities.lacks_registry:  # as in a command without a service
            entities.know(await past.recorder.registry())
        accounted = await self._holdings.quarantine.times(job.home)
        is_asked_for = job.kind is JobKind.BACKFILL  # who asks for a time in words wants all of it
        left_out = {} if is_asked_for else await self._holdings.ledger.left_out(job.home)
        comparison = Comparison(accounted, left_out, span)
        series = self._holdings.series() if job.kind is JobKind.AUDIT else await self._all_series(past)
        series = {entity_id: tail.series for entity_id, tail in (tails or {}).items()} | series
        return _Comparing(comparison, series, self._holdings, self.jobs, past, job)

    async def _all_series(self, past: Past) -> dict[str, Series]:
        """Return the tags of every wanted entity that may have rows: of now, registered, or ever captured."""
        home, captured = self.home, self._holdings.series()
        registry = await past.recorder.registry()
        states = {state.entity_id: state.attributes for state in await past.recorder.states()}
        known = dict.fromkeys(registry.entity_ids, NO_ATTRIBUTES) | states
        series = {
            entity_id: describe(home, entity_id, attributes, registry, None, self._archive.wanted).series
            for entity_id, attributes in known.items()
        }
        series |= {entity_id: one for entity_id, one in captured.items() if entity_id not in states}
        persons = [entity_id for entity_id in series if entity_id.startswith("person.")]
        past.persons = lambda: persons
        return {entity_id: one for entity_id, one in series.items() if self._holdings.entities.wants(entity_id)}

    async def _import_statistics(self, past: Past, job: Job, goes_on: Callable[[Job], bool]) -> Job:
        wants = self._holdings.entities.wants
        series = await self._all_series(past)
        about = [one for one in await past.recorder.statistic_ids() if wants(one.statistic_id)]
        by_id = {one.statistic_id: (one, units_of(one, series.get(one.statistic_id))) for one in about}
        start_us = job.hours_us // HOUR_US * HOUR_US
        for low_us in range(start_us, job.to_us, MONTH_US):
            high_us = min(job.to_us, low_us + MONTH_US)
            job = replace(await self._import_hours(past, job, by_id, (low_us, high_us)), hours_us=high_us)
            await self.jobs.save(job)
            if not goes_on(job):
                return replace(job, state=JobState.WAITING)
        return job

    async def _import_hours(
        self, past: Past, job: Job, by_id: Mapping[str, tuple[StatisticId, Conversion]], span: tuple[int, int]
    ) -> Job:
        stored = await self._holdings.times(*span, statistics=True)
        for group in in_groups(list(by_id), STATISTICS_IN_A_GROUP):
            answer = await past.recorder.statistics(group, *span)
            found = [statistic(job.home, *by_id[id_], hour) for id_, hours in answer.items() for hour in hours]
            missing = [one for one in found if one.time_ns not in stored.get(one.entity_id, ())]
            await self._holdings.keep(missing)
            job = replace(job, compared=job.compared + len(found), statistics=job.statistics + len(missing))
        return job


class _Comparing:
    """The judge of a job: what the store has of a window is known; behind each window the job is saved."""

    def __init__(
        self, comparison: Comparison, series: Mapping[str, Series], holdings: Holdings, jobs: Jobs, past: Past, job: Job
    ) -> None:
        self.job = job
        self.series = series
        self.goes_on: Callable[[Job], bool] = lambda _job: True
        self.take = comparison.take
        self._comparison = comparison
        self._holdings = holdings
        self._jobs = jobs
        self._past = past
        self._begun = Audited(compared=job.compared, refilled=job.imported, accounted=job.accounted)
        self._is_whole = False
        self.start_us = job.cursor_us
        comparison.begin(series, {})

    def read_whole(self, stored: Mapping[str, Collection[int]]) -> None:
        """Compare with what is stored in all windows together, until a row is behind the span."""
        self._is_whole = True
        self._comparison.is_over = False
        self._comparison.begin(self.series, stored)

    async def introduce(self, entity_ids: Sequence[str], tails: Mapping[str, Tail]) -> None:
        """Find out what was before everything that is compared: what is missing has to tell it."""
        self._comparison.resume(tails)
        for group in in_groups(list(entity_ids), ENTITIES_IN_A_GROUP) if not tails else ():
            await self._look_back(group, HOUR_US)

    async def enter(self, low_us: int, high_us: int | None) -> int:
        if self._is_whole or high_us is None:
            return 0
        stored = await self._holdings.times(low_us, high_us)
        self._comparison.begin(self.series, stored)
        return sum(map(len, stored.values())) * KEY_BYTES

    async def meet(self, rows: Mapping[str, Sequence[Row]]) -> None:
        """Find out what was before the changes that are missing, where their entity had none in the span so far."""
        if self.job.kind in {JobKind.AUDIT, JobKind.LOSS} and (strangers := self._comparison.strangers(rows)):
            await self._look_back(list(strangers), FARTHEST_US if self.job.kind is JobKind.AUDIT else HOUR_US)

    async def leave(self, until_us: int | None) -> bool:
        found = self._begun + self._comparison.outcome
        self.job = replace(self.job, compared=found.compared, imported=found.refilled, accounted=found.accounted)
        if self._is_whole or until_us is None:
            return not self._comparison.is_over
        self.job = replace(self.job, cursor_us=until_us)
        await self._jobs.save(self.job, self._comparison.tails if self.job.kind is JobKind.BACKFILL else None)
        if self.goes_on(self.job):
            return True
        self.job = replace(self.job, state=JobState.WAITING)
        return False

    async def _look_back(self, entity_ids: Sequence[str], farthest_us: int) -> None:
        for entity_id, row in (await self._past.before(entity_ids, self.start_us, farthest_us)).items():
            self._comparison.follow(entity_id, row)


async def _oldest(past: Past, entity_ids: Sequence[str], start_us: int, end_us: int) -> int:
    """Return a time, at most an hour before the oldest row of the span; its end when there is none."""

    async def had_begun(at_us: int) -> bool:
        for group in in_groups(entity_ids, ENTITIES_IN_A_GROUP):
            if await past.had_begun(group, at_us):
                return True
        return False

    if start_us >= end_us or not await had_begun(end_us):
        return end_us
    if await had_begun(start_us):
        return start_us
    after_us = end_us
    while after_us - start_us > HOUR_US:
        middle_us = (start_us + after_us) // 2
        if await had_begun(middle_us):
            after_us = middle_us
        else:
            start_us = middle_us
    return start_us
