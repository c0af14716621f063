"""The count of the gap rows sees what is lost, doubled, invented or given up, also over a clock that was set back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.faults.gap_count import Frame, count
from tests.faults.home_truth import COMPARED, Made
from tests.faults.ledgers import Listed, Told
from tests.servers.truth import Key, Row

SECOND_US = 1_000_000


def change(at: int, *, true: int | None = None, **said: Any) -> Made:
    known = {name: said.pop(name) for name in ("tellable", "first", "behind_untold") if name in said}
    row = dict.fromkeys(COMPARED) | {"state": str(at), "previous_state": "x", "caused_by": "device"} | said
    return Made(row=row, true_ns=at if true is None else true, **known)


def key(at: int, entity_id: str = "sensor.a") -> Key:
    return entity_id, at * SECOND_US * 1000


TRUTH: dict[Key, Made] = {key(at): change(at) for at in range(1, 10)}


def row(at: int, **said: Any) -> Row:
    return {**change(at).row, "entity_id": "sensor.a", "time": at * SECOND_US * 1000, "area": None, **said}


def counted(stored: list[Row], truth: dict[Key, Made] = TRUTH, **options: Any) -> dict[str, int]:
    chosen: dict[str, Any] = {"from_ns": 0, "until_ns": 9, "told": Told()}
    return dict(count(truth, stored, Frame(**(chosen | options)))[0])


def stored(*without: int) -> list[Row]:
    return [row(at) for at in range(1, 10) if at not in without]


def listed(after: int | None, until: int | None) -> Told:
    bounds = [at and at * SECOND_US for at in (after, until)]
    return Told(listed=(Listed(entity_id="sensor.a", after_us=bounds[0], until_us=bounds[1]),))


def test_all_that_is_stored_is_well_and_what_is_absent_is_lost() -> None:
    assert counted(stored()) == {"made": 9, "stored": 9}
    assert counted(stored(4, 5)) == {"made": 9, "stored": 7, "lost": 2}
    assert counted(stored(4), quarantined={key(4)}) == {"made": 9, "stored": 8, "quarantined": 1}


def test_what_was_made_before_the_first_connection_or_can_not_be_told_is_not_required() -> None:
    assert counted(stored(1, 2), from_ns=2) == {"made": 7, "stored": 7}


def test_what_was_before_a_change_is_compared_unless_that_was_without_json() -> None:
    other = [*stored(4, 5), row(5, previous_state="y")]
    untold = {key(4): change(4, tellable=False), key(5): change(5, behind_untold=True)}
    assert counted(other, TRUTH | untold) == {"made": 9, "stored": 8, "nameless": 1}
    assert counted(other)["invented"] == 1


def test_what_can_not_be_told_or_asked_for_by_name_is_nameless() -> None:
    truth = TRUTH | {key(4): change(4, tellable=False)}
    assert counted(stored(4), truth) == {"made": 9, "stored": 8, "nameless": 1}
    passing = {key(at, "sensor.b"): change(at, removed=1 if at % 2 else None) for at in range(4, 8)}
    assert counted(stored(), TRUTH | passing) == {"made": 13, "stored": 9, "nameless": 4}
    known = [*stored(), row(5, removed=1) | {"entity_id": "sensor.b"}]
    assert counted(known, TRUTH | passing) == {"made": 13, "stored": 10, "lost": 3}


def test_what_the_ledger_gives_up_is_listed_and_nothing_else() -> None:
    assert counted(stored(4, 5), told=listed(3, 5)) == {"made": 9, "stored": 7, "listed": 2, "intervals": 1}
    assert counted(stored(4, 5), told=listed(3, 4)) == {"made": 9, "stored": 7, "listed": 1, "intervals": 1, "lost": 1}
    assert counted(stored(1, 2), told=listed(None, 2)) == {"made": 9, "stored": 7, "listed": 2, "intervals": 1}


def test_an_interval_without_an_end_lasts_until_the_entity_was_heard_again() -> None:
    assert counted(stored(4, 5, 8), told=listed(3, None)) == {
        "made": 9,
        "stored": 6,
        "listed": 2,
        "intervals": 1,
        "lost": 1,
    }


def test_over_a_clock_that_was_set_back_an_interval_is_what_lies_between_in_order() -> None:
    order = (5, 6, 7, 2, 3, 4)
    truth = {key(at): change(at, true=place) for place, at in enumerate(order, 1)}
    found = counted([row(5), row(3), row(4)], truth, told=listed(5, 3))
    assert found == {"made": 6, "stored": 3, "listed": 3, "intervals": 1}


def test_an_unproven_tail_gives_up_all_entities_until_it_was_found() -> None:
    told = Told(unproven=((3 * SECOND_US, 6),))
    assert counted(stored(4, 6, 7), told=told) == {"made": 9, "stored": 6, "listed": 2, "lost": 1}


def test_what_is_there_twice_or_was_never_made_is_seen() -> None:
    assert counted([*stored(), row(3, area="Attic")])["doubled"] == 1
    assert counted([*stored(), row(3) | {"entity_id": "sensor.b"}])["invented"] == 1
    assert counted([*stored(3), row(3, state="wrong")])["invented"] == 1
    assert counted([*stored(3), row(3, caused_by="user")])["invented"] == 1
    assert counted([row(1, area="Attic"), row(2, area="Cellar")], areas={"sensor.a": {"Attic"}})["invented"] == 1


def test_a_refilled_row_may_lack_what_the_recorder_does_not_keep_and_nothing_else() -> None:
    assert "invented" not in counted([*stored(3), row(3, caused_by=None)])
    assert counted([*stored(3), row(3, caused_by=None, previous_state=None)])["invented"] == 1
    truth = TRUTH | {key(3): change(3, first=True)}
    assert "invented" not in counted([*stored(3), row(3, caused_by=None, previous_state="other")], truth)


def test_an_entity_that_was_renamed_is_one() -> None:
    def today(entity_id: str) -> str:
        return "sensor.b" if entity_id == "sensor.a" else entity_id

    moved = [*stored(3), row(3) | {"entity_id": "sensor.b"}]
    assert counted(moved, today=today) == {"made": 9, "stored": 9}
    assert counted([*stored(), row(3) | {"entity_id": "sensor.b"}], today=today)["doubled"] == 1
    truth = TRUTH | {key(3): change(3, removed=1)}
    assert counted(stored(3), truth, today=today) == {"made": 9, "stored": 8, "nameless": 1}


def test_what_was_before_a_change_is_not_compared_where_a_clock_went_back() -> None:
    again = {key(3 + at): change(3 + at, true=20 + at, previous_state="y") for at in (10, 11)}
    truth = {key(at): change(at, true=at) for at in (1, 12, 15, 16)} | again
    other = [row(at, previous_state="z") for at in (13, 14)] + [row(at) for at in (1, 12, 15, 16)]
    assert counted(other, truth, until_ns=99) == {"made": 6, "stored": 6}
    assert counted([*other, row(2)], truth, until_ns=99)["invented"] == 1


@pytest.mark.parametrize(("next_is_first", "invented"), [(True, None), (False, 1)])
def test_a_removal_stands_behind_the_last_change_before_a_restart_wherever_the_clock_is_then(
    next_is_first: bool,  # noqa: FBT001
    invented: int | None,
) -> None:
    behind = {key(2): change(2, true=20, first=next_is_first), key(12): change(12, true=21)}
    truth = {key(at): change(at) for at in (8, 9)} | behind
    removal = row(10, removed=1, caused_by=None)
    found = counted([*map(row, (2, 8, 9, 12)), removal], truth, until_ns=99)
    assert found.get("invented") == invented


def test_what_home_assistant_restores_before_anything_was_heard_of_an_entity_has_tags_that_nobody_could_know() -> None:
    truth = {key(1): change(1, unit="W"), key(2): change(2, unit="W")._replace(restored=True)}
    assert counted([row(2, unit=None)], truth, from_ns=1) == {"made": 1, "stored": 1}
    assert counted([row(1, unit="W"), row(2, unit=None)], truth)["invented"] == 1
    assert counted([row(2, unit=None)], truth | {key(2): change(2, unit="W")}, from_ns=1)["invented"] == 1
