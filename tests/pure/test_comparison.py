"""Comparing rows with keys: what is missing comes back as its event, what is accounted for does not."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hypothesis import given
from hypothesis import strategies as st

from ingestor.history.comparison import Audited, Comparison
from ingestor.history.rows import Surroundings
from ingestor.homeassistant.answers import Row
from ingestor.homeassistant.chunks import FIRST_US, MOST_US, TARGET_BYTES, Chunks
from ingestor.model.records import Event, Series

START_US = 1_795_421_403_000_000
A = "sensor.a"


def row(offset_us: int, state: str | None) -> Row:
    return Row(s=state, lu=(START_US + offset_us) / 1e6)


def compared(
    rows: list[Row], stored: Mapping[str, Collection[int]], accounted: Mapping[str, Collection[int]]
) -> tuple[list[Event], Audited]:
    series = {A: Series(home="home", entity_id=A, domain="sensor")}
    comparison = Comparison(accounted, {})
    comparison.begin(series, stored)
    events = [event for one in rows for event in comparison.take(A, one, Surroundings())]
    return events, comparison.outcome


def test_what_is_missing_comes_back_and_what_was_set_aside_does_not() -> None:
    rows = [row(0, "1"), row(10, "2"), row(10, "3"), row(20, None)]
    stored = {A: {START_US * 1000, (START_US + 10) * 1000}}
    events, outcome = compared(rows, stored, {A: {(START_US + 20) * 1000}})
    assert [(event.time_ns, event.state, event.previous_state) for event in events] == [
        ((START_US + 10) * 1000 + 1, "3", "2")
    ]
    assert outcome == Audited(compared=4, refilled=1, accounted=1)


def test_what_is_missing_in_a_window_follows_the_last_row_of_the_one_before() -> None:
    series = {A: Series(home="home", entity_id=A, domain="sensor")}
    comparison = Comparison({}, {})
    comparison.begin(series, {A: {START_US * 1000}})
    assert comparison.strangers({A: [row(0, "1")]}) == {}
    assert comparison.take(A, row(0, "1"), Surroundings()) == []
    comparison.begin(series, {})
    assert comparison.strangers({A: [row(7_200_000_000, "2")]}) == {}
    [event] = comparison.take(A, row(7_200_000_000, "2"), Surroundings())
    assert (event.previous_state, event.previous_duration_seconds) == ("1", 7200.0)


def test_the_first_row_of_an_entity_is_a_stranger_only_while_it_is_missing_and_follows_nothing() -> None:
    series = {name: Series(home="home", entity_id=name, domain="sensor") for name in (A, "sensor.b", "sensor.c")}
    comparison = Comparison({"sensor.b": {START_US * 1000}}, {})
    comparison.begin(series, {A: {(START_US + 1) * 1000}})
    rows = {A: [row(1, "1"), row(2, "2")], "sensor.b": [row(0, "1")], "sensor.c": [row(3, "1"), row(4, "2")]}
    assert comparison.strangers(rows) == {"sensor.c": row(3, "1")}
    comparison.follow("sensor.c", row(0, "0"))
    assert comparison.strangers(rows) == {}
    [event] = comparison.take("sensor.c", row(3, "1"), Surroundings())
    assert (event.previous_state, event.previous_duration_seconds) == ("0", 3e-06)
    assert comparison.outcome == Audited(compared=1, refilled=1)


@given(st.lists(st.integers(0, 20), max_size=20).map(sorted), st.sets(st.integers(0, 20)))
def test_a_second_comparison_finds_nothing(offsets: list[int], lost: set[int]) -> None:
    rows = [row(offset, str(number)) for number, offset in enumerate(offsets)]
    everything = [event.time_ns for event in compared(rows, {}, {})[0]]
    stored = {time_ns for time_ns in everything if (time_ns // 1000 - START_US) not in lost}
    again, _ = compared(rows, {A: stored}, {})
    stored |= {event.time_ns for event in again}
    assert sorted(stored) == sorted(everything)
    assert compared(rows, {A: stored}, {})[0] == []


@given(st.integers(0, 10**10), st.integers(0, 10**10), st.lists(st.integers(0, 10**8), max_size=50))
def test_chunks_cover_a_span_without_a_hole_or_an_overlap(start: int, length: int, sizes: list[int]) -> None:
    chunks = Chunks(start, start + length, lambda: 0)
    found: list[tuple[int, int | None]] = []
    for low, high in chunks:
        found.append((low, high))
        chunks.answered(sizes[len(found) - 1] if len(found) <= len(sizes) else 0)
    assert (found[0][0], found[-1][1]) == (start, start + length)
    assert [high for _, high in found[:-1]] == [low for low, _ in found[1:]]


def test_large_answers_make_the_next_span_shorter() -> None:
    chunks = Chunks(0, 100 * FIRST_US, lambda: 0)
    spans = []
    for low, high in chunks:
        spans.append((high or 0) - low)
        chunks.answered(4 * TARGET_BYTES)
        if len(spans) == 3:
            break
    assert spans == [FIRST_US, FIRST_US // 4, FIRST_US // 16]


def test_an_empty_answer_is_not_believed_before_a_longer_span_was_asked_for() -> None:
    known_us = 25 * FIRST_US  # what ends before it is answered without looking
    chunks = Chunks(0, 100 * FIRST_US, lambda: 0)
    spans: list[tuple[int, int]] = []
    for low, high in chunks:
        spans.append((low, high or 0))
        is_empty = spans[-1][1] < known_us
        chunks.answered(2 if is_empty else TARGET_BYTES, is_empty=is_empty)
    assert spans[:3] == [(0, FIRST_US), (0, 8 * FIRST_US), (0, 64 * FIRST_US)]
    assert (spans[3][0], spans[-1][1]) == (64 * FIRST_US, 100 * FIRST_US)


def test_behind_a_quiet_time_a_storm_finds_no_span_that_is_very_long() -> None:
    chunks = Chunks(0, 10 * MOST_US, lambda: 0)
    spans: list[tuple[int, int]] = []
    for low, high in chunks:
        spans.append((low, high or 0))
        chunks.answered(2)
    assert max(high - low for low, high in spans) == MOST_US
    assert [low for low, _ in spans[1:]] == [high for _, high in spans[:-1]]


def test_where_there_is_nothing_the_spans_grow_until_one_is_the_whole() -> None:
    chunks = Chunks(0, 10 * MOST_US, lambda: 0)
    spans: list[tuple[int, int]] = []
    for low, high in chunks:
        spans.append((low, high or 0))
        chunks.answered(2, is_empty=True)
    assert [low for low, _ in spans] == [0] * 5
    assert spans[-1] == (0, 10 * MOST_US)


def test_history_that_moved_with_a_rename_is_not_stored_again() -> None:
    rows = [row(0, "1"), row(10, "2"), row(20, "3")]
    stored = {"sensor.its_old_name": {START_US * 1000}, "light.of_another_domain": {(START_US + 10) * 1000}}
    events, outcome = compared(rows, stored, {})
    assert [event.time_ns for event in events] == [(START_US + 10) * 1000, (START_US + 20) * 1000]
    assert outcome == Audited(compared=3, refilled=2)  # the quarantine has nothing to do with it


def test_what_came_while_the_user_had_left_an_entity_out_is_neither_refilled_nor_in_the_quarantine() -> None:
    series = {A: Series(home="home", entity_id=A, domain="sensor")}
    comparison = Comparison({}, {A: [(START_US, START_US + 10)]})
    comparison.begin(series, {})
    rows = [row(0, "0"), row(1, "1"), row(10, "2"), row(11, "3")]
    states = [event.state for one in rows for event in comparison.take(A, one, Surroundings())]
    assert (states, comparison.outcome) == (["0", "3"], Audited(compared=4, refilled=2))
