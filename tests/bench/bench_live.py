"""How long a change takes to its commit and to its confirmed write, and whether it waits while a backlog drains.

The service as a process, COMMIT_SECONDS=1, beside a simulated home that makes 100 changes a second: with the embedded
database, which commits and writes at once, with an InfluxDB, and with that and a backlog in the spool. Commits are
timed one by one, writes by the histogram that the service exposes. Run it: `python -m tests.bench.bench_live`; which
InfluxDB that is, bench_cost tells. An argument is the number of events in the backlog.
"""

from __future__ import annotations

import math
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import trio
from msgspec import Struct

from ingestor.storage.spool import Spool
from ingestor.storage.valve import Valve
from tests.bench.ages import AgedIngestor
from tests.bench.bench_backlog import batches, tell_nobody
from tests.bench.bench_cost import Kind, database
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.simulated_home import SimHome

RATE = 100.0
SECONDS = 30.0


class Waits(Struct, frozen=True):
    """How old live events were at their commit and at their confirmed write: p50, p99, in seconds.

    Then how long the backlog took in seconds, and the peak of memory in MiB.
    """

    kind: Kind
    backlog: int
    commit: tuple[float, float]
    write: tuple[float, float]
    drained_seconds: float
    peak_mebibytes: int


def measure(kind: Kind, backlog: int = 0, seconds: float = SECONDS) -> Waits:
    """Run the service under a live load, with so many events in its spool."""
    home = SimHome(entities=500)
    home.start()
    with tempfile.TemporaryDirectory() as name, database(kind, Path(name) / "influxdb") as settings:
        directory = Path(name) / "run"
        if backlog:
            trio.run(_fill, directory, backlog)
        service = AgedIngestor(directory, HA_URL=home.url, HA_TOKEN=home.token, **settings)
        service.start()
        began = time.perf_counter()
        try:
            service.wait_connected()
            home.run(count=round(RATE * seconds), rate=RATE)
            wait_until(lambda: len(service.ages()) >= RATE * seconds, "every change is committed")
            commit, write = service.age_quantiles(), _write_quantiles(service)
            wait_until(lambda: _pending(service) < 2 * RATE, "the backlog is written", 600)
            drained, peak_mebibytes = time.perf_counter() - began, service.peak_mebibytes
        finally:
            service.stop()
            home.stop()
    return Waits(kind, backlog, commit, write, drained, peak_mebibytes)


async def _fill(directory: Path, events: int) -> None:
    spool = Spool(directory, 10**12, Valve(), tell_nobody)
    await spool.open()
    for batch in batches(events):
        await spool.commit(batch)
    await spool.aclose()


def _pending(service: Ingestor) -> float:
    found = re.search(r"^ingestor_pending_events (\S+)", service.text("/metrics"), re.MULTILINE)
    assert found
    return float(found[1])


def _write_quantiles(service: Ingestor) -> tuple[float, float]:
    pattern = r'^ingestor_write_age_seconds_bucket\{.*?le="([^"]+)".*?\} (\S+)'
    found = re.findall(pattern, service.text("/metrics"), re.MULTILINE)
    buckets = [(float(bound.replace("+Inf", "inf")), float(count)) for bound, count in found]
    return _quantile(buckets, 0.5), _quantile(buckets, 0.99)


def _quantile(buckets: list[tuple[float, float]], share: float) -> float:
    """Interpolate within the bucket, as Prometheus does."""
    wanted = share * buckets[-1][1]
    if not wanted:
        return math.nan
    below, before = 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted:
            return below if bound == float("inf") else below + (bound - below) * (wanted - before) / (count - before)
        below, before = bound, count
    return below


def table(found: Sequence[Waits]) -> str:
    """Return the figures as lines."""
    lines = ["database    backlog   commit p50 s   p99 s   write p50 s   p99 s   drained after s   peak memory MiB"]
    lines += [
        f"{one.kind:9} {one.backlog:9,} {one.commit[0]:14.2f} {one.commit[1]:7.2f} {one.write[0]:13.2f} "
        f"{one.write[1]:7.2f} {one.drained_seconds:17.1f} {one.peak_mebibytes:17}"
        for one in found
    ]
    return "\n".join(lines)


def main(backlog: int = 300_000) -> None:
    """Print the table."""
    found = [measure("embedded"), measure("influxdb"), measure("influxdb", backlog)]
    print(table(found))  # noqa: T201  a bench prints


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
