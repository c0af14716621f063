"""Brings records of the quarantine into the journal again, once what was wrong with them is mended."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from ingestor.model.errors import Rejected
from ingestor.model.records import Event, RawEvent
from ingestor.storage.journal import Journal
from ingestor.storage.quarantine import Quarantine, Quarantined


class Replayed(Struct, frozen=True, kw_only=True):
    """How many records went into the journal, and what keeps the others, by id."""

    replayed: int
    failures: dict[int, str]


class Replay:
    """One record at a time: into the journal, then out of the quarantine; a crash between repeats it, harmlessly.

    What the store refuses again comes back into the quarantine. `again` does a raw event anew.
    """

    def __init__(self, quarantine: Quarantine, journal: Journal, again: Callable[[RawEvent], Event]) -> None:
        self._quarantine = quarantine
        self._journal = journal
        self._again = again

    async def replay(self, wanted: Sequence[Quarantined]) -> Replayed:
        """Replay these. Raises `Unavailable` while the disk does not serve."""
        failures: dict[int, str] = {}
        for one in wanted:
            try:
                record = self._again(one.record) if isinstance(one.record, RawEvent) else one.record
            except Rejected as refusal:
                failures[one.id] = str(refusal)
                continue
            await self._journal.commit([record], live=False)
            await self._quarantine.remove([one])
        return Replayed(replayed=len(wanted) - len(failures), failures=failures)
