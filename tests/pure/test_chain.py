"""The chain in the stream: what was missed becomes an interval, exactly once, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from ingestor.live.entities import Entities
from ingestor.live.frames import CommandSent, Frame, HomeMessage, SessionStarted
from ingestor.live.selection import Selection
from ingestor.live.stream import Stream, Taken
from ingestor.model.gaps import EntityReturned, GapFound, Interval, LeftOut
from ingestor.model.records import Event, Series, Watermark
from metrics import facts
from tests.servers.changes import change, frame_of, state
from tests.servers.records import SECOND_NS, START_NS

A, B = "sensor.a", "sensor.b"


class Home:
    """A stream over what an earlier process captured."""

    def __init__(self, *, include: str = "*", exclude: str = "", **captured: tuple[int, bool]) -> None:
        self.marks = {
            f"sensor.{name}": Watermark(at_ns=START_NS + number * SECOND_NS, removed=removed, series=series(name))
            for name, (number, removed) in captured.items()
        }
        self.stream = Stream(
            "home", Entities(Selection([include], [exclude] if exclude else [])), captured=self.marks.values
        )

    def session(
        self,
        *parts: HomeMessage,
        snapshot: Sequence[dict[str, Any]] | None,
        session: int = 1,
        received_at_ns: int = 7,
        results: dict[str, Raw] | None = None,
    ) -> Taken:
        """Take a session: its start, these parts, and the snapshot behind them."""
        messages = [SessionStarted(session=session, at_ns=session, results=results or {}, cause="closed"), *parts]
        if snapshot is not None:
            answer = {"type": "result", "id": 20, "success": True, "result": snapshot}
            heard = Frame(session=session, received_at_ns=received_at_ns, text=json.dumps(answer))
            messages += [CommandSent(session=session, id=20, command="states"), heard]
        return self.take(*messages)

    def take(self, *messages: HomeMessage) -> Taken:
        first = self.stream.take(list(messages))
        again = self.stream.take(list(messages))
        assert (again.records, again.notes) == (first.records, first.notes)
        self.stream.accept()
        return again


def series(name: str) -> Series:
    return Series(home="home", entity_id=f"sensor.{name}", domain="sensor")


def text(content: str) -> Frame:
    return Frame(session=1, received_at_ns=7, text=content)


def changed(number: int, before: int | None, entity_id: str = A, said: str | None = "") -> Frame:
    old = None if before is None else state(before, str(before)) | {"entity_id": entity_id}
    return text(frame_of(change(number, said, entity_id=entity_id, old=old)))


def now(number: int, entity_id: str = A) -> dict[str, Any]:
    return state(number, str(number)) | {"entity_id": entity_id}


def gaps(taken: Taken) -> list[GapFound]:
    return [note for note in taken.notes if isinstance(note, GapFound)]


def second(at_us: int | None) -> int | None:
    return None if at_us is None else at_us // 1_000_000 - START_NS // SECOND_NS


def missed(taken: Taken) -> list[tuple[str, int | None, int | None]]:
    """Return the intervals in short: entity, last captured, last missed."""
    found: list[Interval] = [interval for gap in gaps(taken) for interval in gap.intervals]
    return sorted((one.entity_id, second(one.after_us), second(one.until_us)) for one in found)


def stored(taken: Taken) -> list[tuple[str, int | None]]:
    events = [record for record in taken.records if isinstance(record, Event)]
    return [(event.series.entity_id, second(event.time_ns // 1000)) for event in events]


def test_the_first_start_stores_the_snapshot_and_misses_nothing() -> None:
    taken = Home().session(changed(3, 2), snapshot=[now(3), now(1, B)])
    assert stored(taken) == [(A, 2), (A, 3), (B, 1)]
    [gap] = gaps(taken)
    assert (gap.cause, gap.whole, gap.intervals) == ("first_start", True, ())


def test_an_unbroken_session_has_a_whole_gap_without_intervals() -> None:
    taken = Home(a=(1, False), b=(0, False)).session(changed(2, 1), snapshot=[now(2), now(0, B)])
    [gap] = gaps(taken)
    assert (missed(taken), gap.whole, second(gap.from_us), second(gap.intact_since_us)) == ([], True, 1, 0)
    assert [(fact.links, fact.broken) for fact in taken.reports if isinstance(fact, facts.ChangesReceived)] == [(1, 0)]


def test_a_change_before_the_cut_that_does_not_follow_names_what_was_missed() -> None:
    taken = Home(a=(1, False), b=(0, False)).session(changed(5, 4), snapshot=[now(5), now(0, B)])
    assert (missed(taken), stored(taken)) == ([(A, 1, 4)], [(A, 4), (A, 5)])
    assert [gap.gap for gap in gaps(taken)] == ["home:1"]


def test_the_snapshot_names_what_was_missed_of_entities_that_are_silent_now() -> None:
    taken = Home(a=(1, False), b=(0, False)).session(snapshot=[now(4), now(0, B)])
    assert (missed(taken), stored(taken)) == ([(A, 1, 4)], [(A, 4)])


def test_an_entity_that_is_gone_was_removed_unseen_and_comes_back_without_a_new_gap() -> None:
    home = Home(a=(1, False), b=(0, False))
    assert missed(home.session(snapshot=[now(0, B)])) == [(A, 1, None)]
    taken = home.take(changed(9, None))
    assert (missed(taken), stored(taken)) == ([], [(A, 9)])
    [note] = [note for note in taken.notes if isinstance(note, EntityReturned)]
    assert (note.gap, note.entity_id, second(note.at_us)) == ("home:1", A, 9)


@pytest.mark.parametrize(("snapshot", "lacked"), [([now(0, B)], 0), ([], 7)])
def test_an_entity_that_is_gone_was_lacked_by_a_snapshot_of_a_home_that_has_no_state_yet_too(
    snapshot: list[dict[str, Any]], lacked: int
) -> None:
    taken = Home(a=(1, False)).session(snapshot=snapshot, received_at_ns=START_NS + 7 * SECOND_NS)
    assert {one.entity_id: second(one.lacked_us) for one in gaps(taken)[0].intervals}[A] == lacked


def test_a_known_removed_entity_is_asked_for_too_for_it_may_have_come_and_gone() -> None:
    taken = Home(a=(1, True), b=(0, False)).session(snapshot=[now(0, B)])
    assert missed(taken) == [(A, 1, None)]
    assert gaps(taken)[0].intervals[0].was_absent
    assert not [fact for fact in taken.reports if isinstance(fact, facts.ChangesReceived)]


def test_an_entity_that_is_new_was_created_unseen() -> None:
    assert missed(Home(b=(0, False)).session(snapshot=[now(4), now(0, B)])) == [(A, None, 4)]


def test_a_broken_link_on_a_healthy_connection_is_a_gap_of_its_own() -> None:
    home = Home(a=(1, False))
    home.session(snapshot=[now(1)])
    taken = home.take(changed(4, 3))
    [gap] = gaps(taken)
    assert (gap.cause, gap.whole, missed(taken)) == ("broken_link", True, [(A, 1, 3)])
    assert missed(home.take(changed(5, 4))) == []


def test_gaps_one_after_the_other_are_disjoint() -> None:
    home = Home(a=(1, False))
    assert missed(home.session(changed(4, 3), snapshot=None)) == [(A, 1, 3)]
    assert missed(home.session(changed(9, 8), snapshot=[now(9)], session=2)) == [(A, 4, 8)]


def test_a_home_that_restarted_can_not_prove_otherwise() -> None:
    taken = Home(a=(1, False), b=(0, False)).session(snapshot=[now(5), now(6, B)])
    assert [(gap.cause, gap.intact_since_us) for gap in gaps(taken)] == [("home_restart", None)]


@pytest.mark.parametrize(("heard", "begins"), [([], 900), ([changed(5, 4, B)], 5)])
def test_a_gap_begins_with_what_was_heard_last_where_the_clock_is_behind_what_was_captured(
    heard: list[Frame], begins: int
) -> None:
    home = Home(a=(900, False), b=(4, False))
    home.session(*heard, snapshot=[now(900), now(5 if heard else 4, B)])
    [gap] = gaps(home.session(snapshot=[now(900), now(8, B), now(7, "sensor.c")], session=2))
    assert (second(gap.from_us), gap.anchors[0][0]) == (begins, A)


def test_what_was_said_already_breaks_no_link() -> None:
    home = Home(a=(1, False))
    home.session(changed(2, 1), snapshot=[now(2)])
    assert (missed(home.take(changed(2, 1))), missed(home.take(changed(3, 2)))) == ([], [])


BAD_STATES: dict[str, dict[str, Any]] = {
    "a state that is a number": {"state": 3},
    "no moment": {"last_updated": None},
    "a moment without a time zone": {"last_updated": "2026-01-01T00:00:00"},
    "a moment that no database can hold": {"last_updated": "9999-01-01T00:00:00+00:00"},
    "attributes that are a list": {"attributes": [1]},
}


@pytest.mark.parametrize("name", BAD_STATES)
def test_a_state_of_the_snapshot_that_can_not_be_read_is_neither_here_nor_gone_and_costs_no_other(name: str) -> None:
    home = Home(a=(1, False), b=(0, False), c=(0, True))
    taken = home.session(snapshot=[now(4), now(3, B) | BAD_STATES[name], now(2, "sensor.d") | BAD_STATES[name]])
    assert (missed(taken), stored(taken)) == ([(A, 1, 4), ("sensor.c", 0, None)], [(A, 4)])
    [gap] = gaps(taken)
    assert (gap.whole, gap.intact_since_us) == (True, None)
    ignored = [fact for fact in taken.reports if isinstance(fact, facts.MessageIgnored)]
    assert [(fact.code, fact.detail.split(": ")[0]) for fact in ignored] == [
        ("malformed_state", B),
        ("malformed_state", "sensor.d"),
    ]
    assert missed(home.take(changed(5, 3, B))) == [(B, 0, 3)]


def test_registries_are_learned_before_the_first_state_is_restored() -> None:
    home = Home()
    entity = {"entity_id": A, "area_id": "attic", "platform": "test"}
    results = {"areas": [{"area_id": "attic", "name": "Attic"}], "entities": [entity]}
    raw = {name: Raw(json.dumps(result).encode()) for name, result in results.items()}
    taken = home.take(SessionStarted(session=1, at_ns=1, results=raw), changed(3, 2))
    assert {record.series.area for record in taken.records if isinstance(record, Event)} == {"Attic"}


def test_an_absent_entity_that_is_created_before_the_cut_may_have_come_and_gone_before() -> None:
    taken = Home(a=(1, True), b=(0, False)).session(changed(5, None), snapshot=[now(5), now(0, B)])
    [returned] = [note for note in taken.notes if isinstance(note, EntityReturned)]
    assert (missed(taken), stored(taken)) == ([(A, 1, None)], [(A, 5)])
    assert (returned.entity_id, second(returned.at_us)) == (A, 5)
    assert [fact.broken for fact in taken.reports if isinstance(fact, facts.ChangesReceived)] == [0]


def test_an_entity_that_was_never_captured_and_is_created_before_the_cut_may_have_come_and_gone_before() -> None:
    taken = Home(b=(0, False)).session(changed(5, None), snapshot=[now(5), now(0, B)])
    [interval] = gaps(taken)[0].intervals
    assert (missed(taken), stored(taken), returns(taken)) == ([(A, None, None)], [(A, 5)], [("home:1", A, 5)])
    assert (interval.was_absent, interval.series.entity_id) == (True, A)


def test_an_entity_that_is_created_behind_the_cut_proves_by_that_that_nothing_is_missing() -> None:
    home = Home(a=(1, True), b=(0, False))
    home.session(snapshot=[now(0, B)])
    assert missed(home.take(changed(5, None))) == []


def returns(taken: Taken) -> list[tuple[str, str, int | None]]:
    """Return which absences ended, in short: gap, entity, first live event."""
    notes = [note for note in taken.notes if isinstance(note, EntityReturned)]
    return [(note.gap, note.entity_id, second(note.at_us)) for note in notes]


def test_a_removal_that_was_missed_ends_with_a_creation_that_is_heard_before_the_cut() -> None:
    taken = Home(a=(1, False), b=(0, False)).session(changed(5, None), snapshot=[now(5), now(0, B)])
    assert (missed(taken), returns(taken)) == ([(A, 1, None)], [("home:1", A, 5)])


def test_a_removal_that_was_missed_on_a_healthy_connection_ends_with_the_creation() -> None:
    home = Home(a=(1, False))
    home.session(snapshot=[now(1)])
    taken = home.take(changed(5, None))
    [gap] = gaps(taken)
    assert (missed(taken), returns(taken)) == ([(A, 1, None)], [(gap.gap, A, 5)])


def test_an_entity_that_comes_and_goes_before_the_cut_is_missed_only_until_it_came() -> None:
    home = Home(a=(1, True), b=(0, False))
    taken = home.session(changed(5, None), changed(6, 5, said=None), snapshot=[now(0, B)])
    assert (missed(taken), returns(taken)) == ([(A, 1, None)], [("home:1", A, 5)])
    assert missed(home.take(changed(8, None))) == []


def test_a_removal_that_was_heard_is_no_lack_in_the_next_gap() -> None:
    home = Home(a=(1, False), b=(0, False))
    home.session(changed(5, 1, said=None), snapshot=[now(0, B)])
    [gap] = gaps(home.session(snapshot=[now(0, B)], session=2))
    assert [(one.entity_id, second(one.after_us), one.was_absent) for one in gap.intervals] == [(A, 5, True)]


def left_out(taken: Taken) -> tuple[list[str], list[tuple[str, int | None, int | None]]]:
    """Return which entities are left out from now on, and until when others were: entity, last captured, until."""
    notes = [note for note in taken.notes if isinstance(note, LeftOut)]
    ended = [one for note in notes for one in note.ended]
    spans = [(one.entity_id, second(one.after_us), second((one.until_us or 0) + 1)) for one in ended]
    return [entity_id for note in notes for entity_id in note.entity_ids], spans


def test_an_entity_that_is_left_out_after_it_was_captured_leaves_no_gap_and_no_event() -> None:
    home = Home(exclude=A, a=(1, False), b=(0, False))
    taken = home.session(changed(5, 4), snapshot=[now(5), now(0, B)])
    assert (missed(taken), stored(taken), left_out(taken)) == ([], [], ([A], []))
    assert left_out(home.take(changed(6, 5))) == ([], [])
    assert home.stream.take([]).notes == []


@pytest.mark.parametrize("captured", [1, None])
@pytest.mark.parametrize("heard", [True, False])
def test_an_entity_that_is_wanted_again_begins_with_its_present_state_and_nothing_of_before_was_missed(
    captured: int | None, *, heard: bool
) -> None:
    home = Home(a=(captured or 0, False), b=(0, False))
    at_ns = home.marks[A].at_ns if captured else 0
    home.marks[A] = replace(home.marks[A], at_ns=at_ns, left_out=True)
    taken = home.session(*([changed(5, 4)] if heard else []), snapshot=[now(5 if heard else 4), now(0, B)])
    assert (missed(taken), left_out(taken)) == ([], ([], [(A, captured, 4)]))
    assert stored(taken) == ([(A, 4), (A, 5)] if heard else [(A, 4)])
    assert missed(home.take(changed(9, 7))) == [(A, 5 if heard else 4, 7)]


def test_an_entity_that_was_never_wanted_is_remembered_as_left_out_once() -> None:
    home = Home(include=A, a=(1, False))
    taken = home.session(snapshot=[now(1), now(3, B)])
    assert (left_out(taken), missed(taken)) == (([B], []), [])
    assert left_out(home.session(changed(9, 8, B), snapshot=[now(1), now(9, B)], session=2)) == ([], [])


RECOVERING = {"config": Raw(b'{"state": "RUNNING", "recovery_mode": true}'), "entities": Raw(b"[]")}
LABELLED = json.dumps([{"entity_id": of, "labels": ["kept"]} for of in (A, B)]).encode()


@pytest.mark.parametrize("was_heard", [True, False])
def test_a_home_in_recovery_mode_whose_registries_are_empty_leaves_nothing_out(*, was_heard: bool) -> None:
    home = Home(include="label:kept", a=(1, False), b=(0, False))
    whole = {"config": Raw(b'{"state": "RUNNING"}'), "entities": Raw(LABELLED)}
    if was_heard:
        home.session(snapshot=[now(1), now(0, B)], results=whole)
    recovering = home.session(snapshot=[now(9, "sun.sun")], session=2, results=RECOVERING)
    assert (left_out(recovering)[0], stored(recovering)) == (["sun.sun"] if was_heard else [], [])
    assert [gap.cause for gap in gaps(recovering)] == ["home_restart"]
    taken = home.session(snapshot=[now(7), now(8, B)], session=3, results=whole)
    assert (missed(taken), left_out(taken)) == ([(A, 1, 7), (B, 0, 8)], ([], []))


def test_a_change_that_cannot_be_read_breaks_no_link() -> None:
    home = Home(a=(1, False), b=(0, False))
    home.session(snapshot=[now(1), now(0, B)])
    bad = json.loads(changed(2, 1).text)
    bad[0]["event"]["data"]["new_state"]["attributes"] = {"unit_of_measurement": {"\udc80": 1}}
    bad[0]["event"]["time_fired"] = bad[0]["event"]["data"]["new_state"]["last_updated"] = "9999-01-01T00:00:00+00:00"
    home.take(text(json.dumps(bad)))
    follower = json.loads(changed(3, 2).text)
    follower[0]["event"]["data"]["old_state"]["last_updated"] = "9999-01-01T00:00:00+00:00"
    assert missed(home.take(text(json.dumps(follower)))) == []
