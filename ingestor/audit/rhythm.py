"""Whether a recorder fell silent as a whole while the home went on: nothing that it answers tells that it was disabled.

A home is silent of itself, too: at night, between two polls, and when its loop is held up. So only a silence counts
that is unlike all others of the same gap, in a gap with many changes; and what was held up comes all at once
afterwards, while what was not recorded never comes. Pure.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from itertools import groupby
from statistics import median

from msgspec import Struct

BIN_US = 50_000
MOST_BINS = 50_000
LEAST_BINS = 4  # a silence is measured in whole ones
LEAST_US = 1_000_000
LEAST_ROWS = 200
USUAL_SPACINGS = 20
TIMES_ANY_OTHER = 4
AFTERWARDS_US = 250_000


class Silence(Struct, frozen=True):
    """A time within which the recorder has no row of any entity, in microseconds."""

    from_us: int
    to_us: int


class Rhythm:
    """When the recorder has rows, from a home's last captured change to the last missed; they come in any order."""

    def __init__(self, from_us: int, to_us: int) -> None:
        span_us = max(to_us - from_us, 0)
        self._from_us = from_us
        self._bin_us = max(BIN_US, span_us // MOST_BINS)
        self._counts = array("L", bytes(array("L").itemsize * (span_us // self._bin_us + 1)))

    def note(self, at_us: int) -> None:
        """Count a row; what is not within the span is left out."""
        place = (at_us - self._from_us) // self._bin_us
        if 0 <= place < len(self._counts):
            self._counts[place] += 1

    def silence(self) -> Silence | None:
        """Return the silence that is not the home's own."""
        found = sorted(self._silences(), key=lambda one: one.to_us - one.from_us)
        if not found:
            return None
        longest, *others = (one.to_us - one.from_us for one in reversed(found))
        least_us = max(LEAST_US, LEAST_BINS * self._bin_us, USUAL_SPACINGS / self._rate())
        is_unlike = longest >= least_us and longest > TIMES_ANY_OTHER * max(others, default=0)
        return found[-1] if is_unlike and sum(self._counts) >= LEAST_ROWS else None

    def _silences(self) -> Iterator[Silence]:
        """Yield every silence with an end, but for those in which the home itself stood still."""
        rate, place = self._rate(), 0
        for is_silent, bins in groupby(count == 0 for count in self._counts):
            length = sum(1 for _ in bins)
            begin, place = place, place + length
            if is_silent and place < len(self._counts):
                afterwards = sum(self._counts[place : place + -(-AFTERWARDS_US // self._bin_us)])
                if afterwards <= rate * (AFTERWARDS_US + length * self._bin_us / 2):
                    yield Silence(self._from_us + begin * self._bin_us, self._from_us + place * self._bin_us)

    def _rate(self) -> float:
        """Return how many rows a microsecond has usually: a burst does not make others expected."""
        busy = [count for count in self._counts if count]
        if not busy:
            return 0.0
        last = max(place for place, count in enumerate(self._counts) if count)
        return min(sum(busy) / (last + 1), median(busy)) / self._bin_us
