"""How much to ask a recorder for at once, learned from answers that were too large: after a quiet time comes a storm.

A span whose answer was too large is asked for again in shorter ones. What cannot be split is taken whole. Pure.
"""

from __future__ import annotations

from collections import deque

CEILING_BYTES = 2 * 1024 * 1024  # decoding takes several times as much
WHOLE_BYTES = 64 * 1024 * 1024  # 5,000 changes of one loop tick came as one frame of 4.3 MB
LEAST_US = 50_000
SHORTER = 8
KEPT_SPANS = 1000


class AnswerSizes:
    """The limits of one home. A connection that gets a message of more than `maximum_bytes` has to end."""

    def __init__(self) -> None:
        self.maximum_bytes = CEILING_BYTES
        self._dense: deque[tuple[int, int]] = deque(maxlen=KEPT_SPANS)

    def was_too_large(self, span: tuple[int, int] | None) -> bool:
        """Learn that an answer was too large: of a span, in microseconds, or of a command that has none.

        Return whether asking again can bring it.
        """
        if span is not None and span[1] - span[0] > 2 * LEAST_US:
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
