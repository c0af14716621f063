"""What a clock that was read calls for: what came since is compared when it was set back, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ingestor.assembly.files import STATE
from ingestor.history.jobs import Jobs
from ingestor.history.ledger import Ledger
from ingestor.history.recovery import Recovery
from ingestor.model.gaps import ClockRead, GapFound
from ingestor.storage.database import Database

SECOND_NS = 10**9
START = 1_795_421_403
NOT_ASKED: Any = None


@asynccontextmanager
async def opened(directory: Path) -> AsyncGenerator[tuple[Recovery, Jobs]]:
    """Hold a recovery of a home that was first heard at second 0."""
    state = Database(directory / "state.sqlite3", STATE)
    jobs, ledger = Jobs(state), Ledger(state, lambda _fact: None)
    recovery = Recovery(("home",), NOT_ASKED, NOT_ASKED, NOT_ASKED, ledger, jobs, lambda _fact: None)
    since = GapFound(gap="home:since", home="home", cause="first_start", detail="", from_us=0, found_ns=at_ns(0))
    await recovery.learn([since])
    try:
        yield recovery, jobs
    finally:
        await state.aclose()


def at_ns(second: float) -> int:
    return START * SECOND_NS + int(second * SECOND_NS)


def read(second: float, lag: float, *, opens: bool = True) -> ClockRead:
    return ClockRead(home="home", heard_ns=at_ns(second), lag_us=int(lag * 1e6), opens=opens)


async def spans(jobs: Jobs) -> list[tuple[float, float]]:
    found = [(job.from_us, job.to_us) for job in reversed(await jobs.read())]
    return [((from_us - START * 10**6) / 1e6, (to_us - START * 10**6) / 1e6) for from_us, to_us in found]


async def test_what_came_since_it_was_heard_is_compared_by_the_clock_that_was_set_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as (recovery, jobs):
        await recovery.learn([read(100, 0.1)])
        await recovery.learn([read(160, 30.1)])
        assert await spans(jobs) == [(67.9, 159.9)]


async def test_of_one_that_was_set_far_back_only_what_came_since_then_is_compared(tmp_path: Path) -> None:
    async with opened(tmp_path) as (recovery, jobs):
        await recovery.learn([read(1000, 0)])
        await recovery.learn([read(1060, 10**8)])
        assert await spans(jobs) == [(998 - 10**8, 1060 - 10**8)]


async def test_nothing_is_compared_that_came_before_the_first_start_as_the_clock_has_that_now(tmp_path: Path) -> None:
    async with opened(tmp_path) as (recovery, jobs):
        await recovery.learn([read(1, 0)])
        await recovery.learn([read(5, 4)])
        assert await spans(jobs) == [(-4, 5)]


async def test_what_is_late_ahead_or_in_the_same_session_calls_for_nothing_and_a_repeated_note_once(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as (recovery, jobs):
        await recovery.learn([read(100, 0), read(110, 1.9), read(120, -50), read(130, -10, opens=False)])
        assert await spans(jobs) == []
        for _ in range(2):
            await recovery.learn([read(140, 0)])
        assert len(await spans(jobs)) == 1
