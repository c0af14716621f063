"""How an actor tells that it got on. No watchdog acts on it: backpressure looks like a hang."""

from __future__ import annotations

import trio


class Progress:
    """When an actor last got on. The actor reports; the snapshot shows the age."""

    def __init__(self) -> None:
        self._reported_at: float | None = None

    def report(self) -> None:
        """Say that a piece of work is done. Cheap enough for every batch."""
        self._reported_at = trio.current_time()

    def age_seconds(self, now: float) -> float | None:
        """Return how long ago the last report was; none if there never was one."""
        return None if self._reported_at is None else now - self._reported_at
