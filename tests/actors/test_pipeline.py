"""A pipeline whose every stage crashes and is cancelled at random, at every place where it can be."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import trio
from trio.testing import MockClock

from ingestor.model.channels import Inbox, Outbox
from supervisors import Backoff, ChildSpec, Intensity, Restart, StopOrder, Strategy, Supervisor

AT_ONCE = Backoff(initial_seconds=0, maximum_seconds=0)
NO_LIMIT = Intensity(restarts=10**9, period_seconds=1)
LONGEST_LIST = 10
CRASH_PROBABILITY = 0.01


class Chance:
    """Decides where the pipeline breaks."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.crashes = 0
        self.cancels = 0

    def may_crash(self) -> None:
        if self.random.random() < CRASH_PROBABILITY:
            self.crashes += 1
            raise RuntimeError("chance")


class Stage:
    """What all stages share: a scope through which they are cancelled at any await."""

    def __init__(self, chance: Chance) -> None:
        self.chance = chance
        self.scope = trio.CancelScope()

    async def run(self, *, task_status: Any) -> None:
        task_status.started()
        with trio.CancelScope() as self.scope:
            await self.work()
        if self.scope.cancelled_caught:
            raise RuntimeError("cancelled")

    async def work(self) -> None:
        raise NotImplementedError


class Source(Stage):
    """Hands out numbers; like a log on disk it knows which come next."""

    def __init__(self, chance: Chance, items: int, outbox: Outbox[int]) -> None:
        super().__init__(chance)
        self.left = range(items)
        self.outbox = outbox

    async def work(self) -> None:
        await self.outbox.flush()
        while self.left:
            self.chance.may_crash()
            size = self.chance.random.randint(1, LONGEST_LIST)
            self.outbox.extend(self.left[:size])
            self.left = self.left[size:]
            self.chance.may_crash()
            await self.outbox.flush()
        await self.outbox.aclose()


class Relay(Stage):
    def __init__(self, chance: Chance, inbox: Inbox[list[int]], outbox: Outbox[int]) -> None:
        super().__init__(chance)
        self.inbox = inbox
        self.outbox = outbox

    async def work(self) -> None:
        await self.outbox.flush()
        while True:
            try:
                items = await self.inbox.peek()
            except trio.EndOfChannel:
                break
            self.chance.may_crash()
            self.outbox.extend(items)
            self.inbox.commit()
            self.chance.may_crash()
            await self.outbox.flush()
        await self.outbox.aclose()


class Sink(Stage):
    def __init__(self, chance: Chance, inbox: Inbox[list[int]], received: list[int]) -> None:
        super().__init__(chance)
        self.inbox = inbox
        self.received = received

    async def work(self) -> None:
        while True:
            try:
                items = await self.inbox.peek()
            except trio.EndOfChannel:
                return
            self.chance.may_crash()
            self.received.extend(items)
            self.inbox.commit()
            self.chance.may_crash()
            await trio.lowlevel.checkpoint()


class ForgetfulRelay(Relay):
    """What one writes without an inbox."""

    async def work(self) -> None:
        while True:
            try:
                items = await self.inbox._channel.receive()
            except trio.EndOfChannel:
                break
            self.chance.may_crash()
            await self.outbox._channel.send(items)
        await self.outbox.aclose()


async def pump(items: int, chance: Chance, relay: type[Relay], strategy: Strategy) -> list[int]:
    """Let the numbers run through four stages that break; return what came out."""
    received: list[int] = []
    channels = [trio.open_memory_channel[list[int]](size) for size in (0, 1, 4)]
    ends = [(Outbox(sender), Inbox(receiver)) for sender, receiver in channels]
    stages = [
        Source(chance, items, ends[0][0]),
        *(relay(chance, inbox, outbox) for (_, inbox), (outbox, _) in pairwise(ends)),
        Sink(chance, ends[-1][1], received),
    ]
    specs = [
        ChildSpec(id=f"{number}", start=stage.run, restart=Restart.TRANSIENT, backoff=AT_ONCE)
        for number, stage in enumerate(stages)
    ]
    rules: dict[str, Any] = {"strategy": strategy, "stop_order": StopOrder.START_ORDER, "intensity": NO_LIMIT}
    supervisor = Supervisor("pipeline", specs, **rules)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        while any(child.state != "down" for child in supervisor.snapshot().children):
            for _ in range(chance.random.randint(1, 100)):
                await trio.lowlevel.checkpoint()
            chance.random.choice(stages).scope.cancel()
            chance.cancels += 1
        supervisor.stop()
    return received


async def test_of_100_000_items_none_is_lost_none_doubled_and_the_order_kept(autojump_clock: MockClock) -> None:
    chance = Chance(1)
    received = await pump(100_000, chance, Relay, Strategy.ONE_FOR_ONE)
    assert received == list(range(100_000))
    assert chance.crashes > 1000
    assert chance.cancels > 1000


async def test_siblings_that_are_restarted_together_lose_nothing_either(autojump_clock: MockClock) -> None:
    for strategy in (Strategy.REST_FOR_ONE, Strategy.ONE_FOR_ALL):
        assert await pump(5_000, Chance(2), Relay, strategy) == list(range(5_000))


async def test_the_same_accidents_lose_items_without_an_inbox(autojump_clock: MockClock) -> None:
    received = await pump(5_000, Chance(3), ForgetfulRelay, Strategy.ONE_FOR_ONE)
    assert 0 < len(received) < 5_000
