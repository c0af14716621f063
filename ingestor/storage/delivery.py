"""Brings records where they belong: points into the store, what is bad into the quarantine; each is counted once."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeAlias

import trio
from msgspec import Struct

from ingestor.model.errors import Rejected
from ingestor.model.records import Event, Point, RawEvent, Record, ages_seconds, events_in
from ingestor.storage.batcher import bisect
from ingestor.storage.quarantine import Quarantine
from metrics import facts
from metrics.codes import ErrorCode

Attempt: TypeAlias = Callable[[Sequence[Point]], Awaitable[int | Rejected]]
"""Writes points, all that are good; returns how many were too old to keep, or the refusal when some are bad."""

_DETAIL_CHARACTERS = 500
_DETAILS = 20  # of one batch in the log; the quarantine has them all


class Delivered(Struct, frozen=True, kw_only=True):
    """What became of a batch: `quarantined` records are set aside; `told` once the batch is forgotten where it was."""

    quarantined: int
    told: tuple[facts.ServiceEvent, ...]


class Delivery:
    """Delivers to one store. A record is delivered once the store has confirmed it or the quarantine holds it."""

    def __init__(
        self, store: str, quarantine: Quarantine, report: facts.Report, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._store = store
        self._quarantine = quarantine
        self._report = report
        self._clock_ns = clock_ns

    async def deliver(self, records: Sequence[Record], attempt: Attempt) -> Delivered:
        """Deliver all records, and return what is to be told then.

        Raises what `attempt` raises, or `Unavailable` while the quarantine's disk is away. Then any part of them was
        delivered, and delivering all of them again is harmless.
        """
        began = trio.current_time()
        points = [record for record in records if not isinstance(record, RawEvent)]
        bad, expired = await sort_out(points, attempt)
        bad += [
            (raw, Rejected(raw.problem, code=ErrorCode.UNDECODABLE)) for raw in records if isinstance(raw, RawEvent)
        ]
        if bad:
            await self._quarantine.add(bad)
        events = [point for point in points if isinstance(point, Event)]
        if bad:
            refused = {id(record) for record, _ in bad}
            events = [event for event in events if id(event) not in refused]
        old = min(expired, len(events))
        written = facts.BatchWritten(
            store=self._store,
            records=len(records) - len(bad) - expired,
            events=len(events) - old,
            newest_event_ns=max([event.time_ns for event in events], default=None),
            duration_seconds=trio.current_time() - began,
            ages_seconds=ages_seconds(events, self._clock_ns()),
        )
        too_old = [facts.RecordsExpired(records=expired, events=old)] if expired else []
        return Delivered(quarantined=len(bad), told=(*_quarantined(bad), *too_old, written))

    def tell(self, delivered: Delivered) -> None:
        """Tell of a batch that was delivered."""
        for fact in delivered.told:
            self._report(fact)


def _quarantined(bad: Sequence[tuple[Record, Rejected]]) -> Iterator[facts.RecordsQuarantined]:
    for code in {refusal.code for _, refusal in bad}:
        alike = [(record, said) for record, said in bad if said.code == code]
        details = [f"{record!r}: {said}"[:_DETAIL_CHARACTERS] for record, said in alike[:_DETAILS]]
        events = events_in(record for record, _ in alike)
        yield facts.RecordsQuarantined(reason=code, records=len(alike), events=events, detail="; ".join(details))


async def sort_out(points: Sequence[Point], attempt: Attempt) -> tuple[list[tuple[Record, Rejected]], int]:
    """Write all points but the bad ones; return those with what was said of each, and how many were too old."""
    expired = 0
    search = bisect(points)
    part = next(search)
    while True:
        outcome = await attempt(part) if part else 0
        expired += 0 if isinstance(outcome, Rejected) else outcome
        try:
            part = search.send(outcome if isinstance(outcome, Rejected) else None)
        except StopIteration as found:
            bad: list[tuple[Record, Rejected]] = found.value
            return bad, expired
