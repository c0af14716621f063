"""Comparing the store with Home Assistant's recorder: what is missing is refilled, what was set aside is accounted for.

Nothing older than the first start is compared (the ledger says since when), nor what the store keeps no more, nor the
last seconds before the call, nor anything until the store has confirmed what was captured before it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import trio
from msgspec.structs import replace
from trio.lowlevel import checkpoint

from ingestor.history.chunks import KEY_BYTES, Chunks
from ingestor.history.comparison import Audited, Comparison
from ingestor.history.ledger import Ledger
from ingestor.history.reading import Reader
from ingestor.history.rows import Surroundings
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.recorder import Recorder, in_parts, opened
from ingestor.homeassistant.rows import Row
from ingestor.model.errors import Unavailable
from ingestor.model.gaps import GapFound
from ingestor.model.records import Event, Series
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.store import Store
from metrics.codes import ErrorCode, GapCause, GapState

CONFIRMED_SECONDS = 120.0  # a store that is merely slow confirms within
ENTITIES_IN_A_GROUP = 100
EVENTS_IN_A_COMMIT = 500
DAY_US = 86_400 * 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class Auditing:
    """What an audit works with. `series` are the tags of every wanted entity that was ever captured.

    `confirmed` waits until the store has all that was captured before the call; `retention_days` is how long it keeps
    it, 0 for ever. What is younger than `underway_us` may be on its way from Home Assistant into the journal.
    """

    endpoint: Endpoint
    store: Store
    ledger: Ledger
    quarantine: Quarantine
    reader: Reader
    commit: Callable[[Sequence[Event]], Awaitable[None]]
    series: Callable[[], Mapping[str, Series]]
    confirmed: Callable[[], Awaitable[None]]
    retention_days: Callable[[], int]
    underway_us: int


class Auditor:
    """Audits one home, one audit at a time."""

    def __init__(self, auditing: Auditing, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._with = auditing
        self._clock_ns = clock_ns
        self._lock = trio.Lock()

    async def audit(
        self, from_us: int, to_us: int, told: Callable[[float, Audited], None] = lambda _share, _found: None
    ) -> Audited:
        """Compare a span of time, refill what is missing, and write that into the ledger.

        `told` hears the share that is done, and what was found so far. Raises `Unavailable`, `Refused` or
        `CredentialsRefused`.
        """
        async with self._lock:
            from_us, to_us = await self._bounds(from_us, to_us)
            earlier = 0  # refilled, before an answer was too large: the next turn finds that stored

            async def compare() -> Audited:
                nonlocal earlier
                home = self._with.endpoint.home
                left_out = await self._with.ledger.left_out(home)
                comparison = Comparison(await self._with.quarantine.times(home), left_out)
                try:
                    await self._compare(from_us, to_us, comparison, told)
                finally:
                    earlier += comparison.outcome.refilled
                return replace(comparison.outcome, refilled=earlier)

            outcome = await in_parts(compare)
            if outcome.refilled:
                await self._note(from_us, to_us, outcome)
            return outcome

    async def _compare(
        self, from_us: int, to_us: int, comparison: Comparison, told: Callable[[float, Audited], None]
    ) -> None:
        await self._refuse_open_gaps()
        await self._wait_confirmed()
        await self._refuse_open_gaps()  # one that came meanwhile
        async with opened(self._with.endpoint, self._with.reader.sizes) as recorder:
            if not await recorder.is_running():
                raise Unavailable("Home Assistant is starting up", code=ErrorCode.STARTING)
            await recorder.wait_committed()
            windows = Chunks(from_us, to_us, lambda: to_us, self._with.reader.sizes.longest_us)
            for low_us, end_us in windows if from_us < to_us else ():
                high_us = to_us if end_us is None else end_us
                size_bytes, is_empty = await self._window(recorder, low_us, high_us, comparison)
                windows.answered(size_bytes, is_empty=is_empty)
                told((high_us - from_us) / (to_us - from_us), comparison.outcome)

    async def _wait_confirmed(self) -> None:
        with trio.move_on_after(CONFIRMED_SECONDS):
            await self._with.confirmed()
            return
        raise Unavailable("the store has not confirmed yet what was captured", code=ErrorCode.PENDING)

    async def _refuse_open_gaps(self) -> None:
        if await self._with.ledger.open_gaps(self._with.endpoint.home):
            raise Unavailable("a gap is still open: its refill comes first", code=ErrorCode.PENDING)

    async def _bounds(self, from_us: int, to_us: int) -> tuple[int, int]:
        now_us = self._clock_ns() // 1000
        since_us = await self._with.ledger.since_us(self._with.endpoint.home)
        days = self._with.retention_days()
        kept_us = now_us - days * DAY_US if days else 0
        return max(from_us, since_us, kept_us), min(to_us, now_us - self._with.underway_us)

    async def _window(self, recorder: Recorder, low_us: int, high_us: int, comparison: Comparison) -> tuple[int, bool]:
        """Compare a window; return how large the largest answer was, in bytes, and whether the recorder has nothing."""
        stored = await self._with.store.keys(self._with.endpoint.home, low_us * 1000, high_us * 1000)
        series = self._with.series()
        comparison.begin(series, stored)
        entity_ids = list(series)
        around = await self._with.reader.around(recorder, low_us, high_us)
        largest_bytes, is_empty = sum(map(len, stored.values())) * KEY_BYTES, True
        for start in range(0, len(entity_ids), ENTITIES_IN_A_GROUP):
            group = entity_ids[start : start + ENTITIES_IN_A_GROUP]
            rows, size_bytes = await self._with.reader.rows(recorder, group, low_us, high_us)
            largest_bytes, is_empty = max(largest_bytes, size_bytes), is_empty and not any(rows.values())
            await self._introduce(recorder, rows, comparison)
            await self._refill(rows, around, comparison)
        return largest_bytes, is_empty

    async def _introduce(self, recorder: Recorder, rows: Mapping[str, Sequence[Row]], comparison: Comparison) -> None:
        """Find out what was before the changes that are missing, where their entity had none in the span so far."""
        strangers = comparison.strangers(rows)
        if strangers:
            at_us = min(row.at_us for row in strangers.values())
            for entity_id, row in (await self._with.reader.before(recorder, strangers, at_us)).items():
                comparison.follow(entity_id, row)

    async def _refill(self, rows: Mapping[str, Sequence[Row]], around: Surroundings, comparison: Comparison) -> None:
        events: list[Event] = []
        for entity_id, found in rows.items():
            for row in found:
                events += comparison.take(entity_id, row, around)
            await checkpoint()
        for at in range(0, len(events), EVENTS_IN_A_COMMIT):
            await self._with.commit(events[at : at + EVENTS_IN_A_COMMIT])

    async def _note(self, from_us: int, to_us: int, outcome: Audited) -> None:
        """Write what was found into the ledger as a gap of its own."""
        name = f"{self._with.endpoint.home}:{self._clock_ns()}:audit"
        detail = f"{outcome.compared} changes compared"
        gap = GapFound(
            gap=name,
            home=self._with.endpoint.home,
            cause=GapCause.AUDIT,
            detail=detail,
            from_us=from_us,
            found_ns=to_us * 1000,
        )
        await self._with.ledger.record([gap])
        await self._with.ledger.close(name, closed=[], listed={}, refilled=outcome.refilled)
        await self._with.ledger.settle(name, GapState.FILLED, "an audit found changes that the store did not have")
