"""How the memory of large blocks goes back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress

LARGE_BYTES = 128 * 1024  # where glibc itself begins
_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc's malloc.h


def return_large_blocks() -> None:
    """Let every large block go back to the system once it is freed; where there is no glibc, nothing changes.

    By itself glibc takes the size of the largest block that was freed for the new bound: after the first batch, what
    batches and answers need lies among small blocks, in the arena of each thread, and stays there.
    """
    with suppress(AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, LARGE_BYTES)
