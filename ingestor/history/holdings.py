"""What is stored of one home, what is accounted for elsewhere, and how more of it is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ingestor.history.ledger import Ledger
from ingestor.live.entities import Entities
from ingestor.model import instants
from ingestor.model.records import Event, Record, Series
from ingestor.storage.importer import Importer
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.store import Store

DAY_US = 86_400 * instants.SECOND_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """A home's share of the store, the quarantine and the ledger."""

    home: str
    store: Store
    quarantine: Quarantine
    ledger: Ledger
    entities: Entities
    importer: Importer

    async def keep(self, records: Sequence[Record]) -> None:
        """Capture what was missing, as soon as there is room. Raises `Unavailable`."""
        await self.importer.keep(self.home, records)
        self.entities.removed(record for record in records if isinstance(record, Event))

    async def times(self, low_us: int, high_us: int, *, statistics: bool = False) -> Mapping[str, Collection[int]]:
        """Return the times of what is stored within [low, high), in nanoseconds, by entity or statistic."""
        low_ns, high_ns = instants.to_ns(low_us), instants.to_ns(high_us)
        if statistics:
            return await self.store.keys(self.home, low_ns, high_ns, statistics=True)
        return await self.store.keys(self.home, low_ns, high_ns)

    def series(self) -> dict[str, Series]:
        """Return the tags of every wanted entity that was ever captured."""
        self.entities.load(self.importer.marks(self.home))
        return self.entities.series()

    def kept_since_us(self, now_us: int) -> int:
        """Return since when the store keeps anything, which need not be what is asked for."""
        seconds = self.store.retention.seconds
        return now_us - seconds * instants.SECOND_US if seconds else instants.FIRST_US
