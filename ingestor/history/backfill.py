"""Importing history out of Home Assistant's recorder: every state of a span of time that the store does not have.

It goes from the oldest to the newest, chunk by chunk, and then over the long-term statistics. What the store has is
known by home, entity and time, never by tags, which change; so what is imported again is skipped.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import trio
from msgspec.structs import replace
from trio.lowlevel import checkpoint

from ingestor.enrichment.series import describe
from ingestor.history.auditor import Auditing
from ingestor.history.chunks import KEY_BYTES, Chunks
from ingestor.history.comparison import Known, LeftOutTimes
from ingestor.history.jobs import Job, Jobs
from ingestor.history.reading import Reader
from ingestor.history.rows import Teller
from ingestor.homeassistant.recorder import Recorder, in_parts, opened
from ingestor.homeassistant.statistics import StatisticId, statistic
from ingestor.model.errors import Unavailable
from ingestor.model.records import Event, Record, Series
from metrics.codes import ErrorCode, GapCause

ENTITIES_IN_A_GROUP = 100
FEW_ENTITIES = 20  # so that an answer without an end is small enough
RECORDS_IN_A_COMMIT = 500  # a larger one would let live events wait
STATISTICS_IN_A_GROUP = 20  # of a month of hours each: 2 MB
MINUTE_US = 60 * 10**6
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
MONTH_US = 30 * DAY_US
NOTHING = "the recorder has nothing of this span of time: is it older than what Home Assistant keeps?"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfilling:
    """What a backfill works with, beside what an audit does.

    `wanted` says of an id whether it is stored, `commit` waits for room.
    """

    auditing: Auditing
    jobs: Jobs
    wanted: Callable[[str], bool]
    commit: Callable[[Sequence[Record]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Importing:
    """What stays the same from chunk to chunk: nothing before `from_ns` is imported."""

    reader: Reader
    recorder: Recorder
    tellers: dict[str, Teller]
    from_ns: int
    accounted: Mapping[str, Collection[int]]
    left_out: LeftOutTimes


class Backfill:
    """Works off one job of one home at a time. `told` hears how far it is."""

    def __init__(self, backfilling: Backfilling, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._with = backfilling
        self._clock_ns = clock_ns

    async def run(self, job: Job, told: Callable[[Job], None] = lambda _job: None) -> Job:
        """Return the job at its end. Raises `Unavailable`, `Refused`, `CredentialsRefused`: then it can go on later."""

        async def go_on() -> Job:
            return await self._go_on(await self._with.jobs.find(job.id), told)

        return await in_parts(go_on)

    async def _go_on(self, job: Job, told: Callable[[Job], None]) -> Job:
        auditing = self._with.auditing
        async with opened(auditing.endpoint, auditing.reader.sizes) as recorder:
            if not await recorder.is_running():
                raise Unavailable("Home Assistant is starting up", code=ErrorCode.STARTING)
            await self._wait_underway(job)
            now_us = self._clock_ns() // 1000  # what is captured while the store confirms, it may not have
            await recorder.wait_committed()
            await auditing.confirmed()
            if job.cause == GapCause.CLOCK_SET_BACK:
                job = await self._import_twice_lived(recorder, job, told)
            else:
                job = await self._import_states(recorder, job, now_us, told)
                job = await self._import_statistics(recorder, job, told)
                job = job if job.compared else replace(job, detail=NOTHING)
        await auditing.confirmed()
        job = replace(job, state="done")
        await self._with.jobs.save(job)
        told(job)
        return job

    async def _wait_underway(self, job: Job) -> None:
        """Wait until everything of the span is captured that was heard; no longer, should a clock have stepped."""
        most_us = self._with.auditing.underway_us
        await trio.sleep(max(0, min(most_us, job.to_us + most_us - self._clock_ns() // 1000)) / 1e6)

    async def _import_states(self, recorder: Recorder, job: Job, now_us: int, told: Callable[[Job], None]) -> Job:
        days = self._with.auditing.retention_days()
        kept_us = now_us - days * DAY_US if days else 0
        end_us = min(job.to_us, now_us, *await self._open_us(job))  # what is in a gap is the refill's affair
        start_us = max(job.cursor_us, kept_us)
        tellers, reader = await self._tellers(recorder, job)
        if start_us == job.from_us:
            oldest_us = await self._oldest(recorder, tellers, start_us, end_us)
            start_us = oldest_us - HOUR_US  # its rows tell what was before the first ones of the span
            if oldest_us - job.from_us > HOUR_US:
                begins = datetime.fromtimestamp(oldest_us // 10**6, UTC)
                job = replace(job, detail=f"the recorder has nothing before {begins:%Y-%m-%d %H:%M}")
        importing = _Importing(
            reader,
            recorder,
            tellers,
            from_ns=max(job.from_us, kept_us) * 1000,
            accounted=await self._with.auditing.quarantine.times(job.home),
            left_out=await self._left_out(job),
        )
        chunks = Chunks(start_us, end_us, lambda: now_us, reader.sizes.longest_us)
        for low_us, high_us in chunks if start_us < end_us else ():
            until_us = end_us if high_us is None else high_us
            job, largest_bytes, is_empty = await self._import_chunk(importing, job, low_us, until_us)
            chunks.answered(largest_bytes, is_empty=is_empty)
            tails = {entity_id: teller.tail for entity_id, teller in tellers.items()}
            await self._with.jobs.save(job, {entity_id: tail for entity_id, tail in tails.items() if tail})
            told(job)
        job = replace(job, cursor_us=job.to_us)
        await self._with.jobs.save(job)
        return job

    async def _import_twice_lived(self, recorder: Recorder, job: Job, told: Callable[[Job], None]) -> Job:
        """Import what came in times through which Home Assistant's clock has gone before.

        There it answers nothing to a span that ends before what it knew at its start. So none has an end, and the
        entities are read until a row is behind the job's.
        """
        await self._open_us(job)
        tellers, reader = await self._tellers(recorder, job)
        stored = await self._with.auditing.store.keys(job.home, job.from_us * 1000, job.to_us * 1000)
        known = Known(stored, await self._with.auditing.quarantine.times(job.home), await self._left_out(job))
        for group in _groups(list(tellers), FEW_ENTITIES):
            async with aclosing(reader.read(recorder, group, job.from_us - MINUTE_US, None)) as chunks:
                async for rows, around in chunks:
                    within = [(of, row) for of in rows for row in rows[of] if row.at_us < job.to_us]
                    events = [tellers[of].tell(row, around) for of, row in within]
                    job = await self._import(job, events, known, job.from_us * 1000)
                    told(job)
                    if len(within) < sum(map(len, rows.values())):
                        break
        return replace(job, cursor_us=job.to_us, hours_us=job.to_us)

    async def _left_out(self, job: Job) -> LeftOutTimes:
        """Return what was left out on purpose; a user who asks for a time in words wants all of it."""
        return await self._with.auditing.ledger.left_out(job.home) if job.cause else {}

    async def _open_us(self, job: Job) -> list[int]:
        """Return since when gaps are open; what has a cause of its own waits for them."""
        found = [gap.from_us for gap in await self._with.auditing.ledger.open_gaps(job.home)]
        if job.cause and found:
            raise Unavailable("a gap is still open: its refill comes first", code=ErrorCode.PENDING)
        return found

    async def _import_chunk(self, importing: _Importing, job: Job, low_us: int, until_us: int) -> tuple[Job, int, bool]:
        """Return the job behind this span, the size of the largest answer in bytes, and whether all were empty."""
        tellers = importing.tellers
        stored = await self._with.auditing.store.keys(job.home, low_us * 1000, until_us * 1000)
        largest_bytes, is_empty = sum(map(len, stored.values())) * KEY_BYTES, True
        known = Known(stored, importing.accounted, importing.left_out)
        around = await importing.reader.around(importing.recorder, low_us, until_us)
        for group in _groups(list(tellers), ENTITIES_IN_A_GROUP):
            rows, size_bytes = await importing.reader.rows(importing.recorder, group, low_us, until_us)
            largest_bytes, is_empty = max(largest_bytes, size_bytes), is_empty and not any(rows.values())
            events = [tellers[entity_id].tell(row, around) for entity_id in rows for row in rows[entity_id]]
            job = await self._import(job, events, known, importing.from_ns)
        return replace(job, cursor_us=until_us), largest_bytes, is_empty

    async def _import(self, job: Job, events: Sequence[Event], known: Known, from_ns: int) -> Job:
        """Import those of the events that are missing, and not older than this."""
        compared = [event for event in events if event.time_ns >= from_ns]
        missing = [one for one in compared if known.judge(one.series.entity_id, one.time_ns) == "missing"]
        await self._commit(missing)
        return replace(job, compared=job.compared + len(compared), imported=job.imported + len(missing))

    async def _tellers(self, recorder: Recorder, job: Job) -> tuple[dict[str, Teller], Reader]:
        """Return who tells of every entity that is stored, and a reader that knows all persons."""
        entities = await self._entities(recorder)
        reader = dataclasses.replace(
            self._with.auditing.reader, persons=lambda: [e for e in entities if e.startswith("person.")]
        )
        tellers = {entity_id: Teller(series) for entity_id, series in entities.items() if self._with.wanted(entity_id)}
        for entity_id, tail in (await self._with.jobs.tails(job)).items():
            tellers.setdefault(entity_id, Teller(tail.series)).follow(tail)
        return tellers, reader

    async def _commit(self, records: Sequence[Record]) -> None:
        for part in _groups(records, RECORDS_IN_A_COMMIT):
            await self._with.commit(part)
        await checkpoint()

    async def _import_statistics(self, recorder: Recorder, job: Job, told: Callable[[Job], None]) -> Job:
        by_id = {one.statistic_id: one for one in await recorder.statistic_ids() if self._with.wanted(one.statistic_id)}
        start_us = job.hours_us // HOUR_US * HOUR_US
        for low_us in range(start_us, job.to_us, MONTH_US):
            high_us = min(job.to_us, low_us + MONTH_US)
            job = await self._import_hours(recorder, job, by_id, low_us, high_us)
            job = replace(job, hours_us=high_us)
            await self._with.jobs.save(job)
            told(job)
        return job

    async def _import_hours(
        self, recorder: Recorder, job: Job, by_id: Mapping[str, StatisticId], low_us: int, high_us: int
    ) -> Job:
        stored = await self._with.auditing.store.keys(job.home, low_us * 1000, high_us * 1000, statistics=True)
        for group in _groups(list(by_id), STATISTICS_IN_A_GROUP):
            answer = await recorder.statistics(group, low_us, high_us)
            told = [statistic(job.home, by_id[id_], hour) for id_, hours in answer.items() for hour in hours]
            missing = [one for one in told if one.time_ns not in stored.get(one.entity_id, ())]
            await self._commit(missing)
            job = replace(job, compared=job.compared + len(told), statistics=job.statistics + len(missing))
        return job

    async def _entities(self, recorder: Recorder) -> dict[str, Series]:
        """Return the tags of everybody who may have rows: those of now, those registered, those ever captured."""
        home = self._with.auditing.endpoint.home
        registry = await recorder.registry()
        states = {state.entity_id: str(bytes(state.attributes), "utf-8") for state in await recorder.states()}
        known = dict.fromkeys(registry.records(home, {}), "{}") | states
        series = {
            entity_id: describe(home, entity_id, attributes, registry, None).series
            for entity_id, attributes in known.items()
        }
        series |= {entity_id: one for entity_id, one in self._with.auditing.series().items() if entity_id not in states}
        return series

    async def _oldest(self, recorder: Recorder, entity_ids: Collection[str], start_us: int, end_us: int) -> int:
        """Return a time, at most an hour before the oldest row of the span; its end when there is none."""

        async def begun(at_us: int) -> bool:
            for group in _groups(list(entity_ids), ENTITIES_IN_A_GROUP):
                rows, _ = await recorder.history(group, at_us, at_us + 1, with_start=True)
                if any(rows.values()):
                    return True
            return False

        if start_us >= end_us or not await begun(end_us):
            return end_us
        if await begun(start_us):
            return start_us
        after_us = end_us
        while after_us - start_us > HOUR_US:
            middle_us = (start_us + after_us) // 2
            if await begun(middle_us):
                after_us = middle_us
            else:
                start_us = middle_us
        return start_us


def _groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
