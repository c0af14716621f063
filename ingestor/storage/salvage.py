"""What can still be read of a damaged spool."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from ingestor.errors import Damaged
from ingestor.storage.codec import Packed, unpack
from ingestor.storage.database import transaction

_BATCHES = "SELECT id, records, events, checksum, body FROM batches ORDER BY id"
_HEADS = "SELECT id, records FROM batches ORDER BY id"


class Salvaged(Struct, frozen=True, kw_only=True):
    """The batches that were saved, by their ids, which they keep; and how many records are known to be lost."""

    aside: Path
    ids: frozenset[int]
    unreadable_records: int

    @property
    def batches(self) -> int:
        """How many were saved."""
        return len(self.ids)


def salvage(aside: Path, into: sqlite3.Connection) -> Salvaged:
    """Copy every batch that is whole, and every watermark that can be read, into the new file."""
    saved: set[int] = set()
    heads: dict[int, int] = {}
    with closing(sqlite3.connect(aside)) as damaged, transaction(into):
        for query in (_HEADS, f"{_HEADS} DESC"):
            heads |= dict(_readable(damaged, query))
        for query in (_BATCHES, f"{_BATCHES} DESC"):
            for row in _readable(damaged, query):
                if row[0] not in saved and _is_whole(row):
                    into.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", row)
                    saved.add(row[0])
        for table, columns in (("captured", 4), ("watermarks", 3)):
            marks = ", ".join("?" * columns)
            rows = list(_readable(damaged, f"SELECT * FROM {table}"))
            with suppress(sqlite3.Error):
                into.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)
    lost = sum(records for id_, records in heads.items() if id_ not in saved)
    return Salvaged(aside=aside, ids=frozenset(saved), unreadable_records=lost)


def _readable(damaged: sqlite3.Connection, query: str) -> Iterator[Any]:
    """Yield rows up to the first one that can not be read."""
    with suppress(sqlite3.Error):
        yield from damaged.execute(query)


def _is_whole(row: tuple[int, int, int, int, bytes]) -> bool:
    try:
        return len(unpack(Packed(row[3], row[4]))) == row[1]
    except (Damaged, TypeError, ValueError):
        return False
