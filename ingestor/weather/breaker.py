"""A circuit breaker as a pure machine: a provider that keeps failing is left alone for a while.

CLOSED --failures in a row--> OPEN --pause--> HALF_OPEN --success--> CLOSED
                               ^---failure---'
"""

from __future__ import annotations

from random import Random

from ingestor.model.backoff import Delays
from metrics.codes import BreakerState
from supervisors import Backoff

FAILURES = 3
PAUSES = Backoff(initial_seconds=60.0, maximum_seconds=3600.0, jitter=0.0)


class Breaker:
    """Decides whether a request may be made. `now` is in seconds of the caller's clock."""

    def __init__(self) -> None:
        self.state = BreakerState.CLOSED
        self._failures = 0
        self._pauses = Delays(PAUSES, Random())  # noqa: S311  there is no jitter
        self._open_until = 0.0

    def allows(self, now: float) -> bool:
        """Return whether a request may be made now; after the pause the first one is the trial."""
        if self.state is BreakerState.OPEN and self.wait_seconds(now) == 0:
            self.state = BreakerState.HALF_OPEN
        return self.state is not BreakerState.OPEN

    def wait_seconds(self, now: float) -> float:
        """Return how long the pause still lasts; 0 when there is none."""
        return max(0.0, self._open_until - now) if self.state is BreakerState.OPEN else 0.0

    def succeeded(self) -> None:
        """Note an answer: everything starts anew."""
        self.state = BreakerState.CLOSED
        self._failures = 0
        self._pauses.succeeded()

    def failed(self, now: float) -> None:
        """Note a failure; a failed trial doubles the pause."""
        self._failures += 1
        if self.state is BreakerState.HALF_OPEN or self._failures >= FAILURES:
            self.state = BreakerState.OPEN
            self._open_until = now + self._pauses.after()
            self._failures = 0
