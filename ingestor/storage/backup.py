"""The copy of a file that is made before its format changes, so that an older version can go on with it."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from ingestor.model.disk import make_private
from ingestor.model.errors import Unavailable
from metrics.codes import ErrorCode

SPARE_BYTES = 1024 * 1024
_MEGABYTE = 10**6
_TAILS = ("", "-journal", "-wal", "-shm")


def back_up(path: Path, format_: int, clean: str = "") -> Path:
    """Return a copy beside the file, as its newest commit left it: fsynced, and under its name only once it is whole.

    What no copy may keep, the statements of `clean` take out of it. An older copy of the same name is replaced. Whoever
    calls this keeps others from writing. Raises `Unavailable` when there is no room for the copy and, since a table may
    be rebuilt, for the same again; and what SQLite raises.
    """
    copy = path.with_suffix(f".v{format_}{path.suffix}")
    unfinished = copy.with_name(f"{copy.name}.unfinished")
    _remove(unfinished)
    make_private(unfinished)
    try:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(unfinished)) as target:
            _check_room(path, source)
            source.backup(target)
            target.execute("PRAGMA secure_delete = ON")
            target.executescript(clean)
        unfinished.replace(copy)
        _sync(path.parent)
    finally:
        _remove(unfinished)
    return copy


def _check_room(path: Path, source: sqlite3.Connection) -> None:
    pages, page_bytes = (source.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    needed = 2 * pages * page_bytes + SPARE_BYTES
    free = shutil.disk_usage(path.parent).free
    if free < needed:
        sentence = f"is not upgraded: its copy and the upgrade need {_mb(needed)}, and the disk has {_mb(free)} free"
        raise Unavailable(f"{path} {sentence}", code=ErrorCode.DISK_FULL)


def _mb(size_bytes: int) -> str:
    return f"{-(-size_bytes // _MEGABYTE)} MB"


def _remove(path: Path) -> None:
    for tail in _TAILS:
        path.with_name(path.name + tail).unlink(missing_ok=True)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
