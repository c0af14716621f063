"""How far a home's clock is behind ours, as its changes show it: the least of a session counts."""

from __future__ import annotations

from ingestor.live.clock import AGAIN_NS, read_clock
from ingestor.model.gaps import ClockRead
from tests.servers.records import SECOND_NS, START_NS


def noted(*late: float, before: ClockRead | None = None) -> list[tuple[float, bool]]:
    """Take changes of one moment that are heard so many seconds late; return the lags noted, and whether they open."""
    found: list[tuple[float, bool]] = []
    for seconds in late:
        note = read_clock("home", before, START_NS, START_NS + int(seconds * SECOND_NS))
        if note is not None:
            before = note
            found.append((note.lag_us / 1e6, note.opens))
    return found


def test_a_session_is_opened_by_its_first_change_and_made_more_exact_by_those_that_are_clearly_less_late() -> None:
    assert noted(3.0, 2.8, 9.0, 0.4, 0.3, 7.0) == [(3.0, True), (0.4, False)]


def test_a_clock_that_is_ahead_has_a_negative_lag() -> None:
    assert noted(-60.0) == [(-60.0, True)]


def test_the_least_is_noted_again_after_a_while() -> None:
    first = ClockRead(home="home", heard_ns=START_NS + SECOND_NS, lag_us=1_000_000, opens=True)
    heard_ns = first.heard_ns + AGAIN_NS
    assert read_clock("home", first, heard_ns - 2 * SECOND_NS - 1, heard_ns - 1) is None
    note = read_clock("home", first, heard_ns - 2 * SECOND_NS, heard_ns)
    assert note == ClockRead(home="home", heard_ns=heard_ns, lag_us=1_000_000, opens=False)
