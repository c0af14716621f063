"""The jobs of a home against its simulated recorder: none stands in another's way, and each goes on from its cursor."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from msgspec.structs import replace
from trio.testing import MockClock

from ingestor.assembly.files import STATE
from ingestor.history import pace
from ingestor.history import worker as workers
from ingestor.history.jobs import COVERED, KEPT, PERIODIC_KEPT, Jobs
from ingestor.history.work import EARLIEST_US, PERIODIC, Job, JobState, new_job
from ingestor.history.worker import AGAIN_SECONDS, CRASHES, CUT_SHORT, FIRST_SECONDS, INTERVAL_SECONDS, Worker
from ingestor.homeassistant.recorder import Refused
from ingestor.model.errors import Unavailable
from ingestor.storage.database import Database
from metrics import facts
from metrics.codes import ErrorCode, JobKind
from tests.actors.audits import Rig, auditing
from tests.actors.heard import Heard

ENTITY = "sensor.a"
HOUR_US = 3600 * 10**6


def now_us() -> int:
    return time.time_ns() // 1000


async def ended(jobs: Jobs, id_: int, seconds: float = 15) -> Job:
    """Return a job once it has ended."""
    with trio.fail_after(seconds):
        while (job := await jobs.find(id_)) is None or job.state in {"waiting", "running"}:  # noqa: ASYNC110  in a file
            await trio.sleep(0.02)
    return job


def fill(rig: Rig, rows: int, every_us: int = 60 * 10**6) -> int:
    """Let the recorder have rows; return since when."""
    from_us = now_us() - rows * every_us
    for number in range(rows):
        rig.record(ENTITY, from_us + number * every_us, str(number))
    return from_us


async def begun(rig: Rig, kind: JobKind, from_us: int, cause: str = "") -> int:
    """Begin a job until now; return its number."""
    if cause:
        await rig.jobs.add(new_job("home", kind, (from_us, now_us()), cause))
        return (await rig.jobs.read(limit=1))[0].id
    job = await rig.jobs.ask("home", kind, from_us, None, now_us())
    assert job is not None
    return job.id


@pytest.mark.parametrize(
    ("kind", "cause"), [("audit", ""), ("backfill", ""), ("loss", "store_restored"), ("clock", "clock_set_back")]
)
async def test_a_job_of_every_kind_brings_what_the_store_lacks_and_nothing_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, cause: str
) -> None:
    monkeypatch.setattr(pace, "MINUTE_SECONDS", 0.0)
    async with auditing(tmp_path, ENTITY) as rig, trio.open_nursery() as nursery:
        from_us = fill(rig, 100)
        rig.store.take([rig.event(ENTITY, from_us + number * 60 * 10**6, str(number)) for number in range(0, 100, 3)])
        await nursery.start(rig.worker().run)
        for _ in range(2):
            job = await ended(rig.jobs, await begun(rig, JobKind(kind), from_us, cause), 20)
            assert (job.state, job.compared) == ("done", 100)
        noted = [(gap.cause, gap.refilled) for gap in await rig.ledger.read()]
        nursery.cancel_scope.cancel()
    assert len({event.time_ns for event in rig.refilled}) == len(rig.refilled) == 66
    shared = [(one.work, one.imported) for one in rig.heard.of(facts.WorkProgressed)]
    assert (kind, 66) in shared or kind == "clock"  # which has one window, and no shares
    told = {"audit": [("audit", 66)], "backfill": [], "loss": [(cause, 0), (cause, 66)], "clock": [(cause, 66)]}
    assert noted == told[kind]


async def test_it_goes_on_from_where_it_was_saved_in_another_process(tmp_path: Path) -> None:
    async with auditing(tmp_path, ENTITY) as rig:
        from_us = fill(rig, 2000)
        id_ = await begun(rig, JobKind.BACKFILL, from_us)
        async with trio.open_nursery() as nursery:
            await nursery.start(rig.worker().run)
            with trio.fail_after(20):
                while not (rig.refilled and (await _found(rig.jobs, id_)).share > 0.05):
                    await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        cut = await _found(rig.jobs, id_)
        uncounted = len(rig.refilled) - cut.imported  # kept when it was cut off, but not saved with it yet
        assert cut.state == JobState.RUNNING
        async with trio.open_nursery() as nursery:
            await nursery.start(rig.worker().run)
            done = await ended(rig.jobs, id_, 30)
            nursery.cancel_scope.cancel()
    assert (done.state, done.compared, done.imported) == ("done", 2000, 2000 - uncounted)
    assert len({event.time_ns for event in rig.refilled}) == len(rig.refilled) == 2000
    assert [event.previous_state for event in rig.refilled[1:]] == [event.state for event in rig.refilled[:-1]]


async def _found(jobs: Jobs, id_: int) -> Job:
    job = await jobs.find(id_)
    assert job is not None
    return job


async def test_one_that_is_cancelled_while_it_is_worked_off_ends_at_once(tmp_path: Path) -> None:
    async with auditing(tmp_path, ENTITY) as rig, trio.open_nursery() as nursery:
        from_us = fill(rig, 50)
        rig.server.mute = True  # it never gets further
        await nursery.start(rig.worker().run)
        id_ = await begun(rig, JobKind.BACKFILL, from_us)
        await trio.sleep(0.2)
        assert (await _found(rig.jobs, id_)).state == JobState.RUNNING
        cancelled = await rig.jobs.cancel(id_)
        assert cancelled is not None
        assert cancelled.state == JobState.CANCELLED
        with trio.fail_after(5):
            while not rig.heard.of(facts.JobEnded):  # noqa: ASYNC110  as reported
                await trio.sleep(0.01)
        rig.server.mute = False
        assert (await ended(rig.jobs, await begun(rig, JobKind.AUDIT, from_us))).state == "done"
        assert await rig.jobs.cancel(77) is None
        nursery.cancel_scope.cancel()
    assert [(fact.kind, fact.state) for fact in rig.heard.of(facts.JobEnded)] == [
        ("backfill", "cancelled"),
        ("audit", "done"),
    ]


async def test_one_that_has_to_wait_stands_in_the_way_of_none(tmp_path: Path) -> None:
    async with auditing(tmp_path, ENTITY) as rig, trio.open_nursery() as nursery:
        from_us = fill(rig, 10)
        commands = rig.server.home.recorder.commands
        statistics = commands.pop("recorder/list_statistic_ids")  # what a loss asks for, and an audit does not
        await nursery.start(rig.worker().run)
        loss = await begun(rig, JobKind.LOSS, from_us, "store_restored")
        with trio.fail_after(10):
            while (waiting := await _found(rig.jobs, loss)).code != "unknown_command":  # noqa: ASYNC110  in a file
                await trio.sleep(0.02)
        assert (await ended(rig.jobs, await begun(rig, JobKind.AUDIT, from_us))).state == "done"
        assert waiting.state == (await _found(rig.jobs, loss)).state == JobState.WAITING
        commands["recorder/list_statistic_ids"] = statistics
        nursery.cancel_scope.cancel()
    async with auditing(tmp_path, ENTITY) as rig, trio.open_nursery() as nursery:
        await nursery.start(rig.worker().run)
        assert (await ended(rig.jobs, loss)).state == "done"
        nursery.cancel_scope.cancel()


class Scripted:
    """What works jobs off as it is told, one after the other: by an error, or the figures that it finds."""

    home = "home"
    jobs: Jobs

    def __init__(self, *ends: Any) -> None:
        self.at: list[tuple[float, int]] = []
        self._ends = list(ends)

    async def run(self, job: Job, goes_on: Any) -> Job:
        self.at.append((trio.current_time(), job.id))
        end = self._ends.pop(0) if self._ends else {}
        if isinstance(end, float):
            began = trio.current_time()
            while trio.current_time() - began < end:
                await trio.sleep(10)
                job = replace(job, compared=job.compared + 1)
                if not goes_on(job):
                    return replace(job, state=JobState.WAITING)
        if isinstance(end, Exception):
            raise end
        return replace(job, state=JobState.DONE)


class Desk:
    """Jobs in a file of their own, and what works them off as scripted."""

    def __init__(self, jobs: Jobs, heard: Heard) -> None:
        self.jobs = jobs
        self.heard = heard

    def worker(self, audit: Any) -> Worker:
        audit.jobs, unused = self.jobs, None
        return Worker(audit, unused, self.heard, trio.lowlevel.checkpoint)  # type: ignore[arg-type]  # nothing is told

    async def add(self, kind: JobKind, cause: str = "") -> int:
        if cause:
            await self.jobs.add(new_job("home", kind, (1, 9), cause))
        else:
            await self.jobs.ask("home", kind, 1, 9, 9)
        return (await self.jobs.read(limit=1))[0].id

    async def states(self) -> list[tuple[int, str, str]]:
        return [(job.id, job.state, job.code) for job in reversed(await self.jobs.read(limit=-1))]


class Prompt(Database):
    """A file that is worked on in the loop's own thread: a clock that jumps waits for no other."""

    async def run(self, work: Any, warn: Any = None, **_options: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return self.run_now(work, warn)


@asynccontextmanager
async def desk(directory: Path) -> AsyncGenerator[Desk]:
    state = Prompt(directory / "jobs.sqlite3", STATE)
    try:
        yield Desk(Jobs(state), Heard())
    finally:
        await state.aclose()


async def test_the_last_day_is_audited_at_intervals_and_sooner_after_a_failure(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    pending = Unavailable("not yet", code=ErrorCode.PENDING)
    scripted, began = Scripted(pending), trio.current_time()
    async with desk(tmp_path) as one:
        with trio.move_on_after(FIRST_SECONDS + AGAIN_SECONDS + INTERVAL_SECONDS + 1):
            await one.worker(scripted).run()
        jobs = await one.jobs.read()
    due = [FIRST_SECONDS, FIRST_SECONDS + AGAIN_SECONDS, FIRST_SECONDS + AGAIN_SECONDS + INTERVAL_SECONDS]
    assert [at - began for at, _ in scripted.at] == due
    assert [(job.state, job.cause, job.code) for job in reversed(jobs)] == [
        ("failed", PERIODIC, "pending"),
        ("done", PERIODIC, ""),
        ("done", PERIODIC, ""),
    ]
    assert {job.to_us - job.from_us for job in jobs} == {86_400 * 10**6}
    assert [fact.retry_seconds for fact in one.heard.of(facts.AuditFailed)] == [AGAIN_SECONDS]
    assert len(one.heard.of(facts.AuditDone)) == 2


@pytest.mark.parametrize(
    ("kind", "cause", "error", "state"),
    [
        ("audit", "", Unavailable("away", code=ErrorCode.TIMEOUT), "failed"),
        ("audit", "", Refused("no", code=ErrorCode.UNAUTHORIZED), "failed"),
        ("backfill", "", Unavailable("away", code=ErrorCode.TIMEOUT), "waiting"),
        ("backfill", "", Refused("no", code=ErrorCode.UNAUTHORIZED), "failed"),
        ("loss", "spool_lost", Refused("no", code=ErrorCode.UNAUTHORIZED), "waiting"),
        ("clock", "clock_set_back", Unavailable("away", code=ErrorCode.TIMEOUT), "waiting"),
    ],
)
async def test_what_an_error_does_to_a_job_is_as_the_table_says(
    tmp_path: Path, kind: str, cause: str, error: Exception, state: str, autojump_clock: MockClock
) -> None:
    async with desk(tmp_path) as one, trio.open_nursery() as nursery:
        await nursery.start(one.worker(Scripted(error)).run)
        await trio.sleep(1)
        await one.add(JobKind(kind), cause)
        await trio.sleep(1)
        [job] = await one.jobs.read()
        nursery.cancel_scope.cancel()
    assert (job.state, job.code, job.reason) == (state, error.code, str(error))  # type: ignore[attr-defined]


async def test_an_audit_that_a_restart_cut_short_waits_until_it_can_go_on(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with desk(tmp_path) as one:
        await one.add(JobKind.AUDIT)
        with trio.move_on_after(5):
            await one.worker(Scripted(100.0)).run()
        assert await one.states() == [(1, "running", "")]
        with trio.move_on_after(60):
            await one.worker(Scripted(Unavailable("a gap", code=ErrorCode.PENDING), 10.0)).run()
        assert await one.states() == [(1, "done", "")]


async def test_one_that_crashes_again_and_again_has_failed_and_the_others_are_done(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with desk(tmp_path) as one:
        await one.add(JobKind.LOSS, "spool_lost")
        await one.add(JobKind.AUDIT)
        for _ in range(CRASHES):
            with pytest.raises(ValueError, match="a bug"):
                await one.worker(Scripted(ValueError("a bug"))).run()
        with trio.move_on_after(60):
            await one.worker(Scripted()).run()
        assert await one.states() == [(1, "failed", "crash"), (2, "done", "")]
        assert (await _found(one.jobs, 1)).reason == CUT_SHORT


async def test_a_long_one_makes_room_for_others_and_goes_on(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with desk(tmp_path) as one, trio.open_nursery() as nursery:
        scripted = Scripted(workers.TURN_SECONDS * 4, 1.0)
        await one.add(JobKind.BACKFILL)
        await nursery.start(one.worker(scripted).run)
        await trio.sleep(workers.TURN_SECONDS * 2)
        assert len(scripted.at) == 1  # nobody waits
        await one.add(JobKind.AUDIT)
        await trio.sleep(60)
        assert [id_ for _, id_ in scripted.at] == [1, 2, 1]
        assert await one.states() == [(1, "done", ""), (2, "done", "")]
        nursery.cancel_scope.cancel()


async def test_what_is_no_job_stands_in_the_way_of_none_and_a_far_clock_is_brought_within_reach(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    async with desk(tmp_path) as one:
        for from_us in (5, -(62 * 10**15)):
            await one.jobs.add(new_job("home", JobKind.CLOCK, (from_us, 9 + from_us), f"cause of {from_us}"))
        await one.jobs._database.run(lambda file: file.execute("UPDATE jobs SET kind = 'poison' WHERE from_us = 5"))
        await one.add(JobKind.BACKFILL)
        scripted = Scripted()
        with trio.move_on_after(10):
            await one.worker(scripted).run()
        found = await one.jobs.read()
    assert [id_ for _, id_ in scripted.at] == [2, 3]
    assert [(job.state, job.from_us) for job in found] == [("done", 1), ("done", EARLIEST_US)]


async def test_a_user_joins_what_is_the_same_and_no_other_of_its_kind(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        asked = [
            await one.jobs.ask(home, kind, from_us, to_us, 10)
            for home, kind, from_us, to_us in (
                ("attic", JobKind.AUDIT, 1, None), ("attic", JobKind.AUDIT, 1, None), ("attic", JobKind.AUDIT, 1, 10),
                ("attic", JobKind.AUDIT, 2, None), ("attic", JobKind.AUDIT, 1, 9), ("attic", JobKind.BACKFILL, 2, None),
                ("barn", JobKind.AUDIT, 2, None),
            )
        ]  # fmt: skip
    assert [job and job.id for job in asked] == [1, 1, 1, None, None, 2, 3]


async def test_a_backfill_that_failed_goes_on_and_another_gives_up_the_one_under_way(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        job = await one.jobs.ask("home", JobKind.BACKFILL, 1, None, 10)
        assert job is not None
        await one.jobs.save(replace(job, cursor_us=5, state=JobState.FAILED, code="refused", reason="no"))
        again = await one.jobs.ask("home", JobKind.BACKFILL, 1, None, 20)
        assert again == replace(job, cursor_us=5, to_us=10)
        other = await one.jobs.ask("home", JobKind.BACKFILL, 2, None, 20, instead=True)
        assert await one.states() == [(1, "cancelled", ""), (2, "waiting", "")]
        assert other is not None
        assert other.id == 2


async def test_losses_that_cover_each_other_are_one_job(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        for span in ((5, 9), (5, 12), (1, 20), (30, 40)):
            await one.jobs.add(new_job("home", JobKind.LOSS, span, "spool_lost"))
        await one.jobs.add(new_job("barn", JobKind.LOSS, (0, 99), "spool_lost"))
        assert [(job.from_us, job.to_us) for job in await one.jobs.unfinished("home")] == [(1, 20), (30, 40)]
        assert {job.reason for job in await one.jobs.read() if job.state == "cancelled"} == {COVERED}


async def test_only_the_newest_that_have_ended_are_kept_and_few_that_nobody_asked_for(tmp_path: Path) -> None:
    async with desk(tmp_path) as one:
        for number in range(KEPT + 5):
            periodic = number % 2 == 0
            await one.jobs.add(new_job("home", JobKind.AUDIT, (number, 1000 + number), PERIODIC if periodic else "x"))
            [job] = await one.jobs.unfinished("home")
            await one.jobs.save(replace(job, state=JobState.DONE))
        kept = await one.jobs.read(limit=-1)
    assert len([job for job in kept if job.cause == PERIODIC]) == PERIODIC_KEPT
    assert len(kept) == PERIODIC_KEPT + (KEPT + 5) // 2
