"""A wall clock that is stepped while a process runs, by Debian's faketime; its monotonic clock stays true."""

from __future__ import annotations

import time
from pathlib import Path

from tests.servers.absence import missing
from tests.servers.processes import brought

EFFECTIVE_SECONDS = 2.1  # faketime counts whole seconds, and wants more than one


class SteppedClock:
    """The wall clock of the processes that are started with its `environment`.

    They look once a second how far it is off: each time that they want to know the time would double what a busy home
    costs. Nor does faketime mend what it takes for a wrong wait: with that a thread of Python that waits for its turn
    does not wait, and the home costs ten times as much.
    """

    def __init__(self, file: Path) -> None:
        if reason := why_not():
            missing(reason)
        self._file = file
        self.environment = {
            "LD_PRELOAD": str(_libraries()[0]),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
        }
        self._set(0)

    def step(self, seconds: int) -> None:
        """Set it so many seconds before or after the true time, and return when that is in effect."""
        self._set(seconds)
        time.sleep(EFFECTIVE_SECONDS)

    def _set(self, seconds: int) -> None:
        written = self._file.with_suffix(".new")
        written.write_text(f"{seconds:+d}")
        written.replace(self._file)


def why_not() -> str:
    """Return why no clock can be stepped here; nothing if one can."""
    if not brought("faketime", "faketime"):
        return "faketime (install Debian's package faketime)"
    return "" if _libraries() else "the library of faketime in /usr/lib"


def _libraries() -> list[Path]:
    return sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
