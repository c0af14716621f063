"""How long to wait for a store that failed, and how a refused batch is taken apart. Pure."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from random import Random

from ingestor.model.backoff import Delays
from ingestor.model.errors import CredentialsRefused, Rejected
from ingestor.model.records import Point, Record
from supervisors import Backoff

BACKOFF = Backoff(initial_seconds=0.5, maximum_seconds=30.0, jitter=0.5)
REFUSED_SECONDS = 60.0


class Retry(Delays):
    """The waits between the tries of a store that does not take a batch, in seconds."""

    def __init__(self, random: Random) -> None:
        super().__init__(BACKOFF, random, {CredentialsRefused: REFUSED_SECONDS})


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
