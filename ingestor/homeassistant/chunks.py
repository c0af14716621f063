"""Which span of time to ask the recorder for next, so that its answers stay small. Pure.

An answer is as large as its span was busy, which nobody knows beforehand. So the span follows the answers, and one that
is too large to be taken is asked for again in shorter spans:

    answered in TARGET_BYTES        the next span is as long
    in a fourth of that             four times as long; but no step is larger than LARGEST_STEP, no span than MOST_US
    empty                           the same place again, with a longer span
    too large                       the same place again, an eighth as long; so is every later span of that storm
    too large in LEAST_US           it cannot be split, and is taken whole

An empty answer is not believed at once: Home Assistant gives it without looking for a span that ends before the oldest
state that it knew at its start, and its clock may have been set back since.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeGuard

TARGET_BYTES = 512 * 1024  # it takes some 15 ms to work off; live events wait no longer
CEILING_BYTES = 2 * 1024 * 1024  # decoding takes several times as much
WHOLE_BYTES = 64 * 1024 * 1024  # 5,000 changes of one loop tick came as one frame of 4.3 MB
KEY_BYTES = 100  # what the time of one stored change needs, in the store's answer and here
FIRST_US = 10_000_000
LEAST_US = 50_000
MOST_US = 600 * 10**6  # after a quiet time may come a storm
LARGEST_STEP = 8
SHORTER = 8
KEPT_SPANS = 1000


class AnswerSizes:
    """What one home's recorder has taught. A connection that gets a message of over `maximum_bytes` has to end."""

    def __init__(self) -> None:
        self.maximum_bytes = CEILING_BYTES
        self._dense: deque[tuple[int, int]] = deque(maxlen=KEPT_SPANS)

    def was_too_large(self, span: tuple[int, int] | None) -> bool:
        """Learn that an answer was too large: of a span, in microseconds, or of a command that has none.

        Return whether asking again can bring it.
        """
        if can_be_split(span):
            self._dense.append(span)
            return True
        was_bounded = self.maximum_bytes < WHOLE_BYTES
        self.maximum_bytes = WHOLE_BYTES
        return was_bounded

    def longest_us(self, low_us: int, high_us: int) -> int:
        """Return how long a span that begins with these bounds may be: up to a dense one, or short within it."""
        dense = [
            max((high - low) // SHORTER, low - low_us) for low, high in self._dense if low < high_us and high > low_us
        ]
        return min(high_us - low_us, max(LEAST_US, min(dense, default=high_us - low_us)))


def can_be_split(span: tuple[int, int] | None) -> TypeGuard[tuple[int, int]]:
    """Return whether an answer can be had in parts: that to a span which is long enough."""
    return span is not None and span[1] - span[0] > 2 * LEAST_US


class Chunks:
    """Half-open spans from a start to an end, one after the other; without an end the last one is open.

    `now_us` is the present: a span never begins behind it. `answered` or `too_large` is to be called before the next
    span is taken; `first_us` is how long the first one is.
    """

    def __init__(
        self,
        start_us: int,
        end_us: int | None,
        now_us: Callable[[], int],
        sizes: AnswerSizes | None = None,
        first_us: int = FIRST_US,
    ) -> None:
        self._start_us = start_us
        self._end_us = end_us
        self._now_us = now_us
        self._sizes = sizes or AnswerSizes()
        self._span_us = first_us
        self._is_empty = False
        self._is_too_large = False

    def __iter__(self) -> Iterator[tuple[int, int | None]]:
        """Yield the spans in order."""
        start_us = asked_us = self._start_us
        while True:
            last_us = self._now_us() if self._end_us is None else self._end_us
            wanted_us = max(start_us, min(start_us + self._span_us, last_us))
            end_us = start_us + self._sizes.longest_us(start_us, wanted_us)
            is_last, is_longer = end_us >= last_us, end_us > asked_us
            if is_last or is_longer:
                yield start_us, self._end_us if is_last else end_us
            if self._is_too_large:
                self._is_too_large, asked_us = False, start_us
                continue
            if is_last:
                return
            asked_us = end_us
            if not (is_longer and self._is_empty):
                start_us = end_us

    def answered(self, size_bytes: int, *, is_empty: bool = False) -> None:
        """Make the next span longer or shorter by the size of this answer."""
        self._is_empty = is_empty
        step = min(LARGEST_STEP, TARGET_BYTES / max(1, size_bytes))
        longer_us = max(LEAST_US, int(self._span_us * step))
        self._span_us = longer_us if is_empty else min(MOST_US, longer_us)

    def too_large(self) -> None:
        """Let a shorter span begin where this one did: `sizes` knows of it."""
        self._is_too_large = True
