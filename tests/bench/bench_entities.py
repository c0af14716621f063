"""What an event costs in a home of very many entities, against a small one: memory and caches must not make it dearer.

Three ways are measured, each to its end: decode, enrich and encode a line; the same into the embedded database; the
same into the spool. Every entity has changed once before; a batch is then drawn over all of them. CPU of the process,
the homes in turns. Run it: `python -m tests.bench.bench_entities`; an argument is the size of the larger home.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import trio
from msgspec import Struct

from ingestor.live.entities import Entities
from ingestor.live.frames import Frame
from ingestor.live.stream import Stream
from ingestor.model.records import Event
from ingestor.simulator.home import Json, SimulatedHome
from ingestor.storage.lines import LineEncoder
from ingestor.storage.spool import Spool
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.valve import Valve
from tests.bench.bench_backlog import WEATHER, tell_nobody
from tests.bench.bench_cost import Spread
from tests.bench.bench_pipeline import frames

FEW, MANY = 100, 100_000
EVENTS_IN_A_FRAME = 100
EVENTS_IN_A_BATCH = 2500  # what a second brings in a busy home

_PERSONS = {entity_id for entity_id in SimulatedHome(entities=FEW).ids if entity_id.startswith("person.")}

Sink: TypeAlias = Callable[[list[Event]], Awaitable[None]]


class Growth(Struct, frozen=True):
    """Microseconds of CPU per event in the small and in the large home, and the ratio by turn."""

    way: str
    few_us: Spread
    many_us: Spread
    ratio: Spread


class LargeHome(SimulatedHome):
    """A simulated home of so many entities, in which no more persons live than in a small one."""

    def change(self) -> Json:
        """Return the next change."""
        while True:
            event = super().change()
            if not event["data"]["entity_id"].startswith("person.") or event["data"]["entity_id"] in _PERSONS:
                return event


class Way:
    """A home with a stream of its own, which leads into one sink."""

    def __init__(self, entities: int, sink: Sink) -> None:
        self._home = LargeHome(entities=entities, recorded=1)
        self._stream = Stream("home", Entities(), lambda: WEATHER)
        self._sink = sink
        self._entities = entities

    async def warm(self) -> None:
        """Let every entity change once, and each cache fill."""
        for _ in range(-(-max(self._entities, EVENTS_IN_A_BATCH) // EVENTS_IN_A_BATCH)):
            await self.batch_us()

    async def batch_us(self) -> float:
        """Take a batch from its frames to the sink; return what an event of it cost."""
        texts = frames(EVENTS_IN_A_BATCH, EVENTS_IN_A_FRAME, self._home)
        began, events = time.process_time(), list[Event]()
        for text in texts:
            taken = self._stream.take([Frame(session=1, received_at_ns=0, text=text)])
            self._stream.accept()
            events += [record for record in taken.records if isinstance(record, Event)]
        await self._sink(events)
        spent = time.process_time() - began
        assert len(events) == EVENTS_IN_A_BATCH
        return spent / len(events) * 1e6


async def measure(rounds: int, many: int = MANY) -> list[Growth]:
    """Return the figures of every way."""
    found = []
    for name, open_sink in {"line": _lines, "embedded": _embedded, "spool": _spool}.items():
        with tempfile.TemporaryDirectory() as directory:
            ways = [Way(size, await open_sink(Path(directory) / str(size))) for size in (FEW, many)]
            for way in ways:
                await way.warm()
            turns = [[await way.batch_us() for way in ways] for _ in range(rounds)]
        few_us, many_us = (Spread.of(one) for one in zip(*turns, strict=True))
        found.append(Growth(name, few_us, many_us, Spread.of(large / small for small, large in turns)))
    return found


async def _lines(directory: Path) -> Sink:
    del directory
    encoder = LineEncoder()

    async def encode(events: list[Event]) -> None:
        encoder.encode(events)

    return encode


async def _embedded(directory: Path) -> Sink:
    store = SQLiteStore(directory, retention_days=0)
    await store.open()

    async def write(events: list[Event]) -> None:
        await store.write(events, live=True)

    return write


async def _spool(directory: Path) -> Sink:
    spool = Spool(directory, 10**9, Valve(), tell_nobody)
    await spool.open()
    commits = 0

    async def commit(events: list[Event]) -> None:
        nonlocal commits
        await spool.commit(events)
        spool.acknowledge([commits := commits + 1])

    return commit


def table(found: list[Growth]) -> str:
    """Return the figures as lines."""
    lines = ["to         us an event, 100 entities   many entities              ratio"]
    lines += [f"{one.way:8}   {one.few_us!s:25}   {one.many_us!s:25}  {one.ratio}" for one in found]
    return "\n".join(lines)


def main(many: int = MANY, rounds: int = 20) -> None:
    """Print the table."""
    print(table(trio.run(measure, rounds, many)))  # noqa: T201  a bench prints


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
