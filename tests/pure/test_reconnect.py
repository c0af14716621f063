from __future__ import annotations

from random import Random

from ingestor.live.reconnect import BACKOFF, Reconnect
from ingestor.model.errors import CredentialsRefused, Unavailable
from metrics.codes import ErrorCode

AWAY = Unavailable("away", code=ErrorCode.NO_ANSWER)


class Fixed(Random):
    """Randomness that is always the same."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = value

    def random(self) -> float:
        return self.value


def test_delays_double_to_half_a_minute_and_half_of_each_is_jitter() -> None:
    longest, shortest = Reconnect(Fixed(1.0)), Reconnect(Fixed(0.0))
    assert [longest.after(AWAY) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert [shortest.after(AWAY) for _ in range(9)] == [0.25, 0.5, 1, 2, 4, 8, 15, 15, 15]


def test_sessions_that_die_young_do_not_start_the_backoff_anew() -> None:
    reconnect, healthy = Reconnect(Fixed(1.0)), BACKOFF.healthy_seconds
    lives = [healthy - 1, healthy - 1, healthy - 1, healthy]
    assert [reconnect.after(None, lived_seconds=lived) for lived in lives] == [0.5, 1, 2, 0.5]


def test_a_refusal_waits_fifteen_minutes_and_leaves_the_backoff_as_it_was() -> None:
    reconnect = Reconnect(Fixed(1.0))
    assert [reconnect.after(error) for error in (AWAY, CredentialsRefused("no"), AWAY)] == [0.5, 900, 1]
