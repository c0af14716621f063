"""What a service that is dead had committed: the events in its spool's file, in its quarantine and in its store."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Generator
from pathlib import Path

from ingestor.model.errors import Damaged
from ingestor.model.records import Event
from ingestor.storage.codec import Packed, unpack
from tests.faults.databases import Database
from tests.servers.truth import Key

SPOOL = "spool.sqlite3"


def committed(data_dir: Path, database: Database) -> set[Key]:
    """Return the identities of all that the spool and the store hold."""
    return in_spool(data_dir) | {(row["entity_id"], row["time"]) for row in database.rows()}


def in_spool(data_dir: Path) -> set[Key]:
    """Return the identities of the events that can be read from a spool, damaged or not; it is not touched."""
    with tempfile.TemporaryDirectory() as copy:
        for file in data_dir.glob(f"{SPOOL}*"):
            shutil.copy(file, copy)
        records = [record for packed in _batches(Path(copy) / SPOOL) for record in unpack(packed)]
    return {(event.series.entity_id, event.time_ns) for event in records if isinstance(event, Event)}


def in_quarantine(data_dir: Path) -> set[Key]:
    """Return the identities of the events that a service which has ended keeps in quarantine."""
    connection = sqlite3.connect(data_dir / "state.sqlite3")
    try:
        return set(connection.execute("SELECT entity_id, time_ns FROM quarantine"))
    finally:
        connection.close()


def _batches(spool: Path) -> Generator[Packed]:
    """Yield the batches that are whole, as far as their table can be walked."""
    if not spool.exists():
        return
    connection = sqlite3.connect(spool)
    try:
        for row in connection.execute("SELECT records, events, checksum, body FROM batches ORDER BY id"):
            packed = Packed(*row)
            try:
                unpack(packed)
            except Damaged:
                continue
            yield packed
    except (sqlite3.DatabaseError, UnicodeDecodeError):
        return
    finally:
        connection.close()
