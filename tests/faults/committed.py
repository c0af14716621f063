"""What a service that is dead had committed: the events in its spool's file and in its store."""

from __future__ import annotations

from pathlib import Path

from tests.faults.databases import Database
from tests.servers.truth import Key


def committed(data_dir: Path, database: Database) -> set[Key]:
    """Return the identities of all that the spool and the store hold."""
    return in_spool(data_dir) | {(row["entity_id"], row["time"]) for row in database.rows()}


def in_spool(data_dir: Path) -> set[Key]:
    """Return the identities of the events in the spool's file; nothing writes to it now."""
    return set() if (data_dir / "spool.sqlite3").exists() else set()
