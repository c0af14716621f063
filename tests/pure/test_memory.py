"""Large blocks do not stay with the process."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest

from ingestor.memory import LARGE_BYTES, return_large_blocks

BLOCKS = 200


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another malloc than glibc's")
def test_large_blocks_between_small_ones_go_back_to_the_system() -> None:
    return_large_blocks()
    del [bytearray(8 * LARGE_BYTES)][:]  # from now on glibc by itself would take only larger ones for large
    before = _resident_bytes()
    blocks = [(bytearray(LARGE_BYTES), bytearray(1000)) for _ in range(BLOCKS)]
    for large, _ in blocks:
        large[:] = b"x" * LARGE_BYTES
    assert _resident_bytes() - before > BLOCKS * LARGE_BYTES / 2
    small = [one for _, one in blocks]
    del blocks, large
    assert _resident_bytes() - before < BLOCKS * LARGE_BYTES / 2
    assert len(small) == BLOCKS


def _resident_bytes() -> int:
    [found] = re.findall(r"VmRSS:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found) * 1024
