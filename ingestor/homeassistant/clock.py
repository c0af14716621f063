"""Whether Home Assistant's clock was set back while nobody heard it: then what came has times that seem captured. Pure.

Of each session is noted how far that clock is behind ours, as little as any of its changes shows: what is heard late
only seems to be more. The first note of a session is compared with the last of the one before.
"""

from __future__ import annotations

from ingestor.messages import ClockRead, Event

FINER_US = 500_000  # a lag is told again when it has shown to be this much less


class Clock:
    """The clock of one home. Like the chain it works in batches that are taken back until accepted."""

    def __init__(self, home: str) -> None:
        self._home = home
        self._from_us: int | None = None
        self._least_us: int | None = None
        self.begin()

    def begin(self) -> None:
        """Forget what was not accepted."""
        self.notes: list[ClockRead] = []
        self._draft = self._from_us, self._least_us

    def accept(self) -> None:
        """Make the batch's knowledge the clock's own."""
        self._from_us, self._least_us = self._draft

    def start(self, from_us: int) -> None:
        """Begin a session; `from_us` is the last moment before it, by Home Assistant's clock, that is known."""
        self._draft = from_us, None

    def read(self, event: Event, received_at_ns: int) -> None:
        """Take a change that has just been heard."""
        from_us, least_us = self._draft
        lag_us = (received_at_ns - event.time_ns) // 1000
        if from_us is not None and (least_us is None or lag_us < least_us - FINER_US):
            self.notes.append(ClockRead(home=self._home, from_us=from_us, lag_us=lag_us, opens=least_us is None))
            self._draft = from_us, lag_us
