"""The count sees what it is there to see: a change that is lost, doubled or invented."""

from __future__ import annotations

from typing import Any

from tests.faults.load import COMPARED
from tests.faults.outcome import Outcome, count, table
from tests.servers.truth import Key, Row

EMPTY: Row = dict.fromkeys(COMPARED)
TRUTH: dict[Key, Row] = {("sensor.a", at): EMPTY | {"state": str(at)} for at in range(10)}


def row(at: int, **changes: Any) -> Row:
    return TRUTH["sensor.a", at] | {"entity_id": "sensor.a", "time": at, "area": None} | changes


def counted(stored: list[Row], **options: Any) -> dict[str, int]:
    chosen: dict[str, Any] = {"until_ns": 9, "gaps": [], "committed": set(), "quarantined": set()}
    return dict(count(TRUTH, stored, **(chosen | options))[0])


def test_all_that_is_stored_once_is_well() -> None:
    assert counted([row(at) for at in range(10)]) == {"made": 10, "stored": 10}


def test_what_is_stored_after_the_end_is_neither_required_nor_invented() -> None:
    assert counted([row(at) for at in range(10)], until_ns=4) == {"made": 5, "stored": 5}


def test_a_change_that_is_nowhere_is_lost() -> None:
    assert counted([row(at) for at in range(9)]) == {"made": 10, "stored": 9, "lost": 1}


def test_a_change_in_quarantine_is_accounted_for() -> None:
    found = counted([row(at) for at in range(9)], quarantined={("sensor.a", 9)})
    assert found == {"made": 10, "stored": 9, "quarantined": 1}


def test_a_change_within_a_gap_of_an_entity_that_nobody_knew_before_it_is_nameless() -> None:
    assert counted([row(9)], gaps=[(0, 8)]) == {"made": 10, "stored": 1, "nameless": 9}
    assert counted([row(8), row(9)], gaps=[(0, 8)]) == {"made": 10, "stored": 2, "missed": 8}
    assert counted([row(9)], gaps=[(0, 8)], known=["sensor.a"]) == {"made": 10, "stored": 1, "missed": 9}


def test_a_change_within_a_gap_was_missed_unless_it_had_been_committed() -> None:
    stored = [row(at) for at in range(8)]
    assert counted(stored, gaps=[(7, 20)]) == {"made": 10, "stored": 8, "missed": 2}
    committed = {("sensor.a", 9)}
    assert counted(stored, gaps=[(7, 20)], committed=committed) == {"made": 10, "stored": 8, "missed": 1, "lost": 1}


def test_a_change_in_two_series_is_doubled() -> None:
    assert counted([*(row(at) for at in range(10)), row(3, area="Attic")])["doubled"] == 1


def test_what_was_never_made_or_was_different_is_invented() -> None:
    assert counted([*(row(at) for at in range(10)), row(3) | {"entity_id": "sensor.b"}])["invented"] == 1
    assert counted([row(0, state="wrong"), *(row(at) for at in range(1, 10))])["invented"] == 1


def test_a_row_that_does_not_hold_is_bold() -> None:
    good, bad = Outcome("good", times=2, recoveries=[1.0, 2.0]), Outcome("bad")
    bad.counts["lost"] = 1
    assert (good.holds, bad.holds) == (True, False)
    lines = table([good, bad]).splitlines()
    assert lines[2].startswith("| good | 2 |")
    assert lines[3].startswith("| **bad** |")
