from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from ingestor.model.backoff import Delays
from ingestor.model.errors import CredentialsRefused, Damaged, IngestorError, RemoteProtocolError, Unavailable
from metrics.codes import ErrorCode
from supervisors import Backoff

PLAIN = Backoff(initial_seconds=1, maximum_seconds=10, factor=3, jitter=0, healthy_seconds=60)
AWAY = Unavailable("away", code=ErrorCode.NO_ANSWER)


def test_delays_grow_to_the_cap_and_begin_anew_after_success() -> None:
    delays = Delays(PLAIN, Random(1))
    assert [delays.after(error) for error in (AWAY, None, RemoteProtocolError("what?"), AWAY)] == [1, 3, 9, 10]
    delays.succeeded()
    assert delays.after(AWAY) == 1


def test_only_a_healthy_life_begins_anew() -> None:
    delays = Delays(PLAIN, Random(1))
    assert [delays.after(AWAY, lived_seconds=lived) for lived in (0, 59, 60, 59)] == [1, 3, 1, 3]


def test_an_error_of_the_table_has_its_own_delay_and_is_not_counted() -> None:
    delays = Delays(PLAIN, Random(1), {CredentialsRefused: 900, Damaged: 7, IngestorError: 5})
    assert [delays.after(CredentialsRefused("no")), delays.after(Damaged("gone")), delays.after(AWAY)] == [900, 7, 5]
    assert delays.after() == 1


def test_the_remote_s_own_wish_lengthens_a_delay_and_never_shortens_it() -> None:
    wishes = [Unavailable("busy", code=ErrorCode.OVERLOADED, retry_after_seconds=wish) for wish in (77, 2, None)]
    delays = Delays(PLAIN, Random(1))
    assert [delays.after(wish) for wish in wishes] == [77, 3, 9]


def test_a_wish_to_come_back_in_a_hundred_years_is_not_granted() -> None:
    for wish in (3e9, float("inf")):
        assert Delays(PLAIN, Random(1)).after(Unavailable("", code=AWAY.code, retry_after_seconds=wish)) == 300


@given(st.integers(0, 2**32), st.integers(1, 200), st.floats(0, 0.99), st.floats(1, 100))
def test_jitter_shortens_a_delay_by_its_share_at_most(seed: int, tries: int, jitter: float, factor: float) -> None:
    drawn = Delays(Backoff(maximum_seconds=30, factor=factor, jitter=jitter), Random(seed))
    longest = Delays(Backoff(maximum_seconds=30, factor=factor, jitter=0), Random(seed))
    for _ in range(tries):
        delay, ceiling = drawn.after(AWAY), longest.after(AWAY)
        assert ceiling * (1 - jitter) <= delay <= ceiling <= 30
