"""The arithmetic of gaps against a model: captured and refilled together are the truth, nothing doubled or invented."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec import Raw, Struct
from msgspec.structs import replace

from ingestor.enrichment.attributes import Attributes
from ingestor.enrichment.series import redescribe
from ingestor.enrichment.values import value
from ingestor.history.gaps import Group, Track
from ingestor.history.ledger import Missed, OpenGap
from ingestor.history.rows import Surroundings, Timeline
from ingestor.homeassistant.answers import Row
from ingestor.model.gaps import Interval
from ingestor.model.records import Event, Series

START_US = 1_795_421_403_000_000
SERIES = Series(home="home", entity_id="sensor.a", domain="sensor", area="Attic")


class Change(Struct, frozen=True):
    """One change of an entity; no state is a removal."""

    at_us: int
    state: str | None


class Cut(Struct, frozen=True):
    """A history, of which the changes from `first` to before `last` were missed."""

    history: list[Change]
    first: int
    last: int


@st.composite
def cuts(draw: st.DrawFn) -> Cut:
    """Draw a history of an entity that comes and goes, with several changes in one microsecond, and a cut in it."""
    history: list[Change] = []
    at_us, present = START_US, False
    for step in draw(st.lists(st.integers(0, 3), min_size=1, max_size=30)):
        at_us += step if history and present else step + 1  # an entity does not come back in the microsecond it went
        present = not present or draw(st.integers(0, 3)) > 0
        history.append(Change(at_us, str(len(history)) if present else None))
        at_us += 0 if present else 1
    first = draw(st.integers(0, len(history)))
    return Cut(history, first, draw(st.integers(first, len(history))))


def row(change: Change) -> Row:
    return Row(s=change.state, lu=datetime.fromtimestamp(0, UTC).timestamp() + change.at_us / 1e6)


def keys(history: list[Change]) -> list[tuple[int, str | None]]:
    """Return time in nanoseconds and state of each change, those of one microsecond a nanosecond apart."""
    seen: dict[int, int] = defaultdict(int)
    found = []
    for change in history:
        found.append((change.at_us * 1000 + seen[change.at_us], change.state))
        seen[change.at_us] += 1
    return found


def interval(cut: Cut) -> Interval:
    """Return what the chain says of the cut, from what was captured before it and what it ended with."""
    captured, missed = cut.history[: cut.first], cut.history[cut.first : cut.last]
    before = captured[-1] if captured else None
    until = missed[-1] if missed else before
    present = until is not None and until.state is not None
    return Interval(
        entity_id="sensor.a",
        series=SERIES,
        after_us=before.at_us if before else None,
        captured=sum(change.at_us == before.at_us for change in captured) if before else 0,
        was_absent=before is None or before.state is None,
        until_us=until.at_us if until and present else None,
        until_series=SERIES if present else None,
    )


def refilled(cut: Cut, missed: Interval) -> tuple[dict[int, str | None], Track]:
    """Return what a store holds after live events, the restored last state, and the refill."""
    rest = cut.history[cut.last :]
    stored = dict(keys(cut.history)[: cut.first])
    if missed.until_us is not None:
        until = cut.history[cut.last - 1]
        stored[until.at_us * 1000] = until.state
    stored.update(keys(cut.history)[cut.last :])
    track = Track(missed, START_US, rest[0].at_us if rest and missed.until_us is None else None)
    for change in cut.history:
        for event in track.take(row(change), Surroundings()):
            if event.state is not None or event.removed:
                stored[event.time_ns] = event.state
            else:
                assert event.time_ns in stored
    return stored, track


@given(cut=cuts())
@settings(max_examples=2000)
def test_captured_and_refilled_together_are_the_truth(cut: Cut) -> None:
    captured, missed, live = cut.history[: cut.first], cut.history[cut.first : cut.last], cut.history[cut.last :]
    assume(missed)
    assume(not (captured and captured[-1].at_us == missed[-1].at_us))  # the chain cannot see a gap in a microsecond
    assume(not (live and live[0].at_us == missed[-1].at_us))  # nor tell the two sides of a cut within one
    stored, track = refilled(cut, interval(cut))
    assert stored == dict(keys(cut.history))
    assert track.verdict(intact=True) is None


@given(cut=cuts())
@settings(max_examples=500)
def test_refilling_twice_gives_the_same_points(cut: Cut) -> None:
    missed = interval(cut)
    rows = [row(change) for change in cut.history]
    assert taken(missed, *rows)[0] == taken(missed, *rows)[0]


def taken(missed: Interval, *rows: Row) -> tuple[list[Event], Track]:
    track = Track(missed, START_US)
    return [event for one in rows for event in track.take(one, Surroundings())], track


def at(number: int, state: str | None, attributes: bytes = b"{}") -> Row:
    return Row(s=state, lu=(START_US + number * 1_000_000) / 1e6, a=Raw(attributes))


BETWEEN = Interval(
    entity_id="sensor.a",
    series=SERIES,
    after_us=START_US,
    captured=1,
    was_absent=False,
    until_us=START_US + 3_000_000,
    until_series=SERIES,
)


def test_a_row_tells_what_was_before_it_and_the_last_one_leaves_the_richer_attributes() -> None:
    known = b'{"unit_of_measurement":"kW"}'
    events, track = taken(BETWEEN, at(0, "1"), at(2, "2", known), at(3, "3", known))
    assert [(e.state, e.previous_state, e.previous_duration_seconds) for e in events] == [("2", "1", 2), ("3", "2", 1)]
    assert [(e.value, e.attributes) for e in events] == [(2000, known.decode()), (3000, None)]
    assert (track.refilled, track.verdict(intact=True)) == (2, None)


def test_a_last_row_without_attributes_says_no_value_in_a_unit_that_it_does_not_know() -> None:
    in_watts = replace(BETWEEN, until_series=replace(SERIES, unit="W"))
    events, _ = taken(in_watts, at(0, "1"), at(3, "3"))
    assert [(e.state, e.value, e.attributes) for e in events] == [("3", None, None)]


def test_an_interval_without_its_last_state_is_listed_with_the_reason() -> None:
    assert "not its last state" in str(taken(BETWEEN, at(0, "1"), at(2, "2"))[1].verdict(intact=True))
    assert "nothing of this entity" in str(taken(BETWEEN)[1].verdict(intact=True))


def test_the_first_state_of_a_start_has_no_row_and_is_not_listed() -> None:
    assert taken(BETWEEN, at(0, "1"), at(2, "2"))[1].verdict(intact=False) is None
    assert "nothing of this entity" in str(taken(BETWEEN)[1].verdict(intact=False))


def test_what_home_assistant_says_of_an_entity_is_the_reason_where_it_has_nothing_of_it() -> None:
    reasons = []
    for is_recorded in (None, False, True):
        track = taken(BETWEEN)[1]
        track.is_recorded = is_recorded
        reasons.append(str(track.verdict(intact=True)))
    assert all(
        words in reason for words, reason in zip(("is it excluded", "include it", "purged?"), reasons, strict=True)
    )
    assert len({*reasons}) == 3


def test_what_a_recorder_with_a_new_database_does_not_have_is_listed_though_the_last_state_is_there() -> None:
    whole = (at(2, "2"), at(3, "3"))
    assert taken(BETWEEN, *whole)[1].verdict(intact=False) is None
    assert "begins after this" in str(taken(BETWEEN, *whole)[1].verdict(intact=False, begins_later=True))
    unknown = Interval(entity_id="sensor.a", series=SERIES, after_us=None, until_us=BETWEEN.until_us)
    assert taken(unknown, *whole)[1].verdict(intact=False, begins_later=True) is None


def test_an_interval_over_a_clock_that_was_set_back_is_listed() -> None:
    back = Interval(entity_id="sensor.a", series=SERIES, after_us=START_US, captured=1, until_us=START_US - 5)
    assert "clock" in str(taken(back, at(0, "1"))[1].verdict(intact=True))


def test_an_absence_without_a_removal_is_listed_unless_the_home_restarted() -> None:
    gone = Interval(entity_id="sensor.a", series=SERIES, after_us=START_US, captured=1, was_absent=False)
    _, track = taken(gone, at(0, "1"), at(1, "2"))
    assert ("removal" in str(track.verdict(intact=True)), track.verdict(intact=False)) == (True, None)


GONE = Interval(
    entity_id="sensor.a",
    series=SERIES,
    after_us=START_US,
    captured=1,
    was_absent=False,
    lacked_us=START_US + 9_000_000,
)
ENDS: dict[str, tuple[Interval, list[Row], list[tuple[int, str | None]]]] = {  # what is missed, its rows, the removal
    "it was there": (GONE, [at(0, "1"), at(4, "2")], [(9, "2")]),
    "nothing was missed before it went": (GONE, [at(0, "1")], [(9, "1")]),
    "the recorder has forgotten it": (GONE, [], [(9, None)]),
    "the recorder says when it went": (GONE, [at(0, "1"), at(4, None)], []),
    "it came and went": (replace(GONE, was_absent=True), [at(4, "2")], [(9, "2")]),
    "it was gone before": (replace(GONE, was_absent=True), [at(0, "1")], []),
    "it is there": (BETWEEN, [at(0, "1"), at(3, "3")], []),
    "no snapshot has said so": (replace(GONE, lacked_us=None), [at(0, "1")], []),
    "nothing else has changed since": (replace(GONE, lacked_us=START_US - 5), [at(0, "1"), at(4, "2")], [(4, "2")]),
}


@pytest.mark.parametrize("name", ENDS)
def test_an_entity_that_a_restart_did_not_bring_back_is_removed_when_a_snapshot_lacks_it(name: str) -> None:
    missed, rows, expected = ENDS[name]
    _, track = taken(missed, *rows)
    found = track.removal()
    assert [(one.at_us // 10**6 - START_US // 10**6, one.previous_state) for one in found] == expected
    assert [(one.removed, one.state, one.series) for one in found] == [(True, None, SERIES)] * len(expected)
    track.bound(START_US + 10_000_000)
    assert track.removal() == []  # it was only late


@pytest.mark.parametrize(
    ("intact", "clock_has_passed", "expected"),
    [(False, True, 1), (False, False, 0), (True, True, 0)],
    ids=["a restart", "a clock that is behind, for which nothing is told", "no restart, so that each was told"],
)
def test_a_removal_that_was_not_told_takes_a_restart_and_a_recorder_that_tells_what_was_before(
    expected: int, *, intact: bool, clock_has_passed: bool
) -> None:
    missed = (Missed(id=1, interval=GONE, returned_us=None),)
    gap = OpenGap(gap="home:1", cause="closed", from_us=START_US, intact=intact, anchors=(), missed=missed)
    group = Group(gap, missed, clock_has_passed=clock_has_passed)
    group.take("sensor.a", at(0, "1"), Surroundings())
    assert len(group.removals()) == expected


def attributes_only(number: int, state: str, changed: int) -> Row:
    return Row(s=state, lu=at(number, state).lu, lc=at(changed, state).lu)


def test_a_row_whose_state_changed_when_there_is_no_row_proves_that_one_is_missing() -> None:
    _, track = taken(BETWEEN, at(0, "1"), attributes_only(3, "3", 2))
    assert "no row of 2026-11-23T08:10:05.000+00:00" in str(track.verdict(intact=True))
    assert (track.lacking_us, taken(BETWEEN, at(0, "1"))[1].lacking_us) == (START_US + 2_000_000, BETWEEN.until_us)
    assert track.verdict(intact=False) is None  # the recorder hears nothing of the first states of a start


def test_a_row_whose_state_changed_at_a_row_before_it_proves_nothing() -> None:
    _, track = taken(BETWEEN, attributes_only(0, "1", -9), attributes_only(1, "1", -9), at(2, "2"))
    events, whole = taken(BETWEEN, at(0, "1"), attributes_only(1, "1", 0), at(2, "2"), attributes_only(3, "2", 2))
    assert (len(events), whole.verdict(intact=True), whole.lacking_us) == (3, None, None)
    assert "not its last state" in str(track.verdict(intact=True))


def test_tags_come_from_the_row_but_large_attributes_leave_them() -> None:
    known = Series(home="home", entity_id="sensor.a", domain="sensor", area="Attic", unit="°C", friendly_name="A")
    fresh = redescribe(known, Raw('{"unit_of_measurement":"kW","friendly_name":"B"}'), Attributes())
    tags = fresh.series
    assert (tags.unit, tags.friendly_name, tags.area, value("2", fresh.reading)) == ("W", "B", "Attic", 2000)
    large = redescribe(known, Raw("{}"), Attributes())
    assert (large.series, value("20.5", large.reading)) == (known, None)


def test_persons_at_home_are_counted_at_any_time() -> None:
    line = Timeline({"person.a": [at(0, "home"), at(4, "away")], "person.b": [at(2, "home"), at(6, None)]})
    counts = [line.persons_home(START_US + second * 1_000_000) for second in (-1, 0, 1, 2, 4, 6)]
    assert counts == [0, 1, 1, 2, 1, 0]
    assert Timeline({}).persons_home(START_US) is None
    assert Timeline({"person.a": [at(0, "unknown")]}).persons_home(START_US) is None


def test_what_was_before_an_entity_of_which_nothing_is_known_any_more_is_told_by_the_recorder() -> None:
    until = Change(START_US + 5, "2")
    track = Track(Interval(entity_id=SERIES.entity_id, series=SERIES, until_us=until.at_us), START_US)
    track.follow(row(Change(START_US - 100, "1")))
    [event] = track.take(row(until), Surroundings())
    assert (event.state, event.previous_state, track.refilled) == ("2", "1", 1)
    assert track.verdict(intact=True) is None
