"""The bounded memory of what the store has not confirmed. Pure; nothing leaves it but by `acknowledge`."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from ingestor.messages import Event, Record

_RECORD_BYTES = 400  # of an event without its texts, with what Python adds


class Batch(Struct, frozen=True, kw_only=True):
    """Records that are due, oldest first, with the ids that acknowledge them."""

    ids: tuple[int, ...]
    records: tuple[Record, ...]


class SpoolFull(Exception):
    """The spool holds as much as it may; the records were not taken."""


class _Entry(Struct):
    id: int
    records: tuple[Record, ...]
    size_bytes: int
    events: int
    appended_at: float


class MemorySpool:
    """Holds batches in the order of their arrival, up to `maximum_bytes`. Times are seconds of the caller's clock."""

    def __init__(self, maximum_bytes: int) -> None:
        self._maximum_bytes = maximum_bytes
        self._entries: deque[_Entry] = deque()
        self._last_id = 0
        self.pending_bytes = 0
        self.pending_events = 0
        self.pending_records = 0

    def append(self, records: Sequence[Record], now: float) -> None:
        """Hold the records. Raises `SpoolFull` and holds none of them when they would not fit."""
        size_bytes = sum(map(_size_bytes, records))
        if self.pending_bytes + size_bytes > self._maximum_bytes:
            raise SpoolFull(f"{self.pending_bytes} of {self._maximum_bytes} bytes are taken")
        self._last_id += 1
        events = sum(isinstance(record, Event) for record in records)
        self._entries.append(_Entry(self._last_id, tuple(records), size_bytes, events, now))
        self._count(size_bytes, events, len(records))

    def due(self, maximum_records: int) -> Batch | None:
        """Return the oldest records, without forgetting them: whole entries, at least one, about this many."""
        ids: list[int] = []
        records: list[Record] = []
        for entry in self._entries:
            if ids and len(records) + len(entry.records) > maximum_records:
                break
            ids.append(entry.id)
            records += entry.records
        return Batch(ids=tuple(ids), records=tuple(records)) if ids else None

    def acknowledge(self, ids: Sequence[int]) -> None:
        """Forget what the store has confirmed, or what was dropped and counted."""
        done = set(ids)
        for entry in self._entries:
            if entry.id in done:
                self._count(-entry.size_bytes, -entry.events, -len(entry.records))
        self._entries = deque(entry for entry in self._entries if entry.id not in done)

    def oldest_age_seconds(self, now: float) -> float | None:
        """Return how long the oldest records have waited."""
        return now - self._entries[0].appended_at if self._entries else None

    def _count(self, size_bytes: int, events: int, records: int) -> None:
        self.pending_bytes += size_bytes
        self.pending_events += events
        self.pending_records += records


def _size_bytes(record: Record) -> int:
    return _RECORD_BYTES + len(record.attributes or "") if isinstance(record, Event) else _RECORD_BYTES
