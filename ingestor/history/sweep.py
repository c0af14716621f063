"""Going through a home's past: the one engine beneath refill, audit, backfill, and what follows losses and clock steps.

A sweep goes from the oldest to the newest, window by window, and within one through the entities, a hundred at a time.
What the recorder has of them passes a judge, which knows what of it is missing and makes events of that. While those
are kept, the next answer is fetched: one commit and one answer, never more, are under way.

    Chunks ──> window ──> the first answer is fetched
                          judge.leave(the window before)   all of it is kept: where to go on from, after a crash too
                          judge.enter(window)
                          for each answer, of a hundred entities:
                              judge.meet(rows), judge.take(row) ──> events ──> keep

What is kept is behind the barrier (`Archive.opened`), and in the journal before the judge leaves its window. A crash
in between repeats the window: the events are the same points, so that nothing is doubled. An answer that is too large
comes in parts instead (`Past.rows`), so that nothing of a window is judged twice in one sweep.

    what                    judge                              span
    a gap's intervals       gaps.Group                         from its last captured change to its last missed state
    an audit, a backfill,
    what a loss took        comparison.Comparison              as asked for, where the store may have something
    a clock set back        the same, over one window          open: reading stops at the first row past its end
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Protocol, TypeAlias, TypeVar

import trio

from ingestor.history.archive import Past
from ingestor.history.rows import Surroundings
from ingestor.homeassistant.answers import Row
from ingestor.model.records import Event
from ingestor.storage.importer import RECORDS_IN_A_COMMIT

ENTITIES_IN_A_GROUP = 100

Keep: TypeAlias = Callable[[Sequence[Event]], Awaitable[None]]
T = TypeVar("T")


class Judge(Protocol):
    """Knows what is missing."""

    async def enter(self, low_us: int, high_us: int | None) -> int:
        """Get ready for a window; return how many bytes that takes."""

    async def meet(self, rows: Mapping[str, Sequence[Row]]) -> None:
        """Look at an answer before its rows are taken one by one."""

    def take(self, entity_id: str, row: Row, around: Surroundings) -> Sequence[Event]:
        """Return the events of an entity's next row, those that are missing."""

    async def leave(self, until_us: int | None) -> bool:
        """Everything until then is kept. Return whether the sweep goes on."""


async def sweep(past: Past, entity_ids: Sequence[str], span: tuple[int, int | None], judge: Judge, keep: Keep) -> None:
    """Let everything of a span pass the judge, and keep what is missing. What that raises ends the use of the past."""
    keeping, inside = _Keeping(past.recorder.beside, keep), _Inside(judge)
    windows = past.windows(*span)
    for low_us, high_us in windows:
        around: Surroundings | None = None
        has_entered, largest_bytes = False, 0
        async with aclosing(_answers(past, entity_ids, low_us, high_us)) as answers:
            async for rows, group_bytes in answers:
                if not has_entered:
                    await keeping.finished()
                    if not await inside.leave():
                        return
                    has_entered, largest_bytes = True, await inside.enter(low_us, high_us)
                await judge.meet(rows)
                if any(rows.values()):
                    around = around or await past.around(low_us, high_us)
                    await _take(rows, around, judge, keeping)
                largest_bytes = max(largest_bytes, group_bytes)
        windows.answered(largest_bytes, is_empty=around is None)
    await keeping.finished()
    await inside.leave()


async def _answers(
    past: Past, entity_ids: Sequence[str], low_us: int, high_us: int | None
) -> AsyncGenerator[tuple[dict[str, list[Row]], int]]:
    """Yield each answer, with the bytes that have come of its group of entities so far."""
    for group in in_groups(entity_ids, ENTITIES_IN_A_GROUP):
        group_bytes = 0
        async with aclosing(past.rows(group, low_us, high_us)) as parts:
            async for rows, size_bytes in parts:
                group_bytes += size_bytes
                yield rows, group_bytes


class _Inside:
    """Knows up to where the judge's window goes, once it is in one."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._ends: list[int | None] = []

    async def enter(self, low_us: int, high_us: int | None) -> int:
        """Let it enter a window; return what it says."""
        self._ends = [high_us]
        return await self._judge.enter(low_us, high_us)

    async def leave(self) -> bool:
        """Let it leave the window that it is in; return what it says."""
        return not self._ends or await self._judge.leave(self._ends.pop())


class _Keeping:
    """Keeps events behind the sweep's back, one commit at a time."""

    def __init__(self, nursery: trio.Nursery, keep: Keep) -> None:
        self._nursery = nursery
        self._keep = keep
        self._turn = trio.Lock()

    async def put(self, events: Sequence[Event]) -> None:
        """Return once everything before them is kept."""
        await self._nursery.start(self._run, events)

    async def finished(self) -> None:
        """Return once everything is kept."""
        async with self._turn:
            pass

    async def _run(self, events: Sequence[Event], *, task_status: trio.TaskStatus[None]) -> None:
        async with self._turn:
            task_status.started()
            await self._keep(events)


async def _take(rows: dict[str, list[Row]], around: Surroundings, judge: Judge, keeping: _Keeping) -> None:
    """Empty the rows, so that not two answers are in memory while the next is asked for."""
    events: list[Event] = []
    for entity_id in list(rows):
        for row in rows.pop(entity_id):
            events += judge.take(entity_id, row, around)
        whole = len(events) // RECORDS_IN_A_COMMIT * RECORDS_IN_A_COMMIT
        if whole:
            await keeping.put(events[:whole])
            events = events[whole:]
        await trio.lowlevel.checkpoint()
    if events:
        await keeping.put(events)


def in_groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield items in their order, so many at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))
