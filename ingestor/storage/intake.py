"""The entrance of the storage: what outlives a crash of the actor behind it."""

from __future__ import annotations

from collections.abc import Iterable

import trio

from ingestor.model.gaps import Kept
from ingestor.model.records import Event, Record, Watermark
from ingestor.storage.recent import RecentEvents
from ingestor.storage.valve import Valve
from metrics.codes import Loss
from supervisors import Inbox


class Intake:
    """The inbox of records, the valve that lets homes bring them, and what was captured last.

    `ended` is set when every sender has closed its end and everything was committed, `noted` when there are notes,
    `known` once the journal has said what was captured before; `loss` says why it had to ask the store.
    """

    def __init__(self, inbox: Inbox[list[Kept]]) -> None:
        self.inbox = inbox
        self.valve = Valve()
        self.recent = RecentEvents()
        self.ended = trio.Event()
        self.noted = trio.Event()
        self.known = trio.Event()
        self.loss: Loss | None = None
        self._captured: dict[tuple[str, str], Watermark] = {}

    def opened(self, watermarks: Iterable[Watermark]) -> None:
        """Take over what the journal says was captured."""
        self._captured |= {(mark.series.home, mark.series.entity_id): mark for mark in watermarks}
        self.known.set()

    def captured(self, records: Iterable[Record]) -> None:
        """Note what was committed."""
        records = list(records)
        last = {(r.series.home, r.series.entity_id): r for r in records if isinstance(r, Event)}
        for key, event in last.items():
            self._captured[key] = Watermark(at_ns=event.time_ns, removed=event.removed, series=event.series)
        self.recent.extend(records)

    def refilled(self, events: Iterable[Event]) -> None:
        """Note what was committed out of the recorder: of that only removals of entities that are absent count."""
        for event in events:
            key = event.series.home, event.series.entity_id
            mark = self._captured.get(key)
            if event.removed and mark is not None and mark.at_ns < event.time_ns:
                self._captured[key] = Watermark(at_ns=event.time_ns, removed=True, series=event.series)

    def tell_noted(self) -> None:
        """Wake who takes notes out of the journal."""
        self.noted.set()
        self.noted = trio.Event()

    def last_mark(self, home: str, entity_id: str) -> Watermark | None:
        """Return an entity's last captured event, also of one before this process."""
        return self._captured.get((home, entity_id))

    def marks(self, home: str) -> dict[str, Watermark]:
        """Return how far each entity of a home was captured."""
        return {entity_id: mark for (of, entity_id), mark in self._captured.items() if of == home}
