"""When to say how far a long work is: not before a minute, and not more than once a minute."""

from __future__ import annotations

import trio

MINUTE_SECONDS = 60.0


class Pace:
    """Begins with its making."""

    def __init__(self) -> None:
        self._told_at = trio.current_time()

    def is_due(self) -> bool:
        """Return whether a line is due; the next one is then a minute away."""
        now = trio.current_time()
        if now - self._told_at < MINUTE_SECONDS:
            return False
        self._told_at = now
        return True
