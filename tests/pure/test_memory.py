"""Large blocks do not stay with the process."""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ingestor.assembly.memory import LARGE_BYTES, return_large_blocks

BLOCKS = 200
ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="another malloc than glibc's")
def test_large_blocks_between_small_ones_go_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-m", __name__], cwd=ROOT, capture_output=True, text=True, check=True)
    held, left = map(int, done.stdout.split())
    assert left < BLOCKS * LARGE_BYTES / 2 < held


def _fragment() -> None:
    """Print how much large blocks held, and how much is left when only the small ones between them remain, in bytes."""
    return_large_blocks()
    del [bytearray(8 * LARGE_BYTES)][:]  # from now on glibc by itself would take only larger ones for large
    before = _resident_bytes()
    blocks = [(bytearray(LARGE_BYTES), bytearray(1000)) for _ in range(BLOCKS)]
    for large, _ in blocks:
        large[:] = b"x" * LARGE_BYTES
    held = _resident_bytes() - before
    small = [one for _, one in blocks]
    del blocks, large
    print(held, _resident_bytes() - before)  # noqa: T201  for the test
    assert len(small) == BLOCKS


def _resident_bytes() -> int:
    [found] = re.findall(r"VmRSS:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found) * 1024


if __name__ == "__main__":
    _fragment()
