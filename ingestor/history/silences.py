"""Whether a recorder fell silent as a whole while the home went on: nothing that it answers tells that it was disabled.

A home is silent of itself, too: at night, between two polls, and when its loop is held up. So a silence alone proves
nothing. It counts where the recorder lacks changes that are known to have been, and has nothing at all around them:
several, or one in a silence that is far longer than usual. Pure.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import groupby

from msgspec import Struct

BIN_US = 50_000
MOST_BINS = 50_000
LEAST_BINS = 4  # a silence is measured in whole ones
LEAST_US = 1_000_000
LEAST_LACKING = 3  # one may have been purged, or could not be recorded
USUAL_SPACINGS = 20


class Silence(Struct, frozen=True):
    """A time within which the recorder has no row of any entity, in microseconds: from one row to the next."""

    from_us: int
    to_us: int


class Rhythm:
    """When the recorder has rows, from a home's last captured change to the last missed one; they come in any order.

    Of each bin the first and the last are kept. `lacking` are changes that were, and of which there is no row.
    """

    def __init__(self, from_us: int, to_us: int) -> None:
        span_us = max(to_us - from_us, 0)
        self._from_us = from_us
        self._bin_us = max(BIN_US, span_us // MOST_BINS)
        self._firsts = array("q", bytes(array("q").itemsize * (span_us // self._bin_us + 1)))
        self._lasts = self._firsts[:]
        self.lacking: list[int] = []

    def note(self, at_us: int) -> None:
        """Take a row; what is not within the span is left out."""
        place = (at_us - self._from_us) // self._bin_us
        if 0 <= place < len(self._firsts):
            self._firsts[place] = min(self._firsts[place] or at_us, at_us)
            self._lasts[place] = max(self._lasts[place], at_us)

    def lack(self, times: Iterable[int]) -> None:
        """Note changes that were, and of which there is no row."""
        self.lacking += times

    def silences(self) -> list[Silence]:
        """Return those in which the recorder kept nothing of what happened."""
        self.lacking.sort()
        found = ((one, self._lacks(one)) for one in self._silences())
        return [one for one, lacks in found if lacks >= LEAST_LACKING or (lacks and self._is_long(one))]

    def _lacks(self, one: Silence) -> int:
        return bisect_right(self.lacking, one.to_us) - bisect_right(self.lacking, one.from_us)

    def _is_long(self, one: Silence) -> bool:
        """Return whether it is far longer than what usually lies between rows outside of it."""
        length_us = one.to_us - one.from_us
        outside_us = len(self._firsts) * self._bin_us - length_us
        usual_us = outside_us / max(sum(at_us > 0 for at_us in self._firsts), 1)
        return length_us >= max(LEAST_US, LEAST_BINS * self._bin_us, USUAL_SPACINGS * usual_us)

    def _silences(self) -> Iterator[Silence]:
        place, bins = 0, len(self._firsts)
        for is_silent, alike in groupby(at_us == 0 for at_us in self._firsts):
            begin, place = place, place + sum(1 for _ in alike)
            if is_silent:
                from_us = self._lasts[begin - 1] if begin else self._from_us
                yield Silence(from_us, self._firsts[place] if place < bins else self._from_us + bins * self._bin_us)
