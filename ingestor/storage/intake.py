"""The entrance of the storage: what outlives a crash of the actor behind it."""

from __future__ import annotations

from collections.abc import Iterable

import trio

from ingestor.messages import Event, Record, Series
from ingestor.storage.recent import RecentEvents
from ingestor.storage.valve import Valve
from ingestor.storage.watermarks import Watermark
from supervisors import Inbox


class Intake:
    """The inbox of records, the valve that lets homes bring them, and what was captured last.

    `ended` is set when every sender has closed its end and everything was committed.
    """

    def __init__(self, inbox: Inbox[list[Record]]) -> None:
        self.inbox = inbox
        self.valve = Valve()
        self.recent = RecentEvents()
        self.ended = trio.Event()
        self._captured: dict[tuple[str, str], Series] = {}

    def opened(self, watermarks: Iterable[Watermark]) -> None:
        """Take over what the journal says was captured."""
        self._captured |= {(mark.series.home, mark.series.entity_id): mark.series for mark in watermarks}

    def captured(self, records: Iterable[Record]) -> None:
        """Note what was committed."""
        for record in records:
            if isinstance(record, Event):
                self._captured[record.series.home, record.series.entity_id] = record.series
        self.recent.extend(records)

    def last_series(self, home: str, entity_id: str) -> Series | None:
        """Return the tags of an entity's last captured event, also of one before this process."""
        return self._captured.get((home, entity_id))
