"""Going through a home's past: the one engine beneath refill, audit, backfill, and what follows losses and clock steps.

A sweep goes from the oldest to the newest, window by window, and within one through the entities, a hundred at a time.
What the recorder has of them passes a judge, which knows what of it is missing and makes events of that. They are kept
before anything more is asked for.

    Chunks ──> window ──> judge.enter(window)
                 │        for each hundred entities:  rows ──> judge.meet(rows), judge.take(row) ──> events ──> keep
                 └──────> judge.leave(window)         the place to go on from, after a crash too

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

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from typing import Protocol, TypeVar

from trio.lowlevel import checkpoint

from ingestor.history.archive import Past
from ingestor.history.rows import Surroundings
from ingestor.homeassistant.answers import Row
from ingestor.model.records import Event
from ingestor.storage.importer import RECORDS_IN_A_COMMIT

ENTITIES_IN_A_GROUP = 100

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


async def sweep(
    past: Past,
    entity_ids: Sequence[str],
    span: tuple[int, int | None],
    judge: Judge,
    keep: Callable[[Sequence[Event]], Awaitable[None]],
) -> None:
    """Let everything of a span pass the judge, and keep what is missing."""
    windows = past.windows(*span)
    for low_us, high_us in windows:
        largest_bytes, is_empty = await judge.enter(low_us, high_us), True
        around: Surroundings | None = None
        for group in in_groups(entity_ids, ENTITIES_IN_A_GROUP):
            group_bytes = 0
            async with aclosing(past.rows(group, low_us, high_us)) as parts:
                async for rows, size_bytes in parts:
                    group_bytes += size_bytes
                    await judge.meet(rows)
                    if any(rows.values()):
                        is_empty = False
                        around = around or await past.around(low_us, high_us)
                        await _take(rows, around, judge, keep)
            largest_bytes = max(largest_bytes, group_bytes)
        windows.answered(largest_bytes, is_empty=is_empty)
        if not await judge.leave(high_us):
            return


async def _take(
    rows: dict[str, list[Row]],
    around: Surroundings,
    judge: Judge,
    keep: Callable[[Sequence[Event]], Awaitable[None]],
) -> None:
    """Empty the rows, so that not two answers are in memory while the next is asked for."""
    events: list[Event] = []
    for entity_id in list(rows):
        for row in rows.pop(entity_id):
            events += judge.take(entity_id, row, around)
        whole = len(events) // RECORDS_IN_A_COMMIT * RECORDS_IN_A_COMMIT
        if whole:
            await keep(events[:whole])
            events = events[whole:]
        await checkpoint()
    if events:
        await keep(events)


def in_groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield items in their order, so many at a time."""
    return (items[start : start + size] for start in range(0, len(items), size))
