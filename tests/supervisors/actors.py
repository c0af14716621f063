"""Children for the tests: they record their lives and end when told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

from supervisors import Backoff, ChildSpec, Supervisor

STEADY = Backoff(initial_seconds=0.1, maximum_seconds=0.1, jitter=0.0)


class Actor:
    """Takes `start_seconds` to be ready, and `cleanup_seconds` to end, however that comes."""

    def __init__(
        self,
        id_: str,
        record: list[str],
        *,
        stubborn: bool = False,
        start_seconds: float = 0.01,
        cleanup_seconds: float = 0.0,
    ) -> None:
        self.id = id_
        self.record = record
        self.stubborn = stubborn
        self.start_seconds = start_seconds
        self.cleanup_seconds = cleanup_seconds
        self.cleanup_error: Exception | None = None
        self.running = 0
        self._told = trio.Event()
        self._last: Callable[[], None] = lambda: None

    def end(self, error: BaseException | None = None) -> None:
        """Let the present life return, or raise."""

        def last() -> None:
            if error is not None:
                raise error

        self._tell(last)

    def cancel_itself(self) -> None:
        self._tell(lambda: self._scope.cancel())  # noqa: PLW0108  the scope is there only when it runs

    def drain(self) -> None:
        self.record.append(f"drain {self.id}")
        if not self.stubborn:
            self.end()

    async def run(self, *, task_status: Any) -> None:
        self._told, self._last = trio.Event(), lambda: None
        self.running += 1
        assert self.running == 1, f"{self.id} overlaps its predecessor"
        self.record.append(f"start {self.id}")
        try:
            with trio.CancelScope() as self._scope:
                await trio.sleep(self.start_seconds)
                task_status.started()
                await self._told.wait()
                self._last()
                await trio.lowlevel.checkpoint()
        finally:
            await self._clean_up()
            self.running -= 1
            self.record.append(f"end {self.id}")
            if self.cleanup_error:
                raise self.cleanup_error

    def spec(self, **options: Any) -> ChildSpec:
        plain: dict[str, Any] = {"id": self.id, "backoff": STEADY, "drain": self.drain}
        return ChildSpec(start=self.run, **(plain | options))

    def _tell(self, last: Callable[[], None]) -> None:
        self._last = last
        self._told.set()

    async def _clean_up(self) -> None:
        if self.cleanup_seconds:
            with trio.CancelScope(shield=True):
                await trio.sleep(self.cleanup_seconds)


def family(record: list[str], count: int = 3) -> list[Actor]:
    return [Actor(name, record) for name in "abcdefgh"[:count]]


@asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[None]:
    """Have the supervisor ready, and stop it at the end."""
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        yield
        supervisor.stop()


async def run_until(supervisor: Supervisor, happens: Callable[[], None]) -> None:
    """Run the supervisor; let something happen when it is ready, and stop it a second later."""
    async with running(supervisor):
        happens()
        await trio.sleep(1)
