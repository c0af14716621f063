"""How fast a backlog in the spool drains into a store, against a loop that feeds the store the same batches.

Both are measured in turns. Memory is this process's own peak. Run it: `python -m tests.bench.bench_backlog sqlite`, or
`influxdb` with TEST_INFLUXDB_URL, TEST_INFLUXDB_TOKEN and TEST_INFLUXDB_ORG set; a second argument is the number of
events in all, a million unless told.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from uuid import uuid4

import trio
from msgspec import Struct
from pydantic import SecretStr

from ingestor.assembly.files import STATE
from ingestor.live.entities import Entities
from ingestor.live.frames import Frame
from ingestor.live.stream import Stream
from ingestor.model.channels import Inbox
from ingestor.model.gaps import Kept
from ingestor.model.records import Event, Point, WeatherObservation
from ingestor.simulator.home import SimulatedHome
from ingestor.storage.batcher import Retry
from ingestor.storage.database import Database
from ingestor.storage.delivery import Delivery
from ingestor.storage.influxdb import InfluxDBStore
from ingestor.storage.intake import Intake
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.spool import Spool
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.store import Store
from ingestor.storage.valve import Valve
from ingestor.storage.writer import BatchLimits, Writer
from metrics import facts
from tests.bench.bench_pipeline import frames

RECORDS_IN_A_BATCH = 5000
ENTITIES = 500
WEATHER = WeatherObservation(
    location="52,5", temperature=7.5, humidity=81.0, pressure=1013.0, condition="rain", observed_at=1_795_421_000
)


class Round(Struct, frozen=True):
    """Events a second: of the loop, of the drain, and their ratio."""

    loop: float
    drain: float

    @property
    def ratio(self) -> float:
        """The drain's share of the loop's rate."""
        return self.drain / self.loop


def batches(events: int) -> Iterator[list[Event]]:
    """Yield batches of a simulated home's events, with every field; each call gives new ones."""
    home, stream = (
        SimulatedHome(entities=ENTITIES, seed=time.monotonic_ns()),
        Stream("home", Entities(), lambda: WEATHER),
    )
    for _ in range(events // RECORDS_IN_A_BATCH):
        taken = stream.take([Frame(session=1, received_at_ns=0, text=t) for t in frames(RECORDS_IN_A_BATCH, 1, home)])
        stream.accept()
        yield [record for record in taken.records if isinstance(record, Event)]


async def measure(make_store: Callable[[], Store], directory: Path, events: int, rounds: int) -> list[Round]:
    """Return the rates of each round; the backlog of a round is on the disk before it is drained."""
    found = []
    for number in range(rounds):
        place = directory / str(number)
        loop = events / await _loop(make_store(), events)
        spool = Spool(place, 10**12, Valve(), tell_nobody)
        await spool.open()
        for batch in batches(events):
            await spool.commit(batch)
        drain = events / await _drain(spool, make_store(), place)
        found.append(Round(loop, drain))
    return found


async def _loop(store: Store, events: int) -> float:
    """Feed the store; return the seconds that it took, without the making of the batches."""
    await store.prepare()
    spent = 0.0
    for batch in batches(events):
        points: list[Point] = list(batch)
        began = time.perf_counter()
        await store.write(points)
        spent += time.perf_counter() - began
    await store.aclose()
    return spent


async def _drain(spool: Spool, store: Store, place: Path) -> float:
    """Let the writer empty the spool; return the seconds that it took."""
    state = Database(place / "state.sqlite3", STATE)
    intake = Intake(Inbox(trio.open_memory_channel[list[Kept]](1)[1]))
    intake.ended.set()
    delivery = Delivery(store.name, Quarantine(state, tell_nobody), tell_nobody)
    limits = BatchLimits(maximum_events=RECORDS_IN_A_BATCH, maximum_seconds=1)
    writer = Writer(spool, store, delivery, intake, limits, Retry(Random(1)), tell_nobody)
    began = time.perf_counter()
    await writer.run()
    spent = time.perf_counter() - began
    assert spool.pending_records == 0
    for file in (spool, store, state):
        await file.aclose()
    return spent


def tell_nobody(_fact: facts.Fact) -> None:
    """Count nothing."""


def _store(kind: str, directory: Path) -> Store:
    if kind == "sqlite":
        return SQLiteStore(directory / uuid4().hex, retention_days=0)
    url, token, org = (os.environ[f"TEST_INFLUXDB_{name}"] for name in ("URL", "TOKEN", "ORG"))
    bucket = f"bench-{uuid4().hex}"
    return InfluxDBStore(url=url, token=SecretStr(token), org=org, bucket=bucket, retention_days=0)


def main(kind: str = "sqlite", events: int = 1_000_000, rounds: int = 4) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        found = trio.run(measure, partial(_store, kind, directory), directory, events // rounds, rounds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{kind}: loop events/s   drain events/s   ratio")  # noqa: T201  a bench prints
    for one in found:
        print(f"{one.loop:20.0f} {one.drain:16.0f}   {one.ratio:.2f}")  # noqa: T201  a bench prints
    print(f"median ratio {median(one.ratio for one in found):.2f}, peak memory {peak:.0f} MB")  # noqa: T201  a bench prints


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "sqlite", *map(int, sys.argv[2:3]))
