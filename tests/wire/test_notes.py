"""Notes for the ledger in both journals: kept with the watermarks that they are about, given out once."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingestor.model.errors import Rejected
from ingestor.model.gaps import GapFound, Interval
from ingestor.model.records import Event, Watermark
from ingestor.storage.spool import Spool
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.valve import Valve
from tests.servers.records import event, removal

KINDS = ["spool", "sqlite"]


class Journal:
    """One of the two journals."""

    def __init__(self, kind: str, directory: Path) -> None:
        self.store = SQLiteStore(directory, 0)
        self.spool = Spool(directory, 10**9, Valve(), lambda _fact: None)
        self.any: SQLiteStore | Spool = self.store if kind == "sqlite" else self.spool

    async def commit(self, events: list[Event], notes: list[GapFound], *, live: bool) -> None:
        if self.any is self.store:
            await self.store.write(events, live=live, notes=notes)
        else:
            await self.spool.commit(events, live=live, notes=notes)

    async def marks(self) -> dict[str, Watermark]:
        return {mark.series.entity_id: mark for mark in await self.any.open()}


@asynccontextmanager
async def opened(kind: str, directory: Path) -> AsyncGenerator[Journal]:
    journal = Journal(kind, directory)
    try:
        await journal.any.open()
        yield journal
    finally:
        await journal.store.aclose()
        await journal.spool.aclose()


def gone(last: Event) -> GapFound:
    """Return a gap at whose end the entity of this event did not exist any more."""
    at_us = last.time_ns // 1000
    missed = Interval(entity_id=last.series.entity_id, series=last.series, after_us=at_us, captured=1)
    return GapFound(
        gap="home:1", home="home", cause="closed", detail="", from_us=at_us, found_ns=9, intervals=(missed,)
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_notes_outlive_a_restart_until_they_are_taken_out(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as journal:
        await journal.commit([event(1)], [gone(event(1))], live=True)
    async with opened(kind, tmp_path) as journal:
        [written] = await journal.any.notes()
        assert written.note == gone(event(1))
        await journal.any.forget_notes(written.number)
        assert await journal.any.notes() == []


@pytest.mark.parametrize("kind", KINDS)
async def test_an_entity_whose_removal_was_missed_is_marked_absent_unless_it_is_back(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as journal:
        await journal.commit([event(1), event(2)], [], live=True)
        await journal.commit([event(12)], [gone(event(1)), gone(event(2))], live=True)
        marks = await journal.marks()
    assert {name: mark.removed for name, mark in marks.items()} == {"sensor.number_1": True, "sensor.number_2": False}
    assert marks["sensor.number_1"].at_ns == event(1).time_ns


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refilled_removal_moves_only_the_mark_of_an_absent_entity(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as journal:
        await journal.commit([event(1), event(2)], [gone(event(1))], live=True)
        await journal.commit([removal(11), event(21), removal(12)], [], live=False)
        marks = await journal.marks()
    assert (marks["sensor.number_1"].at_ns, marks["sensor.number_1"].removed) == (removal(11).time_ns, True)
    assert (marks["sensor.number_2"].at_ns, marks["sensor.number_2"].removed) == (event(2).time_ns, False)


async def test_a_transaction_that_fails_keeps_neither_event_nor_mark_nor_note(tmp_path: Path) -> None:
    async with opened("sqlite", tmp_path) as journal:
        await journal.commit([event(1)], [], live=True)
        with pytest.raises(Rejected):
            await journal.commit([event(2), event(3, time_ns=2**70)], [gone(event(1))], live=True)
        assert (await journal.any.notes(), set(await journal.marks())) == ([], {"sensor.number_1"})
        assert not (await journal.marks())["sensor.number_1"].removed
