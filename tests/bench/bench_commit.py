"""What storing an event costs, behind the enrichment: into the embedded database, or through the spool into lines.

CPU of the process, threads included, because a disk's own time differs tenfold from run to run. The events of a round
are made beforehand. Run it: `python -m tests.bench.bench_commit`.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import trio

from ingestor.model.channels import Inbox
from ingestor.model.gaps import Kept
from ingestor.model.records import Event
from ingestor.storage.committer import CommitLimits, Committer
from ingestor.storage.database import Database
from ingestor.storage.delivery import Delivery
from ingestor.storage.intake import Intake
from ingestor.storage.journal import EmbeddedJournal, Journal
from ingestor.storage.lines import LineEncoder
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.spool import Spool
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.valve import Valve
from tests.bench.bench_backlog import batches, tell_nobody

SIZES = (100, 3000)  # events in a commit: of a second at 100/s, and at 3,000/s


async def embedded(directory: Path, commits: list[list[Kept]]) -> float:
    """Return the CPU seconds until the embedded database has all commits."""
    store = SQLiteStore(directory, retention_days=0)
    state = Database(directory / "state.sqlite3", ("state.sql",), 1)
    delivery = Delivery(store.name, Quarantine(state, tell_nobody), tell_nobody)
    spent = await _committed(EmbeddedJournal(store, delivery, tell_nobody), commits)
    await store.aclose()
    await state.aclose()
    return spent


async def spooled(directory: Path, commits: list[list[Kept]]) -> float:
    """Return the CPU seconds until the spool has all commits, and has given them out as lines."""
    spool, encoder = Spool(directory, 10**12, Valve(), tell_nobody), LineEncoder()
    spent = await _committed(spool, commits)
    began = time.process_time()
    after = 0
    while batch := await spool.due(5000, after):
        after = batch.ids[-1]
        encoder.encode(record for record in batch.records if isinstance(record, Event))
    spent += time.process_time() - began
    await spool.aclose()
    return spent


async def _committed(journal: Journal, commits: list[list[Kept]]) -> float:
    """Let the committer take one commit after the other."""
    sender, receiver = trio.open_memory_channel[list[Kept]](0)
    intake = Intake(Inbox(receiver))
    committer = Committer(intake, journal, CommitLimits(seconds=0), tell_nobody)
    async with trio.open_nursery() as nursery:
        await nursery.start(committer.run)
        began = time.process_time()
        async with sender:
            for records in commits:
                await sender.send(records)
        await intake.ended.wait()
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
