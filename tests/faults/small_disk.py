"""A small file system that fills up and is freed again: a tmpfs, mounted by root and unmounted by who mounted it."""

from __future__ import annotations

import errno
import os
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.absence import missing

MEBIBYTE = 1024 * 1024
_PIECES = (256 * 1024, 4096, 1)


class SmallDisk:
    """A mounted file system of a few megabytes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        """Leave no byte free."""
        with self._filler.open("ab", buffering=0) as file:
            for size in _PIECES:
                _fill(file.fileno(), size)

    def add(self, size_bytes: int) -> None:
        """Take some more of it."""
        with self._filler.open("ab", buffering=0) as file:
            file.write(bytes(size_bytes))

    @property
    def free_share(self) -> float:
        """The free share of its size."""
        sizes = os.statvfs(self.path)
        return sizes.f_bavail / sizes.f_blocks

    def free(self) -> None:
        """Give back what filled it."""
        self._filler.unlink(missing_ok=True)


def _fill(descriptor: int, size: int) -> None:
    try:
        while True:
            os.write(descriptor, b"\0" * size)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


def why_not() -> str:
    """Return why no file system can be mounted here; nothing if one can."""
    if os.geteuid() != 0:
        return "a small file system that fills up (only root mounts one)"
    with tempfile.TemporaryDirectory() as directory:
        said = _mount(Path(directory), 1)
        if not said:
            _unmount(Path(directory))
    return f"a small file system that fills up (mounting one is not permitted: {said})" if said else ""


@contextmanager
def small_disk(path: Path, size_mebibytes: int) -> Generator[SmallDisk]:
    """Hold a file system at a path; skip the test where none may be mounted."""
    if reason := why_not():
        missing(reason)
    path.mkdir(parents=True)
    _mount(path, size_mebibytes)
    try:
        yield SmallDisk(path)
    finally:
        _unmount(path)


def _mount(path: Path, size_mebibytes: int) -> str:
    """Mount it, and return what is said against it."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mebibytes * MEBIBYTE}", "tmpfs", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()


def _unmount(path: Path) -> None:
    subprocess.run(["umount", str(path)], check=True)
