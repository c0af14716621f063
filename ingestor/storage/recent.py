"""The newest events in memory, for the API, the live view and whoever asks what just happened."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import islice

from ingestor.model.records import Event, Record

KEPT = 2000


class RecentEvents:
    """Remembers the last events in the order of their arrival."""

    def __init__(self, kept: int = KEPT) -> None:
        self._events: deque[Event] = deque(maxlen=kept)

    def extend(self, records: Iterable[Record]) -> None:
        """Remember the events among the records."""
        self._events.extend([record for record in records if isinstance(record, Event)])

    def newest(self, limit: int, entity_id: str | None = None) -> list[Event]:
        """Return at most `limit` events, the newest first, of one entity or of all."""
        found = (e for e in reversed(self._events) if entity_id is None or e.series.entity_id == entity_id)
        return list(islice(found, limit))
