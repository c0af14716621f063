"""When to try a home again: a pure machine of backoff with jitter.

A refused token waits long: each refused login raises a notification in Home Assistant and may ban the address.
"""

from __future__ import annotations

from random import Random

FIRST_SECONDS = 0.5
MAXIMUM_SECONDS = 30.0
REFUSED_SECONDS = 15 * 60.0
HEALTHY_SECONDS = 10.0  # a session that lived this long starts the backoff anew


class Reconnect:
    """The delays between the tries of one home, in seconds."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures = 0

    def after_failure(self) -> float:
        """Return the delay after a try that brought no session: doubling to 30 s, half of it jitter."""
        ceiling = min(MAXIMUM_SECONDS, FIRST_SECONDS * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        return ceiling / 2 + self._random.random() * ceiling / 2

    def after_session(self, lived_seconds: float) -> float:
        """Return the delay after a session ended: short at first, growing while sessions die young."""
        if lived_seconds >= HEALTHY_SECONDS:
            self._failures = 0
        return self.after_failure()

    def after_refusal(self) -> float:
        """Return the delay after a refused token: 15 minutes."""
        return REFUSED_SECONDS
