"""Where an absence ends, in whatever order the stream, the ledger and a refill hear of it."""

from __future__ import annotations

from typing import Any

from ingestor.history.gaps import BEFORE_US, Group
from ingestor.history.ledger import Missed, OpenGap
from ingestor.history.rows import Surroundings
from ingestor.homeassistant.answers import Row
from ingestor.live.bounds import Bounds
from ingestor.model.gaps import EntityReturned, GapFound, Interval, Note
from ingestor.model.records import Series

A = "sensor.a"
SERIES = Series(home="home", entity_id=A, domain="sensor")
SECOND_US = 1_000_000
REMOVED, BACK, NEXT = 2, 3, 4
ROWS = ((1, "1"), (REMOVED, None), (BACK, "3"), (NEXT, "4"))


def absence(after: int = 1, **more: Any) -> Interval:
    given: dict[str, Any] = {"was_absent": False} | more
    return Interval(entity_id=A, series=SERIES, after_us=after * SECOND_US, captured=1, **given)


def found(gap: str, *intervals: Interval) -> GapFound:
    return GapFound(
        gap=gap, home="home", cause="closed", detail="", from_us=SECOND_US, found_ns=9, intervals=intervals, whole=True
    )


def returned(gap: str, second: int = BACK) -> EntityReturned:
    return EntityReturned(gap=gap, entity_id=A, at_us=second * SECOND_US)


def refilled(*notes: Note, gap: str = "1", recorded: int | None = None) -> tuple[list[int], bool]:
    """Return the seconds that a refill of the absence brings after these notes, and whether it is listed."""
    bounds = Bounds()
    for note in notes:
        bounds.learn(note)
    missed = Missed(id=1, interval=absence(), returned_us=recorded)
    group = Group(
        OpenGap(gap=gap, cause="closed", from_us=SECOND_US, intact=True, anchors=(), missed=(missed,)), [missed]
    )
    group.bound(bounds)
    events = [
        event for second, state in ROWS for event in group.take(A, Row(s=state, lu=float(second)), Surroundings())
    ]
    return [event.time_ns // 10**9 for event in events], bool(group.verdicts()[1])


def test_the_first_live_event_of_the_gap_ends_the_absence() -> None:
    assert refilled(found("1", absence()), returned("1")) == ([REMOVED], False)


def test_a_later_gap_with_the_same_last_captured_change_has_everything() -> None:
    back = absence(until_us=NEXT * SECOND_US, until_series=SERIES)
    assert refilled(found("1", absence()), found("2", back)) == ([], False)
    assert refilled(found("2", back)) == ([], False)  # the absence is of an earlier process


def test_a_later_gap_behind_the_refilled_removal_ends_the_absence_with_it() -> None:
    behind = found("2", absence(REMOVED, was_absent=True, until_us=NEXT * SECOND_US))
    assert refilled(found("1", absence()), behind) == ([REMOVED], False)
    assert refilled(behind) == ([REMOVED], False)


def test_a_return_in_a_later_gap_ends_the_absence_of_the_older_one() -> None:
    behind = found("2", absence(REMOVED, was_absent=True))
    assert refilled(found("1", absence()), behind, returned("2")) == ([REMOVED], False)


def test_an_older_gap_bounds_no_later_one() -> None:
    notes = (found("0", absence(0)), found("1", absence()), returned("1"))
    assert refilled(*notes) == ([REMOVED], False)


def test_the_first_of_several_returns_counts_and_what_the_ledger_knew_too() -> None:
    assert refilled(found("1", absence()), returned("1"), returned("1", NEXT)) == ([REMOVED], False)
    assert refilled(recorded=BACK * SECOND_US) == ([REMOVED], False)


def test_an_absence_that_nothing_ends_is_listed_when_its_last_row_is_no_removal() -> None:
    assert refilled(found("1", absence())) == ([REMOVED, BACK, NEXT], True)


def test_a_settled_gap_is_forgotten() -> None:
    bounds = Bounds()
    for note in (found("1", absence()), returned("1")):
        bounds.learn(note)
    bounds.forget("1")
    assert bounds.before_us("1", A) is None
    assert bounds.before_us("0", A) is None


def test_an_entity_that_is_gone_with_all_its_rows_may_have_been_renamed() -> None:
    missed = Missed(id=1, interval=absence())
    group = Group(
        OpenGap(gap="1", cause="closed", from_us=SECOND_US, intact=True, anchors=(), missed=(missed,)), [missed]
    )
    assert (group.vanished, group.verdicts()[0]) == ([(A, SECOND_US)], [])
    group.rename(A)
    assert group.verdicts() == ([1], {})


def test_an_entity_of_which_there_is_a_row_was_not_renamed() -> None:
    missed = Missed(id=1, interval=absence())
    group = Group(
        OpenGap(gap="1", cause="closed", from_us=SECOND_US, intact=True, anchors=(), missed=(missed,)), [missed]
    )
    group.take(A, Row(s="1", lu=1.0), Surroundings())
    assert group.vanished == []


def test_the_first_row_of_a_new_id_tells_what_was_before_it_under_the_old_one() -> None:
    new = Interval(entity_id="sensor.new", series=SERIES, until_us=NEXT * SECOND_US, until_series=SERIES)
    both = [Missed(id=1, interval=absence()), Missed(id=2, interval=new)]
    gap = OpenGap(gap="1", cause="closed", from_us=BACK * SECOND_US, intact=True, anchors=(), missed=tuple(both))
    group = Group(gap, both[1:])
    rows = [Row(s=str(second), lu=float(second)) for second in (1, BACK, NEXT)]
    told = [event.previous_state for row in rows for event in group.take("sensor.new", row, Surroundings())]
    assert (group.start_us, told) == (SECOND_US - BEFORE_US, ["3"])
