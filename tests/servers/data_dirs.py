"""A `DATA_DIR` as a published version left it, and what that version read in it.

`tests/samples/data-dir-0.1.0` was made once, with version 0.1.0 (commit ab50640), and never changes. A home of 17
simulated entities and its weather were ingested, first into the embedded database, then, after `kill -9` and in the
same directory, into an InfluxDB whose bucket held text in `persons_home`, so that live events were refused and set
aside. Settings were changed by `PUT /api/config`. The home was away while its recorder was off: that gap is listed.
Then InfluxDB answered 503 to everything, so that the spool kept what came; the recorder refused, the home was away
again, and that gap stayed open, as did a backfill; `kill -9`. What a run leaves there only for moments was committed
by the classes of that version: a `RawEvent`, one record of every other kind, removals, notes that the ledger has not
taken, the tails of the backfill, one that had to wait, and one that was done.

Each file is the text of its dump; `truth.json` has everything that the classes of version 0.1.0 read in them.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

VERSION_0_1_0 = Path(__file__).parent.parent / "samples" / "data-dir-0.1.0"
NAMES = ("spool", "state", "events")


def old_data_dir(directory: Path) -> dict[str, Any]:
    """Lay out a data directory of version 0.1.0 as after `kill -9`, and return what is in it."""
    directory.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        made = directory / f"{name}.making"
        with closing(sqlite3.connect(made)) as connection:
            connection.executescript((VERSION_0_1_0 / f"{name}.sql").read_text(encoding="utf-8"))
            for tail in ("", "-wal"):  # while it is open: nobody has moved the log into the file
                shutil.copy(f"{made}{tail}", directory / f"{name}.sqlite3{tail}")
        made.unlink()
    truth: dict[str, Any] = json.loads((VERSION_0_1_0 / "truth.json").read_text(encoding="utf-8"))
    return truth


def content(file: Path) -> dict[str, Any]:
    """Return every row of a file by its table, with the format; the file may be damaged by no one, so it is whole."""
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        rows = {name: sorted(connection.execute(f"SELECT * FROM {name}"), key=repr) for (name,) in tables}  # noqa: S608  our words
        return {"format": connection.execute("PRAGMA user_version").fetchone()[0], **rows}


def holds(found: Any, known: Any) -> bool:
    """Return whether everything that an older version knew is there; a newer one may know more of it."""
    if isinstance(known, dict):
        return isinstance(found, dict) and all(name in found and holds(found[name], known[name]) for name in known)
    if isinstance(known, (list, tuple)):
        return len(found) == len(known) and all(map(holds, found, known))
    return bool(found == known)
