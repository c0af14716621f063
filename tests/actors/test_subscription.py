"""The subscription between two channels in memory, and what a crash between any two of its steps leaves."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import trio

from ingestor.live.entities import Entities
from ingestor.live.frames import Frame, HomeMessage
from ingestor.live.stream import HELD_SECONDS, Location, Stream
from ingestor.live.subscription import Subscription
from ingestor.model.channels import Inbox, Outbox
from ingestor.model.gaps import Kept
from ingestor.model.records import Event
from metrics import facts
from tests.actors.crashes import Crash
from tests.servers.changes import change, frame_of
from tests.servers.samples import frame


class Outboxed(Outbox[Kept]):
    """An outbox that fails when told to: before it takes records, or before or after it sends them."""

    def __init__(self, channel: trio.MemorySendChannel[list[Kept]]) -> None:
        super().__init__(channel)
        self.fail_at: str | None = None

    def extend(self, items: Iterable[Kept]) -> None:
        self._maybe("extend")
        super().extend(items)

    async def flush(self) -> None:
        self._maybe("before flush")
        await super().flush()
        self._maybe("after flush")

    def _maybe(self, place: str) -> None:
        if self.fail_at == place:
            self.fail_at = None
            raise Crash(place)


class Bench:
    """A subscription with its surroundings, which outlive it."""

    def __init__(self) -> None:
        self.frames, received = trio.open_memory_channel[list[HomeMessage]](200)
        send, self.records = trio.open_memory_channel[list[Kept]](100)
        self.commands, self.asked = trio.open_memory_channel[list[str]](1)
        self.outbox = Outboxed(send)
        self.places: list[Location] = []
        self.reported: list[facts.Fact] = []
        self.fail_report = False
        self.stream = Stream("home", Entities())
        self.subscription = Subscription(
            self.stream, Inbox(received), self.outbox, self.commands, self._report, self.places.append
        )

    def put(self, *texts: str) -> None:
        self.frames.send_nowait([Frame(session=1, received_at_ns=0, text=text) for text in texts])

    async def states(self) -> list[str | None]:
        """Return the states of all events that came out, once the stream has ended."""
        return [record.state async for part in self.records for record in part if isinstance(record, Event)]

    async def run_until_done(self) -> list[str]:
        """Run it, and again after each crash, as its supervisor would; return the crashes."""
        crashes: list[str] = []
        while True:
            try:
                await self.subscription.run()
            except Crash as crash:
                crashes.append(str(crash))
            else:
                return crashes

    def _report(self, fact: facts.Fact) -> None:
        if self.fail_report:
            self.fail_report = False
            raise Crash("report")
        self.reported.append(fact)


@pytest.mark.parametrize("place", ["extend", "before flush", "after flush", "report", None])
async def test_a_crash_between_any_two_steps_loses_and_doubles_nothing(place: str | None) -> None:
    bench = Bench()
    for number in range(0, 40, 2):
        bench.put(frame_of(change(number), change(number)), frame_of(change(number + 1)))
    bench.frames.close()
    bench.outbox.fail_at, bench.fail_report = place, place == "report"
    with trio.fail_after(5):
        assert await bench.run_until_done() == ([place] if place else [])
        assert await bench.states() == [str(number) for number in range(40)]


async def test_a_cancel_while_the_next_stage_is_slow_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    bench = Bench()
    for number in range(200):
        bench.put(frame_of(change(number)))
    bench.frames.close()
    for _ in range(3):
        with trio.move_on_after(1):
            await bench.subscription.run()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.subscription.run)
        assert await bench.states() == [str(number) for number in range(200)]


async def test_what_waits_for_the_registries_waits_no_longer_where_nothing_comes_any_more(
    autojump_clock: trio.testing.MockClock,
) -> None:
    bench = Bench()
    bench.put(frame("event_entity_registry_updated_update"), frame_of(change(1, entity_id="sensor.born")))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.subscription.run)
        await trio.sleep(HELD_SECONDS / 2)
        assert (bench.stream.held, bench.records.statistics().current_buffer_used) == (1, 0)
        await trio.sleep(HELD_SECONDS)
        assert bench.stream.held == 0
        bench.frames.close()
        assert await bench.states() == ["1"]


async def test_stale_answers_are_asked_for_once_the_connection_listens() -> None:
    bench = Bench()
    bench.commands.send_nowait(["occupied"])
    bench.put(frame("event_area_registry_updated_create"))
    bench.put(frame("event_entity_registry_updated_update"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.subscription.run)
        await trio.testing.wait_all_tasks_blocked()
        assert await bench.asked.receive() == ["occupied"]
        bench.put(frame("ping"))
        assert await bench.asked.receive() == ["areas", "entities"]
        bench.frames.close()
