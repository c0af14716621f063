"""What is learned from answers that were too large: shorter spans there, and there only."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestor.homeassistant.chunks import CEILING_BYTES, LEAST_US, WHOLE_BYTES, AnswerSizes, Chunks

SECOND_US = 1_000_000
STORM_US = (500 * SECOND_US, 503 * SECOND_US)
ROW_BYTES = 300


def size(low_us: int, high_us: int, rows_a_second: int) -> int:
    """Return how large the answer is: nothing happens but in the storm."""
    within_us = max(0, min(high_us, STORM_US[1]) - max(low_us, STORM_US[0]))
    return within_us * rows_a_second // SECOND_US * ROW_BYTES


def read(sizes: AnswerSizes, rows_a_second: int) -> tuple[list[tuple[int, int]], int]:
    """Return the spans that were answered, and how many answers were too large."""
    spans: list[tuple[int, int]] = []
    too_large = 0
    chunks = Chunks(0, 3600 * SECOND_US, lambda: 0, sizes)
    for low_us, high_us in chunks:
        assert high_us is not None
        found = size(low_us, high_us, rows_a_second)
        if found > sizes.maximum_bytes:
            sizes.was_too_large((low_us, high_us))
            chunks.too_large()
            too_large += 1
            continue
        chunks.answered(found)
        spans.append((low_us, high_us))
    return spans, too_large


@settings(max_examples=100)
@given(rows_a_second=st.integers(1, 1_000_000))
def test_a_storm_is_read_whole_in_answers_below_the_ceiling_after_a_few_turns(rows_a_second: int) -> None:
    sizes = AnswerSizes()
    spans, too_large = read(sizes, rows_a_second)
    assert too_large < 20
    assert (spans[0][0], spans[-1][1]) == (0, 3600 * SECOND_US)
    assert all(before[1] == after[0] for before, after in pairwise(spans))
    largest = max(size(low, high, rows_a_second) for low, high in spans)
    assert largest <= (CEILING_BYTES if sizes.maximum_bytes == CEILING_BYTES else WHOLE_BYTES)
    assert len(spans) < 1000


def test_elsewhere_spans_stay_long() -> None:
    sizes = AnswerSizes()
    sizes.was_too_large((1000 * SECOND_US, 1008 * SECOND_US))
    assert sizes.longest_us(0, 900 * SECOND_US) == 900 * SECOND_US
    assert sizes.longest_us(900 * SECOND_US, 1001 * SECOND_US) == 100 * SECOND_US
    assert sizes.longest_us(1001 * SECOND_US, 1200 * SECOND_US) == SECOND_US


def test_what_can_not_be_split_is_taken_whole() -> None:
    for span in ((0, 2 * LEAST_US), None):
        sizes = AnswerSizes()
        assert sizes.was_too_large(span)
        assert not sizes.was_too_large(span)
        assert (sizes.maximum_bytes, sizes.longest_us(0, SECOND_US)) == (WHOLE_BYTES, SECOND_US)
