"""The committer: what comes is captured once, whatever the disk does."""

from __future__ import annotations

from collections.abc import Sequence

import trio
from trio.testing import MockClock

from ingestor.model.channels import Inbox
from ingestor.model.errors import Unavailable
from ingestor.model.gaps import Kept, Note
from ingestor.model.records import Record, Watermark
from ingestor.storage.committer import CommitLimits, Committer
from ingestor.storage.intake import Intake
from metrics import facts
from metrics.codes import ErrorCode
from tests.servers.records import event


class Disk:
    """A journal that records its commits with their times, and fails while told to."""

    def __init__(self) -> None:
        self.commits: list[tuple[float, list[Record]]] = []
        self.noted: list[Note] = []
        self.failure: ErrorCode | None = None

    async def open(self) -> list[Watermark]:
        self._serve()
        return [Watermark(at_ns=1, removed=False, series=event(7).series)]

    async def commit(self, records: Sequence[Record], *, live: bool = True, notes: Sequence[Note] = ()) -> None:
        assert live
        self.noted += notes
        await trio.lowlevel.checkpoint()
        self._serve()
        self.commits.append((trio.current_time(), list(records)))

    @property
    def records(self) -> list[Record]:
        return [record for _, records in self.commits for record in records]

    def _serve(self) -> None:
        if self.failure:
            raise Unavailable("the disk is full", code=self.failure)


class Bench:
    """A committer with its channel."""

    def __init__(self, limits: CommitLimits) -> None:
        self.sender, receiver = trio.open_memory_channel[list[Kept]](100)
        self.intake = Intake(Inbox(receiver))
        self.disk = Disk()
        self.heard: list[facts.Fact] = []
        self.committer = Committer(self.intake, self.disk, limits, self.heard.append, clock_ns=lambda: event(9).time_ns)


async def test_records_are_committed_together_at_intervals(autojump_clock: MockClock) -> None:
    bench = Bench(CommitLimits(seconds=5))
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.committer.run)
        for number in range(7):
            await bench.sender.send([event(number)])
            await trio.sleep(1)
        await bench.sender.aclose()
    assert [(round(at - began), len(records)) for at, records in bench.disk.commits] == [(5, 5), (7, 2)]
    assert bench.disk.records == [event(number) for number in range(7)]
    assert bench.intake.ended.is_set()


async def test_much_is_committed_at_once(autojump_clock: MockClock) -> None:
    bench = Bench(CommitLimits(seconds=60, due_bytes=3000))
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.committer.run)
        await bench.sender.send([event(number) for number in range(10)])
        await trio.sleep(1)
        assert [(round(at - began), len(records)) for at, records in bench.disk.commits] == [(0, 10)]
        await bench.sender.aclose()


async def test_a_disk_that_fails_is_tried_again_and_what_came_meanwhile_is_kept(autojump_clock: MockClock) -> None:
    bench = Bench(CommitLimits(seconds=1))
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.committer.run)
        bench.disk.failure = ErrorCode.DISK_FULL
        for number in range(8):
            await bench.sender.send([event(number)])
            await trio.sleep(1)
        assert (bench.disk.commits, bench.intake.valve.closed) == ([], False)
        bench.disk.failure = None
        await trio.sleep(3)
        assert bench.disk.records == [event(number) for number in range(8)]
        await bench.sender.aclose()
    failures = [fact.code for fact in bench.heard if isinstance(fact, facts.CommitFailed)]
    assert set(failures) == {ErrorCode.DISK_FULL}


async def test_when_much_is_held_the_valve_closes_until_the_disk_is_back(autojump_clock: MockClock) -> None:
    bench = Bench(CommitLimits(seconds=1, due_bytes=1000, held_bytes=10_000))
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.committer.run)
        bench.disk.failure = ErrorCode.DISK_FULL
        for number in range(30):
            await bench.sender.send([event(number)])
        await trio.sleep(20)
        assert list(bench.intake.valve.reasons) == ["disk_full"]
        assert len(bench.intake.inbox.held) < 20
        bench.disk.failure = None
        await trio.sleep(10)
        assert (bench.intake.valve.closed, bench.disk.records) == (False, [event(number) for number in range(30)])
        await bench.sender.aclose()


async def test_a_disk_that_is_away_at_the_start_holds_nothing_up(autojump_clock: MockClock) -> None:
    bench = Bench(CommitLimits(seconds=1))
    bench.disk.failure = ErrorCode.CAN_NOT_OPEN
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.committer.run)
        assert bench.intake.valve.closed
        bench.disk.failure = None
        await bench.sender.send([event(1)])
        await trio.sleep(5)
        assert not bench.intake.valve.closed
        await bench.sender.aclose()
    assert bench.disk.records == [event(1)]
    [mark] = bench.intake.marks("home")
    assert mark.series == event(7).series


async def test_a_cancelled_committer_repeats_what_it_held(autojump_clock: MockClock) -> None:
    bench = Bench(CommitLimits(seconds=5))
    for turn in range(10):
        await bench.sender.send([event(turn)])
        with trio.move_on_after(0.3):
            await bench.committer.run()
    assert len(bench.intake.inbox.held) == 10
    await bench.sender.aclose()
    await bench.committer.run()
    assert bench.disk.records == [event(number) for number in range(10)]


async def test_recent_events_and_ages_follow_a_commit(autojump_clock: MockClock) -> None:
    bench = Bench(CommitLimits(seconds=1))
    async with trio.open_nursery() as nursery:
        await nursery.start(bench.committer.run)
        await bench.sender.send([event(7), event(8)])
        await bench.sender.aclose()
    assert bench.intake.recent.newest(5) == [event(8), event(7)]
    [committed] = [fact for fact in bench.heard if isinstance(fact, facts.BatchCommitted)]
    assert (committed.records, committed.ages_seconds) == (2, (2.0, 1.0))
