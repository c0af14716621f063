"""The durable memory of what the store has not confirmed: a batch is captured once it is fsynced here.

One SQLite file, used by one thread at a time; everything that is written together shares a transaction:

    batches      id (rises, never given twice), counts, crc32, MessagePack compressed with zlib
    captured     the tags of each entity        } the watermarks: how far each entity was captured, in order of arrival
    watermarks   its last captured event        }
    notes        what the ledger must learn of gaps, until it has

The life of a batch:

    commit ----fsync----> pending ----due----> the writer ----acknowledge----> done ----next commit, or sweep----> gone
                             ^                     |
                             `--not acknowledged---'   due gives it out again, also to a successor and after a restart

1. A batch, the watermarks that it moves and the notes that it reveals are on the disk together, or none of them is.
2. `due` forgets nothing; only `acknowledge` does, once the store has confirmed or the quarantine holds every record.
   Acknowledged ids come in their order, so one number, `_done`, says it all.
3. Numbers rise over restarts, losses and damage: the store's mark compares them, see `marks`. So a number that may be
   on its way to the store is never given to another batch.
4. `pending_*` count exactly what is not acknowledged. At `maximum_bytes` the valve closes and homes pause; below
   `RESUMES_BELOW` of it they come back.
5. A watermark moves with live events only. What is refilled never touches it, but for the removal of an absent entity.

What a crash leaves:

    before the fsync of a commit    nothing of it; the inbox repeats it, or after a kill the next session finds a gap
    after it, before the write      the batch is pending, and written by the next run
    after the write, before the     the batch is written again: the same points, so nothing is doubled
    acknowledgement is on the disk
    within `sweep`                  the batch is still there, and written again; or it is gone, and was confirmed
    a damaged page                  the file is set aside; every batch whose checksum holds goes on under its number,
                                    the others are counted as dropped (`spool_damaged`) and compared with the recorder
    a lost file                     the store's mark is ahead of our numbers: we go on behind it, and compare
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Collection, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import TypeVar

import trio
from msgspec import Struct
from msgspec.structs import astuple

from ingestor.model.errors import Damaged
from ingestor.model.gaps import Note
from ingestor.model.records import Event, Record, Watermark
from ingestor.model.signals import Signal
from ingestor.storage import notes as notebook
from ingestor.storage import salvage
from ingestor.storage.codec import Packed, pack, unpack
from ingestor.storage.database import Database, give_back, transaction
from ingestor.storage.notes import Written
from ingestor.storage.schema import MIGRATIONS, Schema
from ingestor.storage.valve import Valve
from ingestor.storage.watermarks import Watermarks
from metrics import facts
from metrics.codes import DropReason

FILE = "spool.sqlite3"
SCHEMA = Schema.read(MIGRATIONS / "spool")
RECORDS_IN_A_BATCH = 5000
RECORDS_AT_HAND = 5000  # about 5 MB; one batch of the writer
CONFIRMED_SECONDS = 0.1  # between two looks whether the store has confirmed
_FULL = "spool_full"

T = TypeVar("T")

_INSERT = "INSERT INTO batches (records, events, checksum, body) VALUES (?, ?, ?, ?)"
_SIZES = "SELECT id, records, events, length(body) FROM batches ORDER BY id"


class Batch(Struct, frozen=True, kw_only=True):
    """Records that are due, oldest first, with the ids that acknowledge them."""

    ids: tuple[int, ...]
    records: tuple[Record, ...]


class _Size(Struct, frozen=True):
    id: int
    records: int
    events: int
    size_bytes: int


class Spool:
    """Keeps batches in `DATA_DIR/spool.sqlite3`, in the order of their arrival, with the watermarks of their entities.

    What was acknowledged is deleted in the transaction of the next commit, or by `sweep`. A damaged file is set aside
    under a dated name, what can be read of it goes into the new one, and the rest is reported; it is `damaged` then.
    The newest batches are also kept in memory, so that a writer that is not behind need not have them decoded.
    """

    name = "spool"

    def __init__(
        self,
        data_dir: Path,
        maximum_bytes: int,
        valve: Valve,
        report: facts.Report,
        *,
        records_at_hand: int = RECORDS_AT_HAND,
    ) -> None:
        self.maximum_bytes = maximum_bytes
        self.pending_bytes = 0
        self.pending_events = 0
        self.pending_records = 0
        self.newest_batch = 0
        self.damaged = False
        self._database = Database(data_dir / FILE, SCHEMA, report)
        self._valve = valve
        self._report = report
        self._watermarks = Watermarks()
        self._sizes: deque[_Size] = deque()
        self._records_at_hand = records_at_hand
        self._at_hand: dict[int, Sequence[Record]] = {}
        self._done = 0
        self._swept = 0
        self._arrived = Signal()
        self._lock = trio.Lock()
        self._began = False
        self._unreadable_events = 0

    @property
    def exists(self) -> bool:
        """Whether there is a file already."""
        return self._database.path.exists()

    @property
    def unswept(self) -> bool:
        """Whether something acknowledged still lies on the disk."""
        return self._done > self._swept

    async def open(self) -> list[Watermark]:
        """Read what is pending, and return how far each entity was captured."""
        sizes, watermarks, self.newest_batch = await self._guarded(self._read)
        self._count(self._sizes, -1)
        self._at_hand.clear()
        self._sizes = deque(size for size in sizes if size.id > self._done)
        self._count(self._sizes, 1)
        if not self._began:
            self._began = True
            self._report(facts.SpoolOpened(events=self.pending_events + self._unreadable_events))
        return watermarks

    @property
    def confirmed_batch(self) -> int:
        """The number of the newest batch before which everything is confirmed; numbers rise, also over restarts."""
        return self._sizes[0].id - 1 if self._sizes else self.newest_batch

    async def adopt(self, watermarks: Sequence[Watermark]) -> None:
        """Take over how far each entity was captured, as somebody else remembers it."""
        events = [Event(time_ns=mark.at_ns, series=mark.series, removed=mark.removed) for mark in watermarks]

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                self._watermarks.write(connection, events)

        await self._guarded(work)

    async def drop_mark(self, home: str, entity_id: str) -> None:
        """Forget how far an entity was captured."""

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                self._watermarks.drop(connection, home, entity_id)

        await self._guarded(work)

    async def go_on_from(self, batch: int) -> None:
        """Give what comes a number behind this batch, and count as whole again."""

        def work(connection: sqlite3.Connection) -> None:
            with transaction(connection):
                salvage.number_from(connection, batch)

        await self._guarded(work)
        self.newest_batch, self.damaged = max(batch, self.newest_batch), False  # a commit may have come meanwhile

    async def commit(self, records: Sequence[Record], *, live: bool = True, notes: Sequence[Note] = ()) -> None:
        """Keep the records, fsynced, all or none; live ones move their entities' watermarks on, with the notes.

        Raises `Unavailable` while the disk does not take them.
        """
        added = await self._guarded(lambda connection: self._append(connection, records, notes, live=live))
        self._swept = self._done
        self._sizes.extend(added)
        self._keep(added, records)
        self.newest_batch = max([self.newest_batch, *(size.id for size in added)])
        self._count(added, 1)
        self._arrived.send()

    async def due(self, maximum_records: int, after: int) -> Batch | None:
        """Return the oldest batches behind the id `after`, without forgetting them: at least one, about this many."""
        ids: list[int] = []
        total = 0
        for size in self._sizes:
            if size.id <= after:
                continue
            total += size.records
            if ids and total > maximum_records:
                break
            ids.append(size.id)
        if not ids:
            return None
        if all(id_ in self._at_hand for id_ in ids):
            records = [record for id_ in ids for record in self._at_hand[id_]]
        else:
            records = await self._guarded(lambda connection: _load(connection, ids))
        return Batch(ids=tuple(ids), records=tuple(records))

    def behind(self, after: int, at_most: int) -> int:
        """Return how many records wait behind the id `after`; counting ends at `at_most`."""
        total = 0
        for size in reversed(self._sizes):
            if size.id <= after or total >= at_most:
                break
            total += size.records
        return total

    def acknowledge(self, ids: Sequence[int]) -> None:
        """Forget what the store has confirmed, or the quarantine has taken; ids come in their order."""
        self._done = max(self._done, *ids)
        gone: list[_Size] = []
        while self._sizes and self._sizes[0].id <= self._done:
            gone.append(self._sizes.popleft())
            self._at_hand.pop(gone[-1].id, None)
        self._count(gone, -1)

    async def confirmed(self) -> None:
        """Wait until everything that was committed before this call is acknowledged."""
        newest = self._sizes[-1].id if self._sizes else 0
        while self._sizes and self._sizes[0].id <= newest:  # noqa: ASYNC110  nobody else wants an event for it
            await trio.sleep(CONFIRMED_SECONDS)

    async def sweep(self) -> None:
        """Delete what was acknowledged, and give the room back to the disk."""
        done = self._done
        await self._guarded(lambda connection: _sweep(connection, done))
        self._swept = done

    async def notes(self) -> list[Written]:
        """Return the notes that were not taken out yet, the oldest first."""
        return await self._guarded(notebook.read)

    async def forget_notes(self, until: int) -> None:
        """Delete the notes up to this number."""
        await self._guarded(lambda connection: notebook.forget(connection, until))

    async def wait(self) -> None:
        """Wait for the next commit."""
        await self._arrived.wait()

    async def aclose(self) -> None:
        """Close the file."""
        await self._database.aclose()

    async def _guarded(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work; over a damaged file, do it again once what can be read of it is in a new one."""
        async with self._lock:
            try:
                return await self._database.run(work)
            except Damaged as damage:
                await self._salvage(damage)
                return await self._database.run(work)

    async def _salvage(self, damage: Damaged) -> None:
        known = bool(self._sizes)
        last_id = max(self._done, self._sizes[-1].id if self._sizes else 0)
        found = await self._database.replace(partial(salvage.salvage, last_id=last_id))
        self._watermarks.forget()
        self._at_hand.clear()
        self.damaged = True
        self._report(facts.SpoolDamaged(detail=f"{damage}; set aside as {found.aside.name}", batches=found.batches))
        lost = [size for size in self._sizes if size.id not in found.ids]
        self._sizes = deque(size for size in self._sizes if size.id in found.ids)
        self._count(lost, -1)
        records, events = found.unreadable_records, found.unreadable_events
        if known:
            records, events = (sum(size.records for size in lost), sum(size.events for size in lost))
        if not self._began:
            self._unreadable_events += events
        if records:
            detail = f"they could not be read from {found.aside.name}"
            self._report(
                facts.RecordsDropped(reason=DropReason.SPOOL_DAMAGED, records=records, events=events, detail=detail)
            )

    def _read(self, connection: sqlite3.Connection) -> tuple[list[_Size], list[Watermark], int]:
        [(said,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
        if said != "ok":
            raise Damaged(f"{self._database.path} is damaged ({said})")
        [newest] = connection.execute(
            "SELECT ifnull(max(seq), 0) FROM sqlite_sequence WHERE name = 'batches'"
        ).fetchone()
        return [_Size(*row) for row in connection.execute(_SIZES)], self._watermarks.read(connection), newest

    def _append(
        self, connection: sqlite3.Connection, records: Sequence[Record], notes: Sequence[Note], *, live: bool
    ) -> list[_Size]:
        added: list[_Size] = []
        try:
            with transaction(connection):
                connection.execute("DELETE FROM batches WHERE id <= ?", (self._done,))
                for start in range(0, len(records), RECORDS_IN_A_BATCH):
                    part = records[start : start + RECORDS_IN_A_BATCH]
                    packed = pack(part)
                    cursor = connection.execute(_INSERT, astuple(packed))
                    added.append(_Size(cursor.lastrowid or 0, packed.records, packed.events, len(packed.body)))
                if live:
                    self._watermarks.write(connection, records)
                else:
                    self._watermarks.write_removals(connection, records)
                self._watermarks.write_notes(connection, notes)
                notebook.write(connection, notes)
        except BaseException:
            self._watermarks.forget()
            raise
        return added

    def _keep(self, added: Sequence[_Size], records: Sequence[Record]) -> None:
        """Keep what was committed at hand, unless that is much: a writer that is behind reads it from the disk."""
        if sum(map(len, self._at_hand.values())) + len(records) <= self._records_at_hand:
            starts = accumulate((size.records for size in added), initial=0)
            self._at_hand |= {size.id: records[at : at + size.records] for size, at in zip(added, starts, strict=False)}

    def _count(self, sizes: Collection[_Size], sign: int) -> None:
        self.pending_bytes += sign * sum(size.size_bytes for size in sizes)
        self.pending_events += sign * sum(size.events for size in sizes)
        self.pending_records += sign * sum(size.records for size in sizes)
        self._report(
            facts.RecordsSpooled(
                pending_events=self.pending_events,
                pending_bytes=self.pending_bytes,
                maximum_bytes=self.maximum_bytes,
            )
        )
        detail = f"the spool holds {self.pending_bytes} bytes, SPOOL_MAX_BYTES is {self.maximum_bytes}"
        self._valve.weigh(_FULL, self.pending_bytes, self.maximum_bytes, detail)


def _load(connection: sqlite3.Connection, ids: Sequence[int]) -> list[Record]:
    query = "SELECT records, events, checksum, body FROM batches WHERE id BETWEEN ? AND ? ORDER BY id"
    rows = connection.execute(query, (ids[0], ids[-1]))
    return [record for row in rows for record in unpack(Packed(*row))]


def _sweep(connection: sqlite3.Connection, done: int) -> None:
    with transaction(connection):
        connection.execute("DELETE FROM batches WHERE id <= ?", (done,))
    give_back(connection)
