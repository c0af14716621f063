"""A recorder that was silent on its own is told from a home that was."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest

from ingestor.history.silences import Rhythm

SECOND_US = 1_000_000
FROM_US = 1_795_421_403_000_000
DISABLED = (4.0, 6.5)


def silence(
    times: Iterable[float], seconds: float = 10, lacking: Iterable[float] = (), ahead: float = 0
) -> tuple[float, float] | None:
    """Return the silence in seconds from the start of a gap."""
    to_us = FROM_US + int(seconds * SECOND_US)
    rhythm = Rhythm(FROM_US, to_us)
    for at in times:
        rhythm.note(FROM_US + int(at * SECOND_US))
    rhythm.lack(FROM_US + int(at * SECOND_US) for at in lacking)
    found = [tuple((at - FROM_US) / SECOND_US for at in (one.from_us, one.to_us)) for one in rhythm.silences()]
    assert len(found) <= 1
    return (found[0][0], found[0][1]) if found else None


def steady(rate: float, seconds: float = 10) -> list[float]:
    """Return the times of changes that come of themselves, as those of many entities together."""
    random = Random(7)
    at, found = 0.0, []
    while (at := at + random.expovariate(rate)) < seconds:
        found.append(at)
    return found


def without(times: Iterable[float], begin: float, end: float) -> list[float]:
    return [at for at in times if not begin <= at < end]


def test_one_change_that_is_known_proves_a_long_silence() -> None:
    disabled = without(steady(100), *DISABLED)
    assert silence(disabled, lacking=[5]) == pytest.approx(DISABLED, abs=0.15)
    assert silence(without(steady(100), 0.0, 3.0), lacking=[1]) == pytest.approx((0, 3), abs=0.15)
    assert silence(without(steady(100), 7.0, 10.0), lacking=[10]) == pytest.approx((7, 10), abs=0.15)


@pytest.mark.parametrize("lacking", [4.004, 5, 6.546])
def test_it_lasts_from_the_last_row_to_the_first_one_and_a_change_right_behind_or_before_them_proves_it(
    lacking: float,
) -> None:
    rows = [*without(steady(100), 3.9, 6.7), 4.001, 6.549]  # whose bins have nothing else
    assert silence(rows, lacking=[lacking]) == pytest.approx((4.001, 6.549), abs=1e-6)


def test_a_silence_in_which_no_change_is_known_is_the_homes_own() -> None:
    assert silence(without(steady(100), *DISABLED)) is None
    assert silence(without(steady(100), *DISABLED), lacking=[3, 7]) is None


def test_a_single_change_in_a_usual_silence_may_lack_for_itself() -> None:
    slow = without(steady(1, 600), 300, 304)
    assert silence(slow, 600, lacking=[302]) is None
    assert silence(without(steady(1, 600), 300, 340), 600, lacking=[302]) == pytest.approx((300, 340), abs=3)


def test_a_burst_does_not_make_the_usual_a_silence() -> None:
    burst = [2 + step / 10_000 for step in range(5000)]
    slow = without(steady(5, 60), 30, 31.5)
    assert silence([*slow, *burst], 60, lacking=[30.5]) is None


def test_several_changes_that_are_known_prove_even_a_short_silence() -> None:
    few = [0.1, 0.5, 0.9, 1.3, 1.7, 2.2]
    assert silence(few, 3, lacking=[1.8, 1.9, 2.1]) == pytest.approx((1.7, 2.2), abs=0.1)
    assert silence(few, 3, lacking=[2.5, 2.7, 3.0]) == pytest.approx((2.2, 3), abs=0.1)
    assert silence(few, 3, lacking=[1.8, 2.1]) is None
    assert silence([], 3, lacking=[1, 2, 3]) == pytest.approx((0, 3), abs=0.1)


def test_what_is_outside_the_gap_does_not_count() -> None:
    assert silence([*steady(100), 14.0], 10, lacking=[12]) is None
    assert silence([], 0) is None
