"""How far a home's clock is behind ours, as its changes show it: the least of a session counts."""

from __future__ import annotations

from ingestor.live.clock import AGAIN_NS, Clock
from tests.servers.records import SECOND_NS, event


def heard(clock: Clock, *late: float) -> list[tuple[float, bool]]:
    """Take changes that are heard so many seconds late; return the lags that are told, and whether they open."""
    clock.begin()
    for seconds in late:
        change = event(1)
        clock.read(change, change.time_ns + int(seconds * SECOND_NS))
    notes = list(clock.notes)
    clock.accept()
    return [(note.lag_us / 1e6, note.opens) for note in notes]


def test_a_session_is_opened_by_its_first_change_and_made_more_exact_by_those_that_are_clearly_less_late() -> None:
    clock = Clock("home")
    assert heard(clock, 3.0, 2.8, 9.0, 0.4) == [(3.0, True), (0.4, False)]
    assert heard(clock, 0.3, 7.0) == []
    clock.begin()
    clock.start()
    clock.accept()
    assert heard(clock, 5.0) == [(5.0, True)]


def test_a_clock_that_is_ahead_has_a_negative_lag() -> None:
    assert heard(Clock("home"), -60.0) == [(-60.0, True)]


def test_the_least_is_told_again_after_a_while() -> None:
    clock, first, later = Clock("home"), event(1), event(1 + AGAIN_NS // SECOND_NS)
    assert heard(clock, 1.0) == [(1.0, True)]
    clock.begin()
    clock.read(later, later.time_ns + 2 * SECOND_NS)
    [note] = clock.notes
    assert (note.heard_ns, note.lag_us, note.opens) == (later.time_ns + 2 * SECOND_NS, 1_000_000, False)
    assert later.time_ns - first.time_ns == AGAIN_NS


def test_a_batch_that_was_not_accepted_is_told_of_again() -> None:
    clock = Clock("home")
    for _ in range(2):
        clock.begin()
        clock.read(event(1), event(1).time_ns)
        assert [note.opens for note in clock.notes] == [True]
    clock.accept()
    assert heard(clock, 0.0) == []
