"""Which span of time to ask the recorder for next, so that its answers stay small. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ingestor.homeassistant.sizes import LEAST_US

TARGET_BYTES = 512 * 1024  # it takes some 15 ms to work off; live events wait no longer
KEY_BYTES = 100  # what the time of one stored change needs, in the store's answer and here
FIRST_US = 10_000_000
MOST_US = 600 * 10**6  # after a quiet time may come a storm
LARGEST_STEP = 8


class Chunks:
    """Half-open spans from a start to an end, one after the other; without an end the last one is open.

    `now_us` is the present: a span never begins behind it; `longest_us` says how long one may be within bounds. To be
    told the size of each answer before the next span. Behind an empty one a longer span begins at the same place: Home
    Assistant gives an empty answer without looking for what ends before the oldest state that it knew at its start, and
    its clock may have been set back since.
    """

    def __init__(
        self,
        start_us: int,
        end_us: int | None,
        now_us: Callable[[], int],
        longest_us: Callable[[int, int], int] = lambda low_us, high_us: high_us - low_us,
    ) -> None:
        self._start_us = start_us
        self._end_us = end_us
        self._now_us = now_us
        self._longest_us = longest_us
        self._span_us = FIRST_US
        self._is_empty = False

    def __iter__(self) -> Iterator[tuple[int, int | None]]:
        """Yield the spans in order."""
        start_us = asked_us = self._start_us
        while True:
            last_us = self._now_us() if self._end_us is None else self._end_us
            end_us = start_us + self._longest_us(start_us, max(start_us, min(start_us + self._span_us, last_us)))
            if end_us >= last_us:
                yield start_us, self._end_us
                return
            is_longer = end_us > asked_us
            if is_longer:
                yield start_us, end_us
            asked_us = end_us
            if not (is_longer and self._is_empty):
                start_us = end_us

    def answered(self, size_bytes: int, *, is_empty: bool = False) -> None:
        """Make the next span longer or shorter by the size of this answer."""
        self._is_empty = is_empty
        step = min(LARGEST_STEP, TARGET_BYTES / max(1, size_bytes))
        longer_us = max(LEAST_US, int(self._span_us * step))
        self._span_us = longer_us if is_empty else min(MOST_US, longer_us)
