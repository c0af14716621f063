from __future__ import annotations

from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ingestor.live.reconnect import FIRST_SECONDS, HEALTHY_SECONDS, MAXIMUM_SECONDS, Reconnect


class Fixed(Random):
    """Randomness that is always the same."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def random(self) -> float:
        return self.value


def test_the_longest_delays_double_to_half_a_minute() -> None:
    reconnect = Reconnect(Fixed(1.0))
    assert [reconnect.after_failure() for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


@given(st.integers(0, 2**32), st.integers(1, 200))
def test_half_of_each_delay_is_jitter(seed: int, tries: int) -> None:
    drawn, longest = Reconnect(Random(seed)), Reconnect(Fixed(1.0))
    for _ in range(tries):
        delay, ceiling = drawn.after_failure(), longest.after_failure()
        assert ceiling / 2 <= delay <= ceiling <= MAXIMUM_SECONDS


def test_sessions_that_die_young_do_not_start_the_backoff_anew() -> None:
    reconnect = Reconnect(Fixed(1.0))
    delays = [reconnect.after_session(lived_seconds=HEALTHY_SECONDS - 1) for _ in range(4)]
    assert all(later == 2 * earlier for earlier, later in pairwise(delays))
    assert reconnect.after_session(lived_seconds=HEALTHY_SECONDS) == FIRST_SECONDS


def test_a_refusal_waits_fifteen_minutes_and_leaves_the_backoff_as_it_was() -> None:
    reconnect = Reconnect(Fixed(1.0))
    assert [reconnect.after_failure(), reconnect.after_refusal(), reconnect.after_failure()] == [0.5, 900, 1]
