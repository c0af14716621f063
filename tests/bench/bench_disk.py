"""What capturing writes to the disk in a day: bytes, and fsyncs where `strace` is there to count them.

A part of the day is committed as fast as it goes, and counted up. Run it: `python -m tests.bench.bench_disk`.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import trio
from msgspec import Struct

from ingestor.model.records import Event, Record
from ingestor.storage.spool import Spool
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.valve import Valve
from tests.bench.bench_backlog import batches, tell_nobody

DAY_SECONDS = 86_400
COMMITS = 1000  # of the day, that are done


class Day(Struct, frozen=True):
    """A day's load, and how it is captured."""

    journal: str
    events: int
    commit_seconds: float

    @property
    def commits(self) -> float:
        """How many commits it takes: none while nothing comes."""
        return min(self.events, DAY_SECONDS / self.commit_seconds)


DAYS = [Day(journal, events, seconds) for journal in ("spool", "embedded") for events in (10_000, 500_000)
        for seconds in (1, 10)]  # fmt: skip


async def capture(day: Day, directory: Path, commits: int) -> None:
    """Commit a part of the day; the spool's writer acknowledges each batch."""
    each = max(1, round(day.events / day.commits))
    events: list[Event] = [event for batch in batches(-(-commits * each // 5000) * 5000) for event in batch]
    parts: list[list[Record]] = [list(events[number * each : (number + 1) * each]) for number in range(commits)]
    if day.journal == "embedded":
        store = SQLiteStore(directory, retention_days=0)
        await store.open()
        for part in parts:
            await store.write([event for event in part if isinstance(event, Event)], live=True)
        await store.aclose()
        return
    spool = Spool(directory, 10**9, Valve(), tell_nobody)
    await spool.open()
    for number, part in enumerate(parts):
        await spool.commit(part)
        spool.acknowledge([number + 1])
    await spool.aclose()


def bytes_written(day: Day, commits: int) -> int:
    """Return how many bytes the kernel was given to write."""
    with tempfile.TemporaryDirectory() as name:
        before = _io("write_bytes")
        trio.run(capture, day, Path(name), commits)
        return _io("write_bytes") - before


def fsyncs(day: Day, commits: int) -> int | None:
    """Return how many fsyncs it took; none where nothing can count them."""
    if shutil.which("strace") is None:
        return None
    with tempfile.TemporaryDirectory() as name:
        arguments = [str(DAYS.index(day)), str(commits), name]
        command = ["strace", "-f", "-c", "-e", "trace=fsync,fdatasync", sys.executable, "-m", __spec__.name, *arguments]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return sum(int(line.split()[3]) for line in said.splitlines() if re.search(r"\bf(data)?sync$", line))


def _io(name: str) -> int:
    text = Path("/proc/self/io").read_text(encoding="ascii")
    return int(dict(line.split(": ") for line in text.splitlines())[name])


def main() -> None:
    """Print the table."""
    print("journal    events/day  COMMIT_SECONDS  commits/day    MB/day  bytes/event  fsyncs/day")  # noqa: T201  a bench prints
    for day in DAYS:
        share = day.commits / COMMITS
        written, synced = bytes_written(day, COMMITS) * share, fsyncs(day, COMMITS)
        print(  # noqa: T201  a bench prints
            f"{day.journal:9} {day.events:11,} {day.commit_seconds:15g} {day.commits:12,.0f} {written / 1e6:9,.0f} "
            f"{written / day.events:12,.0f}  {'?' if synced is None else f'{synced * share:,.0f}':>10}"
        )


if __name__ == "__main__":
    if sys.argv[1:]:
        trio.run(capture, DAYS[int(sys.argv[1])], Path(sys.argv[3]), int(sys.argv[2]))
    else:
        main()
