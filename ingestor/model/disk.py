"""What SQLite and the system say of a file of ours, as our errors: one table of each one's words."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import disk_usage
from tempfile import TemporaryFile

from ingestor.model.errors import Damaged, IngestorError, Unavailable
from metrics.codes import ErrorCode

# What SQLite says of some damage, with no code for it.
_UNREADABLE = ("no such table", "no such column", "Could not decode to UTF-8", "malformed")

_SQLITE = {  # by the beginning of the name of its code
    "SQLITE_FULL": (ErrorCode.DISK_FULL, "the disk is full"),
    "SQLITE_IOERR": (ErrorCode.DISK, "the disk failed ({error}): is it full?"),
    "SQLITE_BUSY": (ErrorCode.LOCKED, "another program holds a lock on it"),
    "SQLITE_READONLY": (ErrorCode.READ_ONLY, "it may not be written to"),
    "SQLITE_CANTOPEN": (
        ErrorCode.CAN_NOT_OPEN,
        "it cannot be opened: is DATA_DIR writable for this user, with room left?",
    ),
    "": (ErrorCode.SQLITE, "{error}"),
}

_SYSTEM = {
    errno.ENOSPC: (ErrorCode.DISK_FULL, "the disk is full"),
    errno.EDQUOT: (ErrorCode.DISK_FULL, "the quota of this user is used up"),
    errno.EROFS: (ErrorCode.READ_ONLY, "it may not be written to"),
    errno.EACCES: (ErrorCode.CAN_NOT_OPEN, "this user may not use it"),
    errno.EPERM: (ErrorCode.CAN_NOT_OPEN, "this user may not use it"),
    errno.ENOENT: (ErrorCode.CAN_NOT_OPEN, "it is not there, and cannot be made"),
    errno.EEXIST: (ErrorCode.CAN_NOT_OPEN, "there must be a directory, and there is something else"),
    errno.ENOTDIR: (ErrorCode.CAN_NOT_OPEN, "what should be a directory on the way to it is a file"),
    errno.EISDIR: (ErrorCode.CAN_NOT_OPEN, "there must be a file, and there is a directory"),
}

PRIVATE_DIRECTORY = 0o700
PRIVATE_FILE = 0o600
_ROOM_BYTES = 64 * 1024  # what a new file of ours takes at once


def meaning(error: sqlite3.Error | OSError | UnicodeDecodeError, path: Path) -> IngestorError:
    """Return our error for what was raised while a file was used; it names that file, or what is wrong on its way."""
    if isinstance(error, OSError):
        code, sentence = _SYSTEM.get(error.errno or 0, (ErrorCode.DISK, error.strerror or str(error)))
        return Unavailable(f"{error.filename or path}: {sentence}", code=code)
    name = getattr(error, "sqlite_errorname", "")
    is_damage = isinstance(error, UnicodeDecodeError) or name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB"))
    if is_damage or str(error).startswith(_UNREADABLE):
        return Damaged(f"{path} is damaged ({error}): move it away, and a new one is made")
    code, sentence = next(meant for beginning, meant in _SQLITE.items() if name.startswith(beginning))
    return Unavailable(f"{path}: {sentence.format(error=error)}", code=code)


@contextmanager
def mapped(path: Path) -> Generator[None]:
    """Raise our error for what using a file raises in the block."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
        raise meaning(error, path) from None


def make_private(path: Path) -> None:
    """Make a file that its user alone may read, unless it is there; what SQLite puts beside it has the same mode."""
    with suppress(OSError):  # whoever opens it next says what is wrong
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_FILE))


def is_there(path: Path) -> bool:
    """Return whether something is there, as links lead. Raises `Unavailable` where that cannot be seen."""
    with mapped(path):  # which `Path.exists` leaves to the version of Python
        try:
            path.stat()
        except FileNotFoundError:
            return False
    return True


def lacks(path: Path) -> bool:
    """Return whether a file is not there yet. Raises `Unavailable` where it can neither be seen nor be made."""
    if is_there(path):
        return False
    try_to_write(path.parent)
    return True


def try_to_write(directory: Path) -> int:
    """Write a file into a directory, or where that would be made, and leave none; return how many bytes are free there.

    Raises `Unavailable` where it cannot be written.
    """
    path = directory.absolute()
    with mapped(path):
        parent = next(one for one in (path, *path.parents) if one.is_symlink() or is_there(one))
    try:
        with TemporaryFile(dir=parent, buffering=0) as file:
            file.write(bytes(_ROOM_BYTES))
            os.fsync(file)
        return disk_usage(parent).free
    except OSError as error:  # it names a file that we made up
        raise meaning(OSError(error.errno, error.strerror), parent) from None
