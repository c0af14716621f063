"""Whether a recorder fell silent as a whole while the home went on: nothing that it answers tells that it was disabled.

It is proven where it lacks several changes that are known to have been, and has nothing at all around them. Without
that a silence is only suspect, for a home is silent of itself, too: at night, between two polls, and when its loop is
held up. So one counts that is unlike all others of the same gap, in a gap with many changes; and what was held up comes
all at once afterwards, while what was not recorded never comes. Pure.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from statistics import median

from msgspec import Struct

BIN_US = 50_000
MOST_BINS = 50_000
LEAST_BINS = 4  # a silence is measured in whole ones
LEAST_US = 1_000_000
LEAST_ROWS = 200
LEAST_LACKING = 3  # one may have been purged, or could not be recorded
USUAL_SPACINGS = 20
TIMES_ANY_OTHER = 4
AFTERWARDS_US = 250_000


class Silence(Struct, frozen=True):
    """A time within which the recorder has no row of any entity, in microseconds."""

    from_us: int
    to_us: int


class Rhythm:
    """When the recorder has rows, from a home's last captured change to the last missed one; they come in any order.

    `lacking` are changes that were, and of which there is no row. `now_us` is our clock: a home that is ahead of it may
    have stepped its own, over a time in which nothing was.
    """

    def __init__(self, from_us: int, to_us: int, now_us: int) -> None:
        self._is_ahead = to_us > now_us + LEAST_US
        span_us = max(to_us - from_us, 0)
        self._from_us = from_us
        self._bin_us = max(BIN_US, span_us // MOST_BINS)
        self._counts = array("L", bytes(array("L").itemsize * (span_us // self._bin_us + 1)))
        self.lacking: list[int] = []

    def note(self, at_us: int) -> None:
        """Count a row; what is not within the span is left out."""
        place = (at_us - self._from_us) // self._bin_us
        if 0 <= place < len(self._counts):
            self._counts[place] += 1

    def lack(self, times: Iterable[int]) -> None:
        """Note changes that were, and of which there is no row."""
        self.lacking += times

    def silences(self) -> list[Silence]:
        """Return those that are not the home's own."""
        found = sorted(self._silences(), key=_length_us, reverse=True)
        proven = [one for one in found if sum(one.from_us < at <= one.to_us for at in self.lacking) >= LEAST_LACKING]
        rate = self._rate()
        others = [one for one in found if one not in proven and not self._was_held_up(one, rate)]
        return proven + [one for one in others[:1] if self._is_unlike(one, others[1:2], rate)]

    def _silences(self) -> Iterator[Silence]:
        place = 0
        for is_silent, bins in groupby(count == 0 for count in self._counts):
            begin, place = place, place + sum(1 for _ in bins)
            if is_silent:
                yield Silence(self._from_us + begin * self._bin_us, self._from_us + place * self._bin_us)

    def _is_unlike(self, one: Silence, next_longest: Sequence[Silence], rate: float) -> bool:
        least_us = max(LEAST_US, LEAST_BINS * self._bin_us, USUAL_SPACINGS / rate if rate else LEAST_US)
        other_us = max(map(_length_us, next_longest), default=0)
        is_busy = sum(self._counts) >= LEAST_ROWS and not self._is_ahead
        return is_busy and _length_us(one) >= least_us and _length_us(one) > TIMES_ANY_OTHER * other_us

    def _was_held_up(self, one: Silence, rate: float) -> bool:
        """Return whether about as many rows as are missing came right after it."""
        place = (one.to_us - self._from_us) // self._bin_us
        afterwards = sum(self._counts[place : place + -(-AFTERWARDS_US // self._bin_us)])
        return afterwards > rate * (AFTERWARDS_US + _length_us(one) / 2)

    def _rate(self) -> float:
        """Return how many rows a microsecond has usually: a burst does not make others expected."""
        busy = [count for count in self._counts if count]
        return min(sum(busy) / len(self._counts), median(busy)) / self._bin_us if busy else 0.0


def _length_us(silence: Silence) -> int:
    return silence.to_us - silence.from_us
