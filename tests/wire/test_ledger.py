"""The ledger on a real disk: gaps come once, intervals are closed or listed, and what replaces them is told apart."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ingestor.assembly.files import STATE
from ingestor.history.ledger import Gap, Ledger
from ingestor.history.silences import Silence
from ingestor.model.gaps import EntityReturned, GapFound, Interval
from ingestor.model.records import Series
from ingestor.storage.database import Database
from metrics import facts
from metrics.codes import GapState


@asynccontextmanager
async def opened(directory: Path, heard: list[facts.Fact] | None = None) -> AsyncGenerator[Ledger]:
    database = Database(directory / "state.sqlite3", STATE)
    try:
        yield Ledger(database, (heard if heard is not None else []).append)
    finally:
        await database.aclose()


def interval(name: str, after: int | None, until: int | None) -> Interval:
    series = Series(home="home", entity_id=f"sensor.{name}", domain="sensor")
    return Interval(entity_id=series.entity_id, series=series, after_us=after, until_us=until)


def gap(number: int, *intervals: Interval, **more: Any) -> GapFound:
    given: dict[str, Any] = {"cause": "closed", "detail": "cut", "whole": True, "intact_since_us": 1} | more
    return GapFound(gap=f"home:{number}", home="home", from_us=number, found_ns=number, intervals=intervals, **given)


def states(found: list[Gap]) -> list[tuple[str, str, int]]:
    return [(one.gap, one.state, one.refilled) for one in found]


async def test_a_note_that_comes_twice_is_one_gap(tmp_path: Path) -> None:
    heard: list[facts.Fact] = []
    async with opened(tmp_path, heard) as ledger:
        for _ in range(2):
            await ledger.record([gap(5, interval("a", 1, 3))])
    async with opened(tmp_path) as ledger:
        [one] = await ledger.open_gaps("home")
        assert [(missed.interval.after_us, missed.interval.until_us) for missed in one.missed] == [(1, 3)]
        assert [found.entities for found in await ledger.read()] == [1]
    assert [fact.new for fact in heard if isinstance(fact, facts.GapsNoted)] == [1, 0]


async def test_a_gap_waits_for_its_end_or_for_that_of_a_later_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.record([gap(5, interval("a", 1, 3), whole=False, intact_since_us=None)])
        assert await ledger.open_gaps("home") == []
        await ledger.record([gap(9, interval("b", 1, 4), intact_since_us=2)])
        assert [(one.gap, one.intact) for one in await ledger.open_gaps("home")] == [("home:5", True), ("home:9", True)]
        assert await ledger.open_gaps("another") == []


async def test_a_closed_interval_is_gone_and_the_gap_is_filled(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.record([gap(5, interval("a", 1, 3))])
        [one] = await ledger.open_gaps("home")
        await ledger.close(one.gap, closed=[missed.id for missed in one.missed], listed={}, refilled=7)
        settled = await ledger.settle(one.gap, GapState.FILLED, "")
        assert (settled.state, settled.listed) == ("filled", ())
        assert states(await ledger.read()) == [("home:5", "filled", 7)]
        assert await ledger.open_gaps("home") == []


async def test_a_listed_interval_makes_the_gap_partly_and_says_which_when_and_why(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.record([gap(5, interval("a", 1, 3), interval("b", 1, 4))])
        [one] = await ledger.open_gaps("home")
        first, second = (missed.id for missed in one.missed)
        await ledger.close(one.gap, closed=[first], listed={second: "excluded"}, refilled=1)
        settled = await ledger.settle(one.gap, GapState.FILLED, "")
        assert settled.state == "partly"
        assert [(x.entity_id, x.after_us, x.until_us, x.reason) for x in settled.listed] == [
            ("sensor.b", 1, 4, "excluded")
        ]


async def test_a_wider_interval_from_the_same_captured_change_replaces_an_older_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.record([gap(5, interval("a", 1, None), interval("b", 1, None))])
        await ledger.record([EntityReturned(gap="home:5", entity_id="sensor.b", at_us=8)])
        await ledger.record([gap(9, interval("a", 1, 7))])
        older, newer = await ledger.open_gaps("home")
        assert [(one.interval.entity_id, one.returned_us) for one in older.missed] == [("sensor.b", 8)]
        assert [one.interval.entity_id for one in newer.missed] == ["sensor.a"]


async def test_an_interval_behind_a_refilled_removal_ends_the_older_absence_with_that(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        notes = [gap(5, interval("a", 1, None)), gap(9, interval("a", 4, 7))]
        for _ in range(2):
            await ledger.record([*notes, EntityReturned(gap="home:5", entity_id="sensor.a", at_us=7)])
        older, newer = await ledger.open_gaps("home")
        assert [(one.interval.after_us, one.returned_us) for one in older.missed] == [(1, 5)]
        assert [(one.interval.after_us, one.returned_us) for one in newer.missed] == [(4, None)]


async def test_an_absence_over_two_gaps_lacks_its_removal_until_that_is_found_or_listed(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        missed = replace(interval("a", 1, None), was_absent=False)
        for number, one in ((5, missed), (9, interval("a", 1, None))):
            await ledger.record([gap(number, one)])
        older, newer = await ledger.open_gaps("home")
        assert (older.missed, [one.interval.was_absent for one in newer.missed]) == ((), [False])
        await ledger.close(newer.gap, closed=[], listed={newer.missed[0].id: "no removal"}, refilled=0)
        await ledger.record([gap(12, interval("a", 1, None))])
        assert [one.interval.was_absent for one in (await ledger.open_gaps("home"))[-1].missed] == [True]


async def test_the_first_return_ends_an_absence(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        back = [EntityReturned(gap="home:5", entity_id="sensor.a", at_us=at_us) for at_us in (8, 12)]
        await ledger.record([gap(5, interval("a", 1, None)), *back])
        [one] = await ledger.open_gaps("home")
        assert [missed.returned_us for missed in one.missed] == [8]


async def test_a_silence_of_the_recorder_lists_what_was_closed_over_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        spans = [
            interval(name, *ends) for name, ends in {"a": (1, 3), "b": (4, 9), "c": (7, 9), "d": (1, None)}.items()
        ]
        await ledger.record([gap(1, *spans)])
        [one] = await ledger.open_gaps("home")
        await ledger.close(one.gap, closed=[missed.id for missed in one.missed], listed={}, refilled=4)
        assert [found.listed for found in await ledger.read()] == [()]
        settled = await ledger.settle(one.gap, GapState.FILLED, "", [Silence(5, 6)])
        assert [(x.entity_id, x.reason[:31]) for x in settled.listed] == [
            ("sensor.b", "the recorder has nothing at all"),
            ("sensor.d", "the recorder has nothing at all"),
        ]
        assert settled.state == "partly"


async def test_the_first_start_is_no_gap(tmp_path: Path) -> None:
    heard: list[facts.Fact] = []
    async with opened(tmp_path, heard) as ledger:
        await ledger.record([gap(5, cause="first_start")])
        assert await ledger.open_gaps("home") == []
    held = [fact for fact in heard if isinstance(fact, facts.GapsHeld)][-1]
    assert (held.states["since"], held.states["open"], held.listed) == (1, 0, 0)


async def test_a_damaged_ledger_is_set_aside_and_told(tmp_path: Path) -> None:
    heard: list[facts.Fact] = []
    (tmp_path / "state.sqlite3").write_bytes(b"no database" * 1000)
    async with opened(tmp_path, heard) as ledger:
        await ledger.record([gap(5)])
        assert states(await ledger.read()) == [("home:5", "open", 0)]
    assert [fact.code for fact in heard if isinstance(fact, facts.Warned)] == ["state_damaged"]
