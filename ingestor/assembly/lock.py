"""Who has the data directory: one service, or one command that changes it; and how others find the service.

Whoever has it holds `flock` on `DATA_DIR/lock`, as every version does, and, where the system has such locks, one of the
open file description. That second lock is there to be asked about: of an `flock` nobody can learn whether it is held
without trying to take it, and the service that starts at that moment would be refused. A lock goes with its process,
whatever ends it. What the file says, the address of the API, counts only while a lock is held.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO

from ingestor.model.disk import PRIVATE_DIRECTORY, make_private, mapped
from ingestor.model.errors import ConfigError

LOCK_FILE = "lock"
IN_USE_HINT = "stop that one, or give each a DATA_DIR of its own"
_FLOCK = "hhqqi"  # Linux's struct flock: type, whence, start, length (0: all of it), pid (0: of a file description)


@contextmanager
def locked(data_dir: Path) -> Generator[Callable[[str], None]]:
    """Hold the data directory, which is made if need be; yield what tells others where the API is.

    Raises `ConfigError` while somebody else has it, and `Unavailable` when it cannot be used.
    """
    path = data_dir / LOCK_FILE
    with mapped(path):
        data_dir.mkdir(mode=PRIVATE_DIRECTORY, parents=True, exist_ok=True)
        make_private(path)
        file = path.open("ab", buffering=0)  # a full disk is told at once, not when it is closed
    with file:
        with mapped(path):
            if not _take(file):
                raise ConfigError([f"DATA_DIR: another run of the ingestor uses {data_dir}"], IN_USE_HINT)
            file.truncate(0)
        yield partial(_tell, file, path)


def running_api(data_dir: Path) -> str | None:
    """Return where the service that uses this data directory listens; none while there is none.

    Takes no lock, and makes nothing. Raises `Unavailable` when the directory cannot be read.
    """
    path = data_dir / LOCK_FILE
    with mapped(path):
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        with file:
            return (file.read().decode() or None) if _is_held(file) else None


def _take(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    with suppress(AttributeError, OSError):  # without it a command finds no service, and is refused by the first lock
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    return True


def _is_held(file: IO[bytes]) -> bool:
    """Return whether somebody holds the second lock."""
    asked = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
    with suppress(AttributeError, OSError):
        kind, *_ = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_OFD_GETLK, asked))
        return bool(kind != fcntl.F_UNLCK)
    return False


def _tell(file: IO[bytes], path: Path, url: str) -> None:
    with mapped(path):
        file.write(url.encode())
