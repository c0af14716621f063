"""What supervision costs: `python -m tests.bench.supervision`. Rounds alternate: a busy machine slows them alike."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import trio

from supervisors import Backoff, ChildSpec, Intensity, Supervisor

ROUNDS = 9
RESTARTS = 300
TURNS = 3_000
IDLE_CHILDREN = 100
AT_ONCE = Backoff(initial_seconds=0, maximum_seconds=0)
NO_LIMIT = Intensity(restarts=10**9, period_seconds=1)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """CPU times are medians; a ratio is the median of each round's own."""

    restart_us: float
    restart_of_bare_task: float
    """A supervised restart, in crashes and starts of a task without a supervisor."""
    busy_turn_us: float
    busy_turn_with_idle_children: float
    """A turn of Trio's loop beside idle supervised children, in turns without them."""

    def __str__(self) -> str:
        return (
            f"a restart takes {self.restart_us:.0f} us of CPU, {self.restart_of_bare_task:.1f} times that of a bare "
            f"task; beside {IDLE_CHILDREN} idle children a turn of the loop takes {self.busy_turn_us:.1f} us, "
            f"{self.busy_turn_with_idle_children:.2f} times that without them"
        )


async def crash(*, task_status: Any) -> None:
    task_status.started()
    await trio.lowlevel.checkpoint()
    raise RuntimeError("bug")


async def bare_restarts() -> None:
    """What the same crashes cost with nothing but a nursery and an `except*`."""

    async def once() -> None:
        try:
            await crash(task_status=trio.TASK_STATUS_IGNORED)
        except* RuntimeError:
            pass

    for _ in range(RESTARTS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(once)


async def supervised_restarts() -> None:
    left = RESTARTS

    async def run(*, task_status: Any) -> None:
        nonlocal left
        left -= 1
        if not left:
            supervisor.stop()
        await crash(task_status=task_status)

    supervisor = Supervisor("root", [ChildSpec(id="a", start=run, backoff=AT_ONCE)], intensity=NO_LIMIT)
    await supervisor.run()


async def turns() -> None:
    for _ in range(TURNS):
        await trio.lowlevel.checkpoint()


async def cpu_seconds(work: Callable[[], Awaitable[None]]) -> float:
    began = time.process_time()
    await work()
    return time.process_time() - began


async def idle(*, task_status: Any) -> None:
    task_status.started()
    await trio.sleep_forever()


async def measure() -> Figures:
    """Measure all in alternating rounds."""
    specs = [ChildSpec(id=f"{number}", start=idle) for number in range(IDLE_CHILDREN)]
    rows = []
    for _ in range(ROUNDS):
        bare, supervised = await cpu_seconds(bare_restarts), await cpu_seconds(supervised_restarts)
        alone = await cpu_seconds(turns)
        supervisor = Supervisor("idle", specs)
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.run)
            beside = await cpu_seconds(turns)
            supervisor.stop()
        rows.append((supervised, supervised / bare, beside, beside / alone))
    supervised, of_bare, beside, of_alone = map(median, zip(*rows, strict=True))
    return Figures(
        restart_us=supervised / RESTARTS * 1e6,
        restart_of_bare_task=of_bare,
        busy_turn_us=beside / TURNS * 1e6,
        busy_turn_with_idle_children=of_alone,
    )


if __name__ == "__main__":
    print(trio.run(measure))  # noqa: T201  its figures are what it is for
