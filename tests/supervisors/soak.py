"""Crashes without end in one tree, with figures: `python -m tests.supervisors.soak 100000`."""

from __future__ import annotations

import gc
import sys
import time
from dataclasses import dataclass
from random import Random
from typing import Any

import psutil
import trio
from trio.testing import MockClock

from supervisors import Backoff, ChildSpec, Intensity, Strategy, Supervisor

AT_ONCE = Backoff(initial_seconds=0, maximum_seconds=0)
NO_LIMIT = Intensity(restarts=10**9, period_seconds=1)
SOME = Intensity(restarts=30, period_seconds=1)
"""So few that these supervisors often give up too."""
CHECKED_EVERY_CRASHES = 100
CHECKPOINTS_BETWEEN = 20
SETTLED_SECONDS = 1000.0


class Fragile:
    """Crashes when told, in one of many ways; now and then also when it starts or cleans up."""

    def __init__(self, id_: str, random: Random) -> None:
        self.id = id_
        self.random = random
        self.told = trio.Event()
        self.running = 0
        self.crashes = 0

    async def run(self, *, task_status: Any) -> None:
        self.told = trio.Event()
        self.running += 1
        assert self.running == 1, f"{self.id} overlaps its predecessor"
        try:
            if self.random.random() < 0.05:
                self.crash()
            task_status.started()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                await self.told.wait()
                self.crash()
        finally:
            self.running -= 1
            if self.random.random() < 0.05:
                self.crash()

    def crash(self) -> None:
        self.crashes += 1
        errors = [RuntimeError("bug"), OSError("disk full"), ExceptionGroup("several", [ValueError(), TypeError()])]
        raise self.random.choice(errors)

    def spec(self) -> ChildSpec:
        return ChildSpec(id=self.id, start=self.run, backoff=AT_ONCE)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a soak found; growth is that from a tenth of the crashes to the end."""

    crashes: int
    cpu_seconds: float
    missed_restarts: int
    leaked_tasks: int
    grown_objects: int
    grown_kib: int

    def __str__(self) -> str:
        return (
            f"{self.crashes} crashes in {self.cpu_seconds:.1f} s of CPU: {self.missed_restarts} missed restarts, "
            f"{self.leaked_tasks} leaked tasks, {self.grown_objects:+} objects, {self.grown_kib:+} KiB"
        )


class Soak:
    def __init__(self, crashes: int, seed: int) -> None:
        self.wanted = crashes
        self.random = Random(seed)
        self.fragile: list[Fragile] = []
        groups = [
            Supervisor(strategy.value, self._leaves(strategy.value), strategy=strategy, intensity=SOME)
            for strategy in Strategy
        ]
        deep = Supervisor("deep", [group.as_child(backoff=AT_ONCE) for group in groups], intensity=NO_LIMIT)
        self.root = Supervisor("root", [deep.as_child(backoff=AT_ONCE), *self._leaves("top")], intensity=NO_LIMIT)
        self.missed = 0

    @property
    def crashes(self) -> int:
        return sum(fragile.crashes for fragile in self.fragile)

    async def run(self) -> Figures:
        began = time.process_time()
        async with trio.open_nursery() as nursery:
            await nursery.start(self.root.run)
            await trio.sleep(SETTLED_SECONDS)
            tasks = trio.lowlevel.current_statistics().tasks_living
            await self._crash_until(self.wanted // 10)
            objects, kib = _memory()
            await self._crash_until(self.wanted)
            leaked = trio.lowlevel.current_statistics().tasks_living - tasks
            objects_now, kib_now = _memory()
            self.root.stop()
        return Figures(
            crashes=self.crashes,
            cpu_seconds=time.process_time() - began,
            missed_restarts=self.missed,
            leaked_tasks=leaked,
            grown_objects=objects_now - objects,
            grown_kib=kib_now - kib,
        )

    async def _crash_until(self, crashes: int) -> None:
        """Crash one or more at a time, also those whose siblings are being restarted; now and then look at all."""
        while self.crashes < crashes:
            checked_at = self.crashes + CHECKED_EVERY_CRASHES
            while self.crashes < checked_at:
                for fragile in self.random.choices(self.fragile, k=self.random.randint(1, 3)):
                    fragile.told.set()
                for _ in range(self.random.randint(0, CHECKPOINTS_BETWEEN)):
                    await trio.lowlevel.checkpoint()
            await trio.sleep(SETTLED_SECONDS)
            self.missed += sum(not fragile.running for fragile in self.fragile)

    def _leaves(self, prefix: str) -> list[ChildSpec]:
        leaves = [Fragile(f"{prefix}-{number}", self.random) for number in range(3)]
        self.fragile += leaves
        return [leaf.spec() for leaf in leaves]


def soak(crashes: int, seed: int = 1) -> Figures:
    """Crash that often, at least."""
    return trio.run(Soak(crashes, seed).run, clock=MockClock(autojump_threshold=0))


def _memory() -> tuple[int, int]:
    gc.collect()
    return len(gc.get_objects()), psutil.Process().memory_info().rss // 1024


if __name__ == "__main__":
    print(soak(int(sys.argv[1])))  # noqa: T201  its figures are what it is for
