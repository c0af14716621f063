"""The quarantine on a real disk, and what replay and drop do with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path

import msgspec
import pytest
import trio

from ingestor.assembly.files import STATE
from ingestor.enrichment.again import again
from ingestor.enrichment.attributes import Attributes
from ingestor.homeassistant import wire
from ingestor.model.errors import Rejected, Unavailable, UsageError
from ingestor.model.gaps import Note
from ingestor.model.records import Event, RawEvent, Record, Watermark
from ingestor.storage.codec import pack_one
from ingestor.storage.database import Database
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.replay import Replay
from ingestor.storage.valve import Valve
from metrics import facts
from metrics.codes import ErrorCode
from tests.servers.records import ENTITY, WEATHER, event, full
from tests.servers.samples import frame

REFUSED = Rejected("a string, but it holds floats", code=ErrorCode.FIELD_CONFLICT)
FILE = "state.sqlite3"

AGAIN = partial(again, wanted=Attributes())


@asynccontextmanager
async def opened(
    directory: Path, heard: list[facts.Fact] | None = None, valve: Valve | None = None, maximum_bytes: int = 10**9
) -> AsyncGenerator[Quarantine]:
    database = Database(directory / FILE, STATE)
    ticks, report = count(1), (heard if heard is not None else []).append
    try:
        yield Quarantine(database, report, lambda: next(ticks), maximum_bytes=maximum_bytes, valve=valve)
    finally:
        await database.aclose()


class Journal:
    """Takes records that are not live; `refuses` is called with each."""

    def __init__(self, refuses: Callable[[Record], Awaitable[None]] | None = None) -> None:
        self.records: list[Record] = []
        self._refuses = refuses

    async def open(self) -> list[Watermark]:
        return []

    async def commit(self, records: Sequence[Record], *, live: bool = True, notes: Sequence[Note] = ()) -> None:
        assert (live, notes) == (False, ())
        self.records += records
        if self._refuses is not None:
            for record in records:
                await self._refuses(record)


async def test_what_is_set_aside_survives_a_restart_with_its_reason(tmp_path: Path) -> None:
    raw = RawEvent(home="home", received_at_ns=7, text="{", problem="truncated")
    records: list[Record] = [full(1), ENTITY, WEATHER, raw]
    async with opened(tmp_path) as quarantine:
        await quarantine.add([(record, REFUSED) for record in records])
    async with opened(tmp_path) as quarantine:
        held = await quarantine.read()
        assert [one.record for one in held] == records
        assert [(one.entity_id, one.code, one.message) for one in held] == [
            ("sensor.number_1", "field_conflict", str(REFUSED)),
            ("sensor.a", "field_conflict", str(REFUSED)),
            (None, "field_conflict", str(REFUSED)),
            (None, "field_conflict", str(REFUSED)),
        ]
        assert await quarantine.find(2) == held[1]
        with pytest.raises(UsageError, match="holds no 9"):
            await quarantine.find(9)
        with pytest.raises(UsageError, match="holds no 9, 7"):
            await quarantine.handles([2, 9, 7])
        with pytest.raises(UsageError, match=r"holds no 10, 11, 12, 13, 14, 15, 16, 17, 18, 19 and 80 more$"):
            await quarantine.handles(range(10, 100))


async def test_the_same_record_is_kept_once(tmp_path: Path) -> None:
    heard: list[facts.Fact] = []
    async with opened(tmp_path, heard) as quarantine:
        for _ in range(3):
            await quarantine.add([(event(1), REFUSED), (event(2), REFUSED)])
        assert [one.record for one in await quarantine.read()] == [event(1), event(2)]
    assert [fact.records for fact in heard if isinstance(fact, facts.QuarantineHeld)] == [2, 2, 2, 2]


@pytest.mark.parametrize("at_once", [True, False])
async def test_replay_brings_records_back_and_a_new_refusal_keeps_them(tmp_path: Path, *, at_once: bool) -> None:
    heard: list[facts.Fact] = []
    async with opened(tmp_path) as quarantine:
        await quarantine.add([(event(1), REFUSED), (event(2), REFUSED)])

        async def refuse(record: Record | None = None) -> None:
            """Refuse the second one: before the replay takes it out, as the embedded database does, or after."""
            if record in {None, event(2)}:
                await quarantine.add([(event(2), REFUSED)])

        journal = Journal(refuse if at_once else None)
        confirmed = trio.lowlevel.checkpoint if at_once else refuse
        outcome = await Replay(quarantine, journal, AGAIN, confirmed, heard.append).replay(await quarantine.handles())
        assert (outcome.replayed, journal.records) == (1, [event(1), event(2)])
        assert outcome.failures == {2: f"refused again, as {2 if at_once else 3}: {REFUSED}"}
        assert heard == [facts.EventsReplayed(events=2)]
        assert [one.record for one in await quarantine.read()] == [event(2)]


async def test_a_raw_event_is_replayed_once_our_code_can_read_it(tmp_path: Path) -> None:
    text = frame("event_state_changed_temp_f")
    readable = RawEvent(
        home="home", received_at_ns=7, text=text, problem="a bug", area="Attic", persons_home=2, weather=WEATHER
    )
    broken = msgspec.structs.replace(readable, text=text[:-30])
    journal = Journal()
    async with opened(tmp_path) as quarantine:
        await quarantine.add([(readable, REFUSED), (broken, REFUSED)])
        replay = Replay(quarantine, journal, AGAIN, trio.lowlevel.checkpoint, lambda _fact: None)
        outcome = await replay.replay(await quarantine.read())
        assert (outcome.replayed, list(outcome.failures)) == (1, [2])
        assert [one.record for one in await quarantine.read()] == [broken]
    [done] = journal.records
    assert isinstance(done, Event)
    [message] = wire.decode(text)
    assert isinstance(message, wire.Message)
    assert message.event is not None
    assert message.event.data.new_state is not None
    assert (done.series.area, done.persons_home, done.weather) == ("Attic", 2, WEATHER)
    assert (done.state, done.series.unit) == (message.event.data.new_state.state, "°C")


async def test_dropping_forgets_for_good(tmp_path: Path) -> None:
    async with opened(tmp_path) as quarantine:
        await quarantine.add([(event(number), REFUSED) for number in range(3)])
        held = await quarantine.read()
        assert await quarantine.remove(held[:2]) == 2
        assert [one.record for one in await quarantine.read()] == [event(2)]


async def test_a_full_quarantine_takes_nothing_more_and_the_homes_pause_until_there_is_room(tmp_path: Path) -> None:
    heard: list[facts.Fact] = []
    valve = Valve()
    size = len(pack_one(event(1)))
    async with opened(tmp_path, heard, valve, maximum_bytes=5 * size) as quarantine:
        await quarantine.add([(event(number), REFUSED) for number in range(4)])
        await quarantine.add([(event(number), REFUSED) for number in range(4)])
        assert not valve.closed
        await quarantine.add([(event(4), REFUSED)])
        assert "SPOOL_MAX_BYTES" in valve.reasons["quarantine_full"]
        with pytest.raises(Unavailable, match="quarantine") as full:
            await quarantine.add([(event(5), REFUSED)])
        assert full.value.code == "quarantine_full"
        await quarantine.add([(event(number), REFUSED) for number in range(5)])  # they are there already
        assert await quarantine.remove((await quarantine.read())[:1]) == 1
        assert valve.closed
    async with opened(tmp_path, heard, valve := Valve(), maximum_bytes=4 * size) as quarantine:
        quarantine.open_now()
        assert valve.closed  # a restart counts anew
        assert await quarantine.remove((await quarantine.read())[:2]) == 2
        assert not valve.closed
        await quarantine.add([(event(5), REFUSED)])
    held = [(one.records, one.size_bytes) for one in heard if isinstance(one, facts.QuarantineHeld)]
    assert {(records, records * size) for records, _ in held} == set(held)


async def test_dropping_gives_the_room_back_to_the_disk(tmp_path: Path) -> None:
    async with opened(tmp_path) as quarantine:
        await quarantine.add([(event(number, attributes="x" * 2000), REFUSED) for number in range(1200)])
        assert await quarantine.remove(await quarantine.handles()) == 1200
    assert (tmp_path / FILE).stat().st_size < 200_000


async def test_a_damaged_file_is_set_aside_and_the_quarantine_goes_on(tmp_path: Path) -> None:
    heard: list[facts.Fact] = []
    await trio.Path(tmp_path / FILE).write_bytes(b"this is no database, but long enough to be read as one" * 20)
    async with opened(tmp_path, heard) as quarantine:
        await quarantine.add([(event(1), REFUSED)])
        assert [one.record for one in await quarantine.read()] == [event(1)]
    assert [fact.code for fact in heard if isinstance(fact, facts.Warned)] == ["state_damaged"]


async def test_a_damaged_file_is_replaced_once_whoever_finds_it_and_no_record_goes_with_it(tmp_path: Path) -> None:
    heard: list[facts.Fact] = []
    await trio.Path(tmp_path / FILE).write_bytes(b"this is no database, but long enough to be read as one" * 20)
    async with opened(tmp_path, heard) as quarantine:
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(quarantine.add, [(event(number), REFUSED)])
        assert len(await quarantine.read()) == 20
    assert len([fact for fact in heard if isinstance(fact, facts.Warned)]) == 1
    assert len(list(tmp_path.glob("state.*.damaged"))) == 1  # noqa: ASYNC240  a small folder of the test's own
