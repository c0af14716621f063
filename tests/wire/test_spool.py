"""The spool on a real disk: what was committed is there after anything, and nothing else is."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ingestor.model.errors import Unavailable
from ingestor.model.records import RawEvent, Record
from ingestor.storage.spool import FILE, RECORDS_IN_A_BATCH, Batch, Spool
from ingestor.storage.valve import Valve
from metrics import facts
from tests.servers.records import ENTITY, WEATHER, event, full, removal

EVERYTHING = 1_000_000


@asynccontextmanager
async def opened(
    directory: Path,
    *,
    maximum_bytes: int = 10**9,
    valve: Valve | None = None,
    heard: list[facts.Fact] | None = None,
    **options: Any,
) -> AsyncGenerator[Spool]:
    spool = Spool(directory, maximum_bytes, valve or Valve(), (heard if heard is not None else []).append, **options)
    try:
        await spool.open()
        yield spool
    finally:
        await spool.aclose()


async def pending(spool: Spool) -> list[Record]:
    batch = await spool.due(EVERYTHING, 0)
    return list(batch.records) if batch else []


@pytest.mark.parametrize("turn", range(8))  # which of the two comes first is left to chance
async def test_a_commit_while_the_numbers_move_on_takes_no_number_that_is_given_again(
    tmp_path: Path, turn: int
) -> None:
    async with opened(tmp_path) as spool:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(spool.go_on_from, 0)
            nursery.start_soon(spool.commit, [event(turn)])
        batch = await spool.due(EVERYTHING, 0)
        assert batch
        spool.acknowledge(batch.ids)
        await spool.commit([event(100)])
        assert await pending(spool) == [event(100)]
        assert spool.newest_batch > max(batch.ids)


async def test_what_was_committed_is_there_after_a_restart_in_its_order(tmp_path: Path) -> None:
    raw = RawEvent(home="home", received_at_ns=1, text="{", problem="truncated", weather=WEATHER)
    first: list[Record] = [event(1), full(2), ENTITY]
    second: list[Record] = [removal(3), WEATHER, raw]
    async with opened(tmp_path) as spool:
        await spool.commit(first)
        await spool.commit(second)
    async with opened(tmp_path) as spool:
        assert await pending(spool) == first + second
        assert (spool.pending_records, spool.pending_events) == (6, 4)


async def test_what_was_acknowledged_is_gone_with_the_next_commit(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        for number in range(3):
            await spool.commit([event(number)])
        batch = await spool.due(2, 0)
        assert batch == Batch(ids=(1, 2), records=(event(0), event(1)))
        spool.acknowledge(batch.ids)
        assert (spool.pending_records, await pending(spool)) == (1, [event(2)])
        await spool.commit([event(3)])
    async with opened(tmp_path) as spool:
        assert await pending(spool) == [event(2), event(3)]


async def test_idle_what_was_acknowledged_is_swept(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.commit([event(1)])
        batch = await spool.due(9, 0)
        assert batch
        spool.acknowledge(batch.ids)
        assert spool.unswept
        await spool.sweep()
        assert not spool.unswept
    async with opened(tmp_path) as spool:
        assert await pending(spool) == []


async def test_batches_are_due_whole_and_behind_the_one_before(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        for start in (0, 3, 6):
            await spool.commit([event(start + number) for number in range(3)])
        assert [spool.behind(after, 100) for after in (0, 1, 2, 3)] == [9, 6, 3, 0]
        for most, ids in ((1, (1,)), (6, (1, 2)), (8, (1, 2)), (9, (1, 2, 3))):
            batch = await spool.due(most, 0)
            assert batch
            assert batch.ids == ids
        assert await spool.due(1, 3) is None


async def test_a_large_commit_becomes_several_batches(tmp_path: Path) -> None:
    records = [event(number) for number in range(RECORDS_IN_A_BATCH + 1)]
    async with opened(tmp_path) as spool:
        await spool.commit(records)
        assert await pending(spool) == records
        batch = await spool.due(1, 1)
        assert batch == Batch(ids=(2,), records=(records[-1],))


async def test_watermarks_are_the_last_events_in_order_of_arrival(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.commit([event(1), event(11, area="Attic"), event(2), removal(3)])
        await spool.commit([event(21), event(12), event(2)])
        await spool.commit([event(99)], live=False)
    async with opened(tmp_path) as spool:
        found = {mark.series.entity_id: mark for mark in await spool.open()}
        assert {entity: (mark.at_ns, mark.removed) for entity, mark in found.items()} == {
            "sensor.number_1": (event(21).time_ns, False),
            "sensor.number_2": (event(2).time_ns, False),
            "sensor.number_3": (event(3).time_ns, True),
        }
        assert found["sensor.number_1"].series == event(21).series


async def test_a_full_spool_closes_the_valve_until_there_is_room(tmp_path: Path) -> None:
    valve = Valve()
    async with opened(tmp_path, maximum_bytes=2000, valve=valve) as spool:
        while not valve.closed:
            await spool.commit([event(spool.pending_records)])
        assert list(valve.reasons) == ["spool_full"]
        await spool.commit([event(50)])  # what was received before the pause is kept all the same
        batch = await spool.due(EVERYTHING, 0)
        assert batch
        spool.acknowledge(batch.ids[:1])
        assert valve.closed
        spool.acknowledge(batch.ids)
        assert not valve.closed


async def test_a_full_disk_is_unavailable_and_harms_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as spool:
        await spool.commit([event(1)])
        limit = "PRAGMA max_page_count"
        [pages] = spool._database.run_now(lambda connection: connection.execute("PRAGMA page_count").fetchone())
        spool._database.run_now(lambda connection: connection.execute(f"{limit} = {pages}").fetchone())
        incompressible = Random(1).randbytes(30_000).hex()
        with pytest.raises(Unavailable) as raised:
            await spool.commit([event(2, attributes=incompressible)])
        assert raised.value.code == "disk_full"
        await spool.commit([event(2, attributes=incompressible)])
        assert await pending(spool) == [event(1), event(2, attributes=incompressible)]


def damage(file: Path, how: str) -> None:
    content = bytearray(file.read_bytes())
    match how:
        case "header":
            content[:100] = b"\0" * 100
        case "truncated":
            del content[len(content) // 2 :]
        case "flipped":
            content[len(content) * 2 // 3] ^= 0xFF
        case "scattered":
            for place in Random(7).sample(range(100, len(content)), 60):
                content[place] ^= 0xA5
    file.write_bytes(content)


@pytest.mark.parametrize("how", ["header", "truncated", "flipped", "scattered"])
async def test_a_damaged_spool_is_set_aside_and_what_can_be_read_goes_on(how: str, tmp_path: Path) -> None:
    records = [event(number, attributes=Random(number).randbytes(300).hex()) for number in range(400)]
    async with opened(tmp_path) as spool:
        for start in range(0, 400, 20):
            await spool.commit(records[start : start + 20])
    damage(tmp_path / FILE, how)
    heard: list[facts.Fact] = []
    async with opened(tmp_path, heard=heard) as spool:
        left = await pending(spool)
        assert set(left) <= set(records)
        assert how == "header" or left
        assert left == sorted(left, key=lambda one: one.time_ns if not isinstance(one, RawEvent) else 0)
        await spool.commit([event(1000)])
        assert (await pending(spool))[-1] == event(1000)
    assert [fact.batches for fact in heard if isinstance(fact, facts.SpoolDamaged)] == [len(left) // 20]
    assert len(list(await trio.Path(tmp_path).glob("spool.*.damaged"))) == 1


@pytest.mark.parametrize("seed", range(40))
async def test_random_damage_invents_nothing_and_never_stops_the_spool(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    records = [event(number, attributes=Random(number).randbytes(200).hex()) for number in range(100)]
    async with opened(tmp_path) as spool:
        for start in range(0, 100, 5):
            await spool.commit(records[start : start + 5])
    file = trio.Path(tmp_path / FILE)
    content = bytearray(await file.read_bytes())
    for _ in range(random.choice([1, 20, 200])):
        content[random.randrange(len(content))] = random.randrange(256)
    if random.random() < 0.3:
        del content[random.randrange(len(content)) :]
    await file.write_bytes(content)
    async with opened(tmp_path) as spool:
        left = await pending(spool)
        assert len(left) == len(set(left) & set(records))
        await spool.commit([event(1000)])
        assert await pending(spool) == [*left, event(1000)]


async def test_a_spool_that_is_damaged_while_it_is_used_counts_what_is_lost(tmp_path: Path) -> None:
    heard: list[facts.Fact] = []
    async with opened(tmp_path, heard=heard, records_at_hand=0) as spool:
        for number in range(3):
            await spool.commit([event(number), event(number + 10)])
        spool._database.run_now(lambda c: c.execute("UPDATE batches SET body = x'00' WHERE id = 2"))
        assert await pending(spool) == [event(0), event(10), event(2), event(12)]
    assert [(fact.reason, fact.records, fact.events) for fact in heard if isinstance(fact, facts.RecordsDropped)] == [
        ("spool_damaged", 2, 2)
    ]


async def test_a_lost_batch_s_id_is_not_given_again_while_the_writer_has_it(tmp_path: Path) -> None:
    async with opened(tmp_path, records_at_hand=0) as spool:
        for number in range(3):
            await spool.commit([event(number)])
        spool._database.run_now(lambda c: c.execute("UPDATE batches SET body = x'00' WHERE id = 3"))
        under_way = await spool.due(EVERYTHING, 0)
        assert under_way == Batch(ids=(1, 2, 3), records=(event(0), event(1)))
        await spool.commit([event(9)])
        assert await spool.due(EVERYTHING, under_way.ids[-1]) == Batch(ids=(4,), records=(event(9),))
        spool.acknowledge(under_way.ids)
        assert await pending(spool) == [event(9)]


async def test_a_writer_that_is_not_behind_gets_the_very_records_that_were_committed(tmp_path: Path) -> None:
    records = [full(number) for number in range(6)]
    async with opened(tmp_path, records_at_hand=4) as spool:
        await spool.commit(records[:2])
        await spool.commit(records[2:4])
        await spool.commit(records[4:])  # more than is kept at hand
        batch = await spool.due(4, 0)
        assert batch
        assert all(got is given for got, given in zip(batch.records, records[:4], strict=True))
        behind = await spool.due(EVERYTHING, 0)
        assert behind == Batch(ids=(1, 2, 3), records=tuple(records))
        spool.acknowledge(batch.ids)
        await spool.commit(records[:1])
        assert await pending(spool) == [*records[4:], records[0]]


def test_anyone_can_see_what_is_pending(tmp_path: Path) -> None:
    async def fill() -> None:
        async with opened(tmp_path) as spool:
            await spool.commit([event(1), WEATHER])

    trio.run(fill)
    connection = sqlite3.connect(tmp_path / FILE)
    assert connection.execute("SELECT id, records, events FROM batches").fetchall() == [(1, 2, 1)]
    connection.close()


class SpoolModel(RuleBasedStateMachine):
    """Commits, acknowledgements, sweeps and restarts against a plain list."""

    @initialize()
    def begin(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.batches: list[tuple[int, list[Record]]] = []
        self.sent = 0
        self.number = 0
        self.reopen()

    def reopen(self) -> None:
        self.spool = Spool(Path(self.directory.name), 10**9, Valve(), lambda _fact: None)
        trio.run(self.spool.open)

    @rule(count=st.integers(1, 40))
    def commit(self, count: int) -> None:
        records: list[Record] = [event(self.number + one) for one in range(count)]
        self.number += count
        trio.run(self.spool.commit, records)
        self.sent += 1
        self.batches.append((self.sent, records))

    @rule(most=st.integers(1, 100))
    def write_and_acknowledge(self, most: int) -> None:
        batch: Batch | None = trio.run(self.spool.due, most, 0)
        if batch is None:
            assert not self.batches
            return
        done = [one for one in self.batches if one[0] in batch.ids]
        assert list(batch.records) == [record for _, records in done for record in records]
        assert done == self.batches[: len(done)]
        self.spool.acknowledge(batch.ids)
        del self.batches[: len(done)]

    @rule()
    def sweep(self) -> None:
        trio.run(self.spool.sweep)

    @rule()
    def restart_in_order(self) -> None:
        trio.run(self.spool.sweep)
        trio.run(self.spool.aclose)
        self.reopen()

    @invariant()
    def counts_are_true(self) -> None:
        if hasattr(self, "spool"):
            assert self.spool.pending_records == sum(len(records) for _, records in self.batches)

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            trio.run(self.spool.aclose)
            self.directory.cleanup()


SpoolModel.TestCase.settings = settings(max_examples=15, stateful_step_count=15)
TestSpoolModel = SpoolModel.TestCase
