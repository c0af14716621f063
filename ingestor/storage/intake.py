"""The entrance of the storage: what outlives a crash of the actor behind it."""

from __future__ import annotations

from collections.abc import Iterable

import trio

from ingestor.model.channels import Inbox
from ingestor.model.gaps import Kept
from ingestor.model.records import Record, Watermark, events_in
from ingestor.model.signals import Signal
from ingestor.storage.recent import RecentEvents
from ingestor.storage.valve import Valve
from metrics.codes import Loss


class Intake:
    """The inbox of records, the valve that lets homes bring them, and what was captured last.

    `ended` is set when every sender has closed its end and everything was committed, `known` once the
    journal has said what was captured before; `losses` says of a home why it had to ask the store. `held_events` are
    on their way from a home's stream to the journal: in memory alone.
    """

    def __init__(self, inbox: Inbox[list[Kept]]) -> None:
        self.inbox = inbox
        self.valve = Valve()
        self.recent = RecentEvents()
        self.ended = trio.Event()
        self.known = trio.Event()
        self.losses: dict[str, Loss] = {}
        self.held_events = 0
        self._noted = Signal()
        self._marks: list[Watermark] = []

    @property
    def noted(self) -> trio.Event:
        """What is set when there are notes again."""
        return self._noted.next

    def opened(self, watermarks: Iterable[Watermark]) -> None:
        """Take over what the journal says was captured by earlier processes; what this one captured is newer."""
        if not self.known.is_set():
            self._marks = list(watermarks)
            self.known.set()

    def enter(self, records: Iterable[Kept]) -> None:
        """Note what came, and is not captured yet."""
        self.held_events += events_in(records)

    def captured(self, records: Iterable[Record]) -> None:
        """Note what was committed."""
        self.held_events -= events_in(records)
        self.recent.extend(records)

    def tell_noted(self) -> None:
        """Wake who takes notes out of the journal."""
        self._noted.send()

    def marks(self, home: str) -> list[Watermark]:
        """Return how far earlier processes captured each entity of a home."""
        return [mark for mark in self._marks if mark.series.home == home]
