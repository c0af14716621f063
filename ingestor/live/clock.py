"""Whether Home Assistant's clock was set back while nobody heard it: then what came has times that seem captured. Pure.

Of each session is noted how far that clock is behind ours, as little as any of its changes shows: what is heard late
only seems to be more. The first note of a session is compared with the last of the one before.
"""

from __future__ import annotations

from ingestor.model.gaps import ClockRead
from ingestor.model.records import Event

FINER_US = 500_000  # a lag is told again when it has shown to be this much less
AGAIN_NS = 300 * 10**9  # or after this time, so that it is known about when a gap began


class Clock:
    """The clock of one home. Like the chain it works in batches that are taken back until accepted."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._told: ClockRead | None = None
        self.begin()

    def begin(self) -> None:
        """Forget what was not accepted."""
        self.notes: list[ClockRead] = []
        self._draft = self._told

    def accept(self) -> None:
        """Make the batch's knowledge the clock's own."""
        self._told = self._draft

    def start(self) -> None:
        """Begin a session."""
        self._draft = None

    def read(self, event: Event, heard_ns: int) -> None:
        """Take a change that has just been heard."""
        told, lag_us = self._draft, (heard_ns - event.time_ns) // 1000
        if told is None or lag_us < told.lag_us - FINER_US or heard_ns >= told.heard_ns + AGAIN_NS:
            least_us = lag_us if told is None else min(lag_us, told.lag_us)
            self._draft = ClockRead(home=self._home, heard_ns=heard_ns, lag_us=least_us, opens=told is None)
            self.notes.append(self._draft)
