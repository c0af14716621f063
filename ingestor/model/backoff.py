"""How long to wait before something that failed is tried again. Pure.

The arithmetic is that of a supervisor's restarts, `supervisors.Backoff`: a delay that grows by a factor up to a cap, a
share of it jitter. `Delays` counts the failures in a row, and knows the errors for which another rule holds:

    an error of the table           its own delay, and nothing is counted: time alone does not heal it
    one with a wish of the remote   no shorter than the remote asked for (`Unavailable.retry_after_seconds`),
                                    up to five minutes: a nonsense wish would be a standstill
    any other, or none              the backoff
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from ingestor.model.errors import IngestorError, Unavailable
from supervisors import Backoff

LONGEST_WISH_SECONDS = 300.0


class Delays:
    """The delays between the tries of one thing, in seconds; `table` has those of special errors by their class."""

    def __init__(
        self, backoff: Backoff, random: Random, table: Mapping[type[IngestorError], float] | None = None
    ) -> None:
        self._backoff = backoff
        self._random = random
        self._table = table or {}
        self._failures = 0

    def succeeded(self) -> None:
        """Start anew."""
        self._failures = 0

    def after(self, error: IngestorError | None = None, *, lived_seconds: float = 0.0) -> float:
        """Return the delay after a failure; what lived for the backoff's `healthy_seconds` before it starts anew."""
        for kind, seconds in self._table.items():
            if isinstance(error, kind):
                return seconds
        if lived_seconds >= self._backoff.healthy_seconds:
            self._failures = 0
        seconds = self._backoff.delay_seconds(self._failures, self._random)
        self._failures += 1
        wished = error.retry_after_seconds if isinstance(error, Unavailable) else None
        return max(seconds, min(wished or 0.0, LONGEST_WISH_SECONDS))
