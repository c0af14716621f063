from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ingestor.model import instants
from ingestor.model.instants import FIRST_US, LAST_US, ORDINALS

TIMES = st.integers(FIRST_US, LAST_US)
CHANGES = st.tuples(TIMES, st.integers(0, ORDINALS - 1))
INFLUXDB_FIRST_NS, INFLUXDB_LAST_NS = -9223372036854775806, 9223372036854775806


@given(TIMES)
@example(FIRST_US)
@example(LAST_US)
@example(-1)
def test_a_time_is_the_same_as_a_moment_as_text_and_in_nanoseconds(at_us: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    assert instants.moment(at_us) == moment
    assert instants.microseconds(moment) == at_us
    assert instants.to_us(instants.to_ns(at_us)) == at_us
    written = instants.text(at_us)
    assert (len(written), written[-6:], datetime.fromisoformat(written)) == (32, "+00:00", moment)


@given(CHANGES, CHANGES)
def test_two_changes_never_share_a_place_and_keep_their_order(one: tuple[int, int], other: tuple[int, int]) -> None:
    places = [instants.change_ns(*change) for change in (one, other)]
    assert [instants.split(place) for place in places] == [one, other]
    assert [instants.to_us(place) for place in places] == [one[0], other[0]]
    assert (places[0] < places[1]) is (one < other)


@pytest.mark.parametrize(
    ("at_us", "ordinal"), [(FIRST_US - 1, 0), (LAST_US + 1, 0), (2**80, 0), (0, -1), (0, ORDINALS)]
)
def test_a_change_without_a_place_is_refused(at_us: int, ordinal: int) -> None:
    with pytest.raises(ValueError, match=f"change {ordinal} of the microsecond {at_us}"):
        instants.change_ns(at_us, ordinal)


def test_the_first_and_the_last_time_fit_every_database() -> None:
    assert instants.change_ns(FIRST_US, 0) >= INFLUXDB_FIRST_NS
    assert instants.change_ns(LAST_US, ORDINALS - 1) <= INFLUXDB_LAST_NS
    assert instants.text(FIRST_US) == "1677-09-21T00:12:43.145226+00:00"
    assert instants.text(LAST_US) == "2262-04-11T23:47:16.854774+00:00"


@given(st.integers(0, 4 * 10**15))
def test_the_seconds_of_home_assistant_lose_no_microsecond(at_us: int) -> None:
    assert instants.of_seconds(instants.moment(at_us).timestamp()) == at_us


def test_the_text_may_be_cut_to_milliseconds() -> None:
    assert instants.text(1_769_860_800_123_999, "milliseconds") == "2026-01-31T12:00:00.123+00:00"
