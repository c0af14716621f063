"""How long to wait for a store that failed, and how a refused batch is taken apart. Pure."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from random import Random

from ingestor.model.errors import CredentialsRefused, IngestorError, Rejected, Unavailable
from ingestor.model.records import Point, Record

FIRST_RETRY_SECONDS = 0.5
MAXIMUM_RETRY_SECONDS = 30.0
REFUSED_RETRY_SECONDS = 60.0


class Retry:
    """The waits between the tries of a store that does not take a batch, in seconds."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._failures = 0

    def succeeded(self) -> None:
        """Start anew."""
        self._failures = 0

    def after(self, error: IngestorError) -> float:
        """Return the wait after a failure: doubling with jitter, never shorter than the store itself asked for."""
        if isinstance(error, CredentialsRefused):
            return REFUSED_RETRY_SECONDS
        ceiling = min(MAXIMUM_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2.0**self._failures)
        self._failures = min(self._failures + 1, 16)
        wished = error.retry_after_seconds if isinstance(error, Unavailable) else None
        return max(ceiling / 2 + self._random.random() * ceiling / 2, wished or 0.0)


Bisection = Generator[Sequence[Point], Rejected | None, list[tuple[Record, Rejected]]]


def bisect(points: Sequence[Point]) -> Bisection:
    """Find the points that a store refuses.

    Yields parts to write, and is sent none for a part that was taken, or the refusal. Returns the bad ones, each with
    what the store said of it. Every good point has been written at the end.
    """
    refused = yield points
    if refused is None:
        return []
    if len(points) == 1:
        return [(points[0], refused)]
    middle = len(points) // 2
    bad = yield from bisect(points[:middle])
    return bad + (yield from bisect(points[middle:]))
