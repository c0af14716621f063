"""What the service's own gap ledger tells, read from its file: the one place that knows the ledger's shape."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATE = "state.sqlite3"
JOURNALS = ("spool.sqlite3", "events.sqlite3")
COMPARING = "SELECT count(*) FROM jobs WHERE state IN ('waiting', 'running') AND kind != 'audit'"
OPEN, PARTLY, UNPROVEN = "open", "partly", "tail_unproven"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """Changes of one entity that are given up: behind one state, up to and with another (Unix microseconds).

    No `after_us` is from its first change on; no `until_us` is until it was heard of again.
    """

    entity_id: str
    after_us: int | None
    until_us: int | None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Told:
    """The ledger. An unproven span lies between a captured change (home's time, us) and a moment of ours (ns).

    `open` are gaps, and comparisons of all that is stored, that have not come to their end; and notes of the journal
    that the ledger has not taken over yet.
    """

    open: int = 0
    refilled: int = 0
    listed: tuple[Listed, ...] = ()
    unproven: tuple[tuple[int, int], ...] = ()
    gaps: tuple[str, ...] = ()


def told(data_dir: Path) -> Told:
    """Return what a ledger says; nothing where there is none yet."""
    file = data_dir / STATE
    if not file.exists():
        return Told()
    waiting = sum(_notes(data_dir / name) for name in JOURNALS)  # read first: what leaves them is in the ledger
    connection = _connected(file)
    try:
        gaps = [dict(row) for row in connection.execute("SELECT * FROM gaps ORDER BY id")]
        intervals = [dict(row) for row in connection.execute("SELECT * FROM intervals ORDER BY id")]
        [comparing] = connection.execute(COMPARING).fetchone()
    except sqlite3.OperationalError:  # not made yet
        return Told()
    finally:
        connection.close()
    return Told(
        open=sum(gap["state"] == OPEN for gap in gaps) + comparing + waiting,
        refilled=sum(gap["refilled"] for gap in gaps),
        listed=tuple(_listed(row) for row in intervals if row["reason"]),
        unproven=tuple((gap["from_us"], gap["found_ns"]) for gap in gaps if _is_unproven(gap)),
        gaps=tuple(f"{gap['cause']} {gap['state']} {gap['refilled']} {gap['reason']}".strip() for gap in gaps),
    )


def _notes(file: Path) -> int:
    if not file.exists():
        return 0
    connection = _connected(file)
    try:
        return int(connection.execute("SELECT count(*) FROM notes").fetchone()[0])
    except sqlite3.Error:  # not made yet, or damaged on purpose
        return 0
    finally:
        connection.close()


def _connected(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)
    connection.row_factory = sqlite3.Row
    return connection


def _is_unproven(gap: dict[str, Any]) -> bool:
    """Return whether any change may be missing: what is `partly` for some entities names its doubts about all."""
    return gap["state"] == UNPROVEN or (gap["state"] == PARTLY and bool(gap["reason"]))


def _listed(row: dict[str, Any]) -> Listed:
    until_us = row["returned_us"] if row["until_us"] is None else row["until_us"]
    return Listed(entity_id=row["entity_id"], after_us=row["after_us"], until_us=until_us, reason=row["reason"])
