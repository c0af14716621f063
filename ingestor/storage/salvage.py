"""What can still be read of a damaged spool."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from ingestor.model.errors import Damaged
from ingestor.storage.codec import Packed, unpack
from ingestor.storage.database import transaction

_BATCH = "SELECT id, records, events, checksum, body FROM batches WHERE id = ?"
_HEADS = "SELECT id, records, events FROM batches ORDER BY id"
_MOST_RECORDS = 1_000_000
_MOST_IDS = 1_000_000
_MOST_BYTES = 2**40  # more is no length but part of the damage
_PAGE_SIZE, _PAGES = slice(16, 18), slice(28, 32)  # in the file's header (https://www.sqlite.org/fileformat.html)


class Salvaged(Struct, frozen=True, kw_only=True):
    """The batches that were saved, by their ids, which they keep; and how many records are known to be lost."""

    aside: Path
    ids: frozenset[int]
    unreadable_records: int
    unreadable_events: int

    @property
    def batches(self) -> int:
        """How many were saved."""
        return len(self.ids)


def salvage(aside: Path, into: sqlite3.Connection, *, last_id: int) -> Salvaged:
    """Copy every batch that is whole, and every watermark that can be read, into the new file.

    Its next batch comes behind `last_id`: an id that is under way to the store is never given twice.
    """
    saved: set[int] = set()
    heads: dict[int, tuple[int, int]] = {}
    _lengthen(aside)
    with closing(sqlite3.connect(aside)) as damaged, transaction(into):
        for query in (_HEADS, f"{_HEADS} DESC"):
            plausible = (row for row in _readable(damaged, query) if _is_plausible(*row))
            heads |= {id_: (records, events) for id_, records, events in plausible}
        for id_ in sorted({*heads, *_between(heads)}):  # one by one: a bad page costs its own
            for row in _readable(damaged, _BATCH, id_):
                if _is_whole(row):
                    into.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", row)
                    saved.add(id_)
        number_from(into, max(last_id, *heads, 0))
        for table, columns in (("captured", 5), ("watermarks", 4), ("notes", 3)):
            marks = ", ".join("?" * columns)
            rows = list(_readable(damaged, f"SELECT * FROM {table}"))
            with suppress(sqlite3.Error):
                into.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)
    lost = [head for id_, head in heads.items() if id_ not in saved]
    return Salvaged(
        aside=aside,
        ids=frozenset(saved),
        unreadable_records=sum(records for records, _ in lost),
        unreadable_events=sum(events for _, events in lost),
    )


def number_from(connection: sqlite3.Connection, batch: int) -> None:
    """Let the next batch come behind this one, and behind all that there ever were."""
    known = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'batches'").fetchall()
    connection.execute("DELETE FROM sqlite_sequence WHERE name = 'batches'")
    connection.execute("INSERT INTO sqlite_sequence VALUES ('batches', ?)", (max([batch, *(seq for (seq,) in known)]),))


def _lengthen(damaged: Path) -> None:
    """Give a truncated file its length back, with zeros: without it SQLite reads none of what is there."""
    with damaged.open("rb") as file:
        header = file.read(100)
    size_bytes = int.from_bytes(header[_PAGE_SIZE], "big") * int.from_bytes(header[_PAGES], "big")
    if damaged.stat().st_size < size_bytes < _MOST_BYTES:
        os.truncate(damaged, size_bytes)


def _readable(damaged: sqlite3.Connection, query: str, *values: int) -> Iterator[Any]:
    """Yield rows up to the first one that cannot be read."""
    with suppress(sqlite3.Error, UnicodeDecodeError):
        yield from damaged.execute(query, values)


def _is_plausible(id_: object, records: object, events: object) -> bool:
    if not (isinstance(id_, int) and isinstance(records, int) and isinstance(events, int)):
        return False
    return 0 < records <= _MOST_RECORDS and 0 <= events <= records


def _between(ids: Collection[int]) -> range:
    """Return the ids that may lie on pages which a scan did not reach."""
    between = range(min(ids, default=0), max(ids, default=0))
    return between if len(between) < _MOST_IDS else range(0)


def _is_whole(row: Sequence[Any]) -> bool:
    try:
        unpack(Packed(*row[1:]))
    except Damaged:
        return False
    return True
