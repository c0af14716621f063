"""The writer: every record is in the store or in the quarantine before it is acknowledged, once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import trio

from ingestor.assembly.files import STATE
from ingestor.model.channels import Inbox
from ingestor.model.errors import CredentialsRefused, IngestorError, Rejected, Unavailable
from ingestor.model.gaps import Kept
from ingestor.model.records import Event, Point, RawEvent, Record, StoreMark, Watermark
from ingestor.storage.batcher import Retry
from ingestor.storage.codec import pack_one
from ingestor.storage.database import Database
from ingestor.storage.delivery import Delivery
from ingestor.storage.intake import Intake
from ingestor.storage.marks import Marks
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.spool import Spool
from ingestor.storage.store import Finding, Retention
from ingestor.storage.valve import Valve
from ingestor.storage.writer import BatchLimits, Writer
from metrics import facts
from metrics.codes import ErrorCode
from tests.faults.small_disk import small_disk
from tests.servers.records import event

F = TypeVar("F", bound=facts.Fact)
Answer = Callable[[Sequence[Point]], IngestorError | int]


class ScriptedStore:
    """Holds points; answers writes as `answer` says: an error, or how many were too old."""

    is_journal = False
    name = "influxdb"
    retention = Retention(seconds=0)

    def __init__(self) -> None:
        self.answer: Answer = lambda _points: 0
        self.points: list[Point] = []
        self.writes: list[int] = []

    async def prepare(self) -> None:
        await trio.lowlevel.checkpoint()

    async def count_since(self, home: str, from_ns: int) -> int:  # noqa: ARG002  the store's interface
        return 0

    async def keys(self, home: str, from_ns: int, to_ns: int, *, statistics: bool = False) -> dict[str, set[int]]:
        raise NotImplementedError

    async def newest(self, home: str) -> list[Watermark]:
        raise NotImplementedError

    async def oldest_ns(self, home: str) -> int | None:
        raise NotImplementedError

    async def mark(self, home: str) -> int:
        assert home == "home"
        return max((point.batch for point in self.points if isinstance(point, StoreMark)), default=0)

    async def write(self, points: Sequence[Point]) -> int:
        await trio.lowlevel.checkpoint()
        self.writes.append(len(points))
        outcome = self.answer(points)
        if isinstance(outcome, IngestorError):
            raise outcome
        self.points += points
        return outcome

    async def recent(self, *, limit: int, entity_id: str | None = None, before_ns: int | None = None) -> list[Event]:
        raise NotImplementedError

    async def set_retention(self, days: int) -> None:
        raise NotImplementedError

    async def check(self) -> list[Finding]:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


class Quick(Retry):
    """Retries without the waits."""

    def after(self, error: IngestorError | None = None, *, lived_seconds: float = 0.0) -> float:
        return min(0.01, super().after(error, lived_seconds=lived_seconds))


class Bench:
    """A writer over a real spool and a real quarantine, and a store of ours."""

    def __init__(
        self, directory: Path, *, marked: bool = False, beside: Path | None = None, set_aside_bytes: int = 10**9
    ) -> None:
        self.lost: list[str] = []
        self.heard: list[facts.Fact] = []
        self.emptied = trio.Event()
        self.store = ScriptedStore()
        self.valve = Valve()
        self.spool = Spool(directory, 10**9, self.valve, self._hear)
        self.state = Database((beside or directory) / "state.sqlite3", STATE)
        self.quarantine = Quarantine(self.state, self.heard.append, maximum_bytes=set_aside_bytes, valve=self.valve)
        self.intake = Intake(Inbox(trio.open_memory_channel[list[Kept]](1)[1]))
        delivery = Delivery("influxdb", self.quarantine, self.heard.append)
        limits = BatchLimits(maximum_events=100, maximum_seconds=0.01)
        marks = Marks(("home",), self.store, self.spool, self._note_lost, lambda: 7201 * 10**9) if marked else None
        report = self.heard.append
        self.writer = Writer(
            self.spool, self.store, delivery, self.intake, limits, Quick(Random(1)), report, marks=marks
        )

    async def write_all(self) -> None:
        """Let the writer work until the spool is empty."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self.writer.run)
            with trio.fail_after(20):
                await self.emptied.wait()
            self.intake.ended.set()

    async def _note_lost(self, cause: str) -> None:
        self.lost.append(cause)

    def _hear(self, fact: facts.Fact) -> None:
        self.heard.append(fact)
        if isinstance(fact, facts.RecordsSpooled) and fact.pending_events == 0 and self.store.writes:
            self.emptied.set()

    def of(self, kind: type[F]) -> list[F]:
        return [fact for fact in self.heard if isinstance(fact, kind)]


@asynccontextmanager
async def bench(directory: Path, **options: Any) -> AsyncGenerator[Bench]:
    made = Bench(directory, **options)
    await made.spool.open()
    try:
        yield made
    finally:
        await made.spool.aclose()
        await made.state.aclose()


def counted(one: Bench) -> tuple[int, int, int]:
    written = sum(fact.events for fact in one.heard if isinstance(fact, facts.BatchWritten))
    quarantined = sum(fact.records for fact in one.heard if isinstance(fact, facts.RecordsQuarantined))
    expired = sum(fact.records for fact in one.heard if isinstance(fact, facts.RecordsExpired))
    return written, quarantined, expired


async def test_everything_is_written_in_its_order_and_acknowledged(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        for start in range(0, 300, 30):
            await one.spool.commit([event(start + number) for number in range(30)])
        await one.write_all()
        assert one.store.points == [event(number) for number in range(300)]
        assert max(one.store.writes) <= 100
        assert counted(one) == (300, 0, 0)


async def test_a_store_that_is_away_or_refuses_costs_nothing(tmp_path: Path) -> None:
    outages: list[IngestorError] = [
        Unavailable("no answer", code=ErrorCode.NO_ANSWER),
        Unavailable("later", code=ErrorCode.OVERLOADED, retry_after_seconds=0.001),
        CredentialsRefused("who are you?"),
        *[Unavailable("disk full", code=ErrorCode.SERVER_ERROR)] * 20,
    ]
    async with bench(tmp_path) as one:
        await one.spool.commit([event(number) for number in range(50)])
        one.store.answer = lambda _points: outages.pop() if outages else 0
        await one.write_all()
        assert set(one.store.points) == {event(number) for number in range(50)}
        assert (len(one.of(facts.RecordsQuarantined)), await one.quarantine.read()) == (0, [])


async def test_bad_points_are_found_and_set_aside_and_their_neighbours_stored(tmp_path: Path) -> None:
    bad = {event(number) for number in (0, 17, 18, 63, 99)}
    async with bench(tmp_path) as one:
        await one.spool.commit([event(number) for number in range(100)])
        one.store.answer = lambda points: Rejected("bad", code=ErrorCode.FIELD_CONFLICT) if bad & set(points) else 0
        await one.write_all()
        assert set(one.store.points) == {event(number) for number in range(100)} - bad
        held = await one.quarantine.read()
        assert ({found.record for found in held}, {found.code for found in held}) == (bad, {"field_conflict"})
        assert counted(one) == (95, 5, 0)


async def test_what_was_dropped_from_the_quarantine_does_not_come_back_with_a_restart(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await one.spool.commit([event(1), event(2)])
        one.store.answer = lambda points: Rejected("bad", code=ErrorCode.FIELD_CONFLICT) if event(2) in points else 0
        await one.write_all()
        assert await one.quarantine.remove(await one.quarantine.read()) == 1
    async with bench(tmp_path) as again:
        assert (again.spool.pending_records, await again.quarantine.read()) == (0, [])


async def test_each_write_carries_a_mark_of_the_batch_that_it_confirms(tmp_path: Path) -> None:
    async with bench(tmp_path, marked=True) as one:
        for number in range(3):
            await one.spool.commit([event(number) for number in range(number * 100, number * 100 + 100)])
        one.store.answer = lambda points: Rejected("bad", code=ErrorCode.REJECTED) if event(250) in points else 0
        await one.write_all()
        marks = [point for point in one.store.points if isinstance(point, StoreMark)]
        assert marks == [StoreMark(time_ns=7200 * 10**9, home="home", batch=batch) for batch in (1, 2, 3)]
        assert (one.store.writes[:3], one.lost) == ([0, 101, 101], [])


async def test_a_refused_batch_leaves_its_mark_all_the_same(tmp_path: Path) -> None:
    async with bench(tmp_path, marked=True) as one:
        await one.spool.commit([event(1)])
        one.store.answer = lambda points: Rejected("bad", code=ErrorCode.REJECTED) if event(1) in points else 0
        await one.write_all()
        assert one.store.points == [StoreMark(time_ns=7200 * 10**9, home="home", batch=1)]


async def test_a_store_with_a_mark_of_before_is_told_to_be_a_copy_of_before(tmp_path: Path) -> None:
    async with bench(tmp_path, marked=True) as one:
        for number in range(3):
            await one.spool.commit([event(number)])
        await one.write_all()
        await one.spool.sweep()
        old = StoreMark(time_ns=0, home="home", batch=2)
    async with bench(tmp_path, marked=True) as again:
        again.store.points = [event(0), event(1), old]
        await again.spool.commit([event(4)])
        await again.write_all()
        assert again.lost == ["store_restored"]


async def test_a_store_with_a_mark_of_later_says_that_the_spool_was_lost(tmp_path: Path) -> None:
    async with bench(tmp_path, marked=True) as one:
        one.store.points = [StoreMark(time_ns=0, home="home", batch=70)]
        await one.spool.commit([event(4)])
        await one.write_all()
        assert (one.lost, one.spool.newest_batch) == (["spool_lost"], 70)
        await one.spool.commit([event(5)])
        assert one.spool.newest_batch == 71
    async with bench(tmp_path, marked=True) as again:
        again.store.points = [StoreMark(time_ns=0, home="home", batch=70)]
        await again.spool.commit([event(6)])
        await again.write_all()
        assert again.lost == []


async def test_raw_events_go_to_the_quarantine(tmp_path: Path) -> None:
    raw = RawEvent(home="home", received_at_ns=5, text='{"type":', problem="it ends too soon")
    async with bench(tmp_path) as one:
        await one.spool.commit([event(1), raw, event(2)])
        await one.write_all()
        assert one.store.points == [event(1), event(2)]
        [held] = await one.quarantine.read()
        assert (held.record, held.code, held.message) == (raw, "undecodable", "it ends too soon")


REFUSED = Rejected("bad", code=ErrorCode.FIELD_CONFLICT)


async def until(is_so: Callable[[], bool]) -> None:
    with trio.fail_after(20):
        while not is_so():  # noqa: ASYNC110  the facts come from a thread
            await trio.sleep(0.001)


async def test_a_full_quarantine_leaves_what_is_refused_in_the_spool_until_there_is_room(tmp_path: Path) -> None:
    async with bench(tmp_path, set_aside_bytes=20 * len(pack_one(event(1)))) as one:
        for number in range(40):
            await one.spool.commit([event(number)])
        one.store.answer = lambda _points: REFUSED
        dropped: list[Record] = []
        async with trio.open_nursery() as nursery:
            await nursery.start(one.writer.run)
            while len(dropped) < 40:
                await until(lambda: one.valve.closed or not one.spool.pending_records)
                held = await one.quarantine.read()
                assert len(held) + len(dropped) + one.spool.pending_records == 40
                dropped += [found.record for found in held]
                await one.quarantine.remove(held)
            one.intake.ended.set()
        assert (len(dropped), set(dropped)) == (40, {event(number) for number in range(40)})
        assert (one.valve.closed, one.of(facts.StoreFailed)) == (False, [])
        assert counted(one)[1] == 40


async def test_what_is_refused_waits_in_the_spool_while_the_disk_of_the_quarantine_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2) as disk:
        async with bench(tmp_path, beside=disk.path) as one:
            one.quarantine.open_now()
            disk.fill()
            await one.spool.commit([event(number, attributes="x" * 9000) for number in range(40)])
            one.store.answer = lambda points: REFUSED if event(3, attributes="x" * 9000) in points else 0
            async with trio.open_nursery() as nursery:
                await nursery.start(one.writer.run)
                await until(lambda: len(one.of(facts.QuarantineFailed)) > 2)
                assert {fact.code for fact in one.of(facts.QuarantineFailed)} == {"disk_full"}
                assert (one.spool.pending_records, one.of(facts.StoreFailed)) == (40, [])
                disk.free()
                await until(lambda: not one.spool.pending_records)
                one.intake.ended.set()
            assert [found.record for found in await one.quarantine.read()] == [event(3, attributes="x" * 9000)]
            assert len({point.time_ns for point in one.store.points}) == 39


async def test_points_that_are_too_old_are_counted_as_expired(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await one.spool.commit([event(number) for number in range(10)])
        one.store.answer = lambda _points: 4
        await one.write_all()
        assert counted(one) == (6, 0, 4)


async def test_a_spool_that_is_found_damaged_while_it_is_read_is_told_with_the_next_write(tmp_path: Path) -> None:
    async with bench(tmp_path, marked=True) as one:
        for number in range(300):
            await one.spool.commit([event(number)])

        def damage(_points: Sequence[Point]) -> int:
            one.spool.damaged = len(one.store.writes) == 2 or one.spool.damaged
            return 0

        one.store.answer = damage
        await one.write_all()
        assert (one.lost, one.spool.damaged) == (["spool_lost"], False)


async def test_a_point_that_alone_keeps_failing_a_healthy_server_is_set_aside(tmp_path: Path) -> None:
    poison = event(7)
    async with bench(tmp_path) as one:
        await one.spool.commit([event(number) for number in range(20)])
        one.store.answer = lambda points: Unavailable("boom", code=ErrorCode.SERVER_ERROR) if poison in points else 0
        await one.write_all()
        assert set(one.store.points) == {event(number) for number in range(20)} - {poison}
        assert [found.record for found in await one.quarantine.read()] == [poison]


async def test_at_the_end_a_store_that_is_away_leaves_everything_in_the_spool(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        await one.spool.commit([event(1)])
        one.store.answer = lambda _points: Unavailable("no answer", code=ErrorCode.NO_ANSWER)
        one.intake.ended.set()
        with trio.fail_after(5):
            await one.writer.run()
        assert one.spool.pending_records == 1


async def test_a_cancelled_writer_repeats_and_loses_nothing(tmp_path: Path) -> None:
    async with bench(tmp_path) as one:
        for start in range(0, 2000, 50):
            await one.spool.commit([event(start + number) for number in range(50)])
        random = Random(3)
        while one.spool.pending_records:
            with trio.move_on_after(random.random() * 0.02):
                await one.writer.run()
        assert set(one.store.points) == {event(number) for number in range(2000)}
        assert one.spool.pending_records == 0
