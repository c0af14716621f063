"""A process that is killed while it upgrades a file, at every moment in turn.

`python -m tests.servers.dying FILE DIRECTORY MIGRATION...` lays out a copy of FILE in DIRECTORY/1, /2, ... and upgrades
each with the migrations in a child that kills itself before its first, second, ... call of SQLite or of the system; it
ends with the first child that came to its end.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from ingestor.storage.database import Database
from ingestor.storage.schema import Schema


class Fate:
    """Kills this process before the call of that number."""

    def __init__(self, number: int) -> None:
        self._left = number

    def seal(self) -> None:
        """Begin to count."""
        sys.setprofile(self._see)

    def _see(self, _frame: FrameType, event: str, called: Any) -> None:
        of_sqlite = isinstance(getattr(called, "__self__", None), (sqlite3.Connection, sqlite3.Cursor))
        if event == "c_call" and (of_sqlite or called.__module__ == os.name):
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def main(file: Path, directory: Path, migrations: tuple[str, ...]) -> None:
    """Kill before every call."""
    for number in count(1):
        place = directory / str(number)
        place.mkdir(parents=True)
        for part in file.parent.glob(f"{file.name}*"):
            shutil.copy(part, place)
        pid = os.fork()
        if pid == 0:
            _upgrade(place / file.name, Schema(migrations=migrations), number)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status == 0:
            return
        assert status == -signal.SIGKILL


def _upgrade(file: Path, schema: Schema, number: int) -> None:
    code = 1
    try:
        Fate(number).seal()
        Database(file, schema).run_now(lambda _connection: None)
        code = 0
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), tuple(sys.argv[3:]))
