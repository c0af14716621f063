"""How an actor shows that it is getting on. No watchdog acts on it: waiting for a slow receiver looks like a hang."""

from __future__ import annotations

import trio


class Progress:
    """Remembers when an actor last finished a piece of work; the snapshot shows how long ago that was."""

    def __init__(self) -> None:
        self._reported_at: float | None = None

    def report(self) -> None:
        """Note that a piece of work is done now. Cheap enough for every batch; call it inside `trio.run`."""
        self._reported_at = trio.current_time()

    def age_seconds(self, now: float) -> float | None:
        """Return the seconds since the last report, or `None` if there was none."""
        return None if self._reported_at is None else now - self._reported_at
