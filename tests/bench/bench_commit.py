"""What storing an event costs, behind the enrichment: into the embedded database, or through the spool into lines.

CPU of the process, threads included, because a disk's own time differs tenfold from run to run. The events of a round
are made beforehand. Run it: `python -m tests.bench.bench_commit`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from statistics import median

import trio
from pydantic import SecretStr

from ingestor.assembly.files import STATE
from ingestor.model.channels import Inbox
from ingestor.model.gaps import Kept
from ingestor.storage.batcher import Retry
from ingestor.storage.committer import CommitLimits, Committer
from ingestor.storage.database import Database
from ingestor.storage.delivery import Delivery
from ingestor.storage.influxdb import InfluxDBStore
from ingestor.storage.intake import Intake
from ingestor.storage.journal import EmbeddedJournal, Journal
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.spool import Spool
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.store import Store
from ingestor.storage.valve import Valve
from ingestor.storage.writer import BatchLimits, Writer
from tests.bench.bench_backlog import batches, tell_nobody

SIZES = (100, 3000)  # events in a commit: of a second at 100/s, and at 3,000/s


class NoServer(InfluxDBStore):
    """Encodes lines, and sends them nowhere."""

    def __init__(self) -> None:
        super().__init__(url="http://localhost", token=SecretStr(""), org="", bucket="", retention_days=0)

    async def prepare(self) -> None:
        """Do nothing."""

    def _write(self, lines: bytes) -> None:
        """Do nothing."""


async def embedded(directory: Path, commits: list[list[Kept]]) -> float:
    """Return the CPU seconds until the embedded database has all commits."""
    store = SQLiteStore(directory, retention_days=0)
    spool = Spool(directory, 10**12, Valve(), tell_nobody)
    async with _delivery(directory, store) as delivery:
        sender, intake = _entrance()
        spent = await _timed(intake, EmbeddedJournal(store, spool, delivery, tell_nobody), sender, commits)
    await spool.aclose()
    return spent


async def spooled(directory: Path, commits: list[list[Kept]]) -> float:
    """Return the CPU seconds until the writer has made lines of all commits; it is not behind."""
    store, spool = NoServer(), Spool(directory, 10**12, Valve(), tell_nobody)
    async with _delivery(directory, store) as delivery:
        sender, intake = _entrance()
        limits = BatchLimits(maximum_events=5000, maximum_seconds=0)
        writer = Writer(spool, store, delivery, intake, limits, Retry(Random(1)), tell_nobody)
        spent = await _timed(intake, spool, sender, commits, writer)
    await spool.aclose()
    return spent


@asynccontextmanager
async def _delivery(directory: Path, store: Store) -> AsyncGenerator[Delivery]:
    state = Database(directory / "state.sqlite3", STATE)
    yield Delivery(store.name, Quarantine(state, tell_nobody), tell_nobody)
    await store.aclose()
    await state.aclose()


def _entrance() -> tuple[trio.MemorySendChannel[list[Kept]], Intake]:
    sender, receiver = trio.open_memory_channel[list[Kept]](0)
    return sender, Intake(Inbox(receiver))


async def _timed(
    intake: Intake,
    journal: Journal,
    sender: trio.MemorySendChannel[list[Kept]],
    commits: list[list[Kept]],
    writer: Writer | None = None,
) -> float:
    """Let the committer take one commit after the other, and the writer follow."""
    committer = Committer(intake, journal, CommitLimits(seconds=0), tell_nobody)
    async with trio.open_nursery() as nursery:
        await nursery.start(committer.run)
        began = time.process_time()
        if writer is not None:
            nursery.start_soon(writer.run)
        async with sender:
            for records in commits:
                await sender.send(records)
    return time.process_time() - began


def measure(events: int, rounds: int, sizes: Iterable[int] = SIZES) -> dict[tuple[str, int], float]:
    """Return the microseconds per event, by way and commit size; the ways in turns."""
    taken: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for size in sizes:
            records = [event for batch in batches(events) for event in batch]
            commits: list[list[Kept]] = [list(records[at : at + size]) for at in range(0, len(records), size)]
            for way in (embedded, spooled):
                with tempfile.TemporaryDirectory() as directory:
                    spent = trio.run(way, Path(directory), commits)
                taken.setdefault((way.__name__, size), []).append(spent / len(records) * 1e6)
    return {key: median(times) for key, times in taken.items()}


def main(events: int = 30_000, rounds: int = 5) -> None:
    """Print the table."""
    print("way        events a commit   us an event")  # noqa: T201  a bench prints
    for (way, size), cost in measure(events, rounds).items():
        print(f"{way:10} {size:15}   {cost:11.2f}")  # noqa: T201  a bench prints


if __name__ == "__main__":
    main()
