"""Whether live events wait longer for their commit while a backlog drains: the service as a process, and an InfluxDB.

First with an empty spool, then with a backlog, with the database of TEST_INFLUXDB_URL, TEST_INFLUXDB_TOKEN and
TEST_INFLUXDB_ORG. Run it: `python -m tests.bench.bench_live`; an argument is the number of events in the backlog.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import httpx
import psutil
import trio
from msgspec import Struct

from ingestor.storage.spool import Spool
from ingestor.storage.valve import Valve
from tests.bench.bench_backlog import batches, tell_nobody
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.simulated_home import SimHome

RATE = 100.0
SECONDS = 30.0


class Waits(Struct, frozen=True):
    """How old live events were at their commit and, with no backlog, at their confirmed write: p50, p99, in seconds.

    Then how long the backlog took in seconds, and the peak of memory in MB.
    """

    commit: tuple[float, float]
    write: tuple[float, float]
    drained_seconds: float
    peak_mb: float


def measure(backlog: int) -> Waits:
    """Run the service under a live load, with so many events in its spool."""
    home = SimHome(entities=500)
    home.start()
    url, token, org = (os.environ[f"TEST_INFLUXDB_{name}"] for name in ("URL", "TOKEN", "ORG"))
    influxdb = {"INFLUXDB_URL": url, "INFLUXDB_TOKEN": token, "INFLUXDB_ORG": org}
    with tempfile.TemporaryDirectory() as name:
        if backlog:
            trio.run(_fill, Path(name), backlog)
        service = Ingestor(
            Path(name), HA_URL=home.url, HA_TOKEN=home.token, INFLUXDB_BUCKET=f"bench-{uuid4().hex}", **influxdb
        )
        service.start()
        began = time.perf_counter()
        try:
            service.wait_connected()
            home.run(count=round(RATE * SECONDS), rate=RATE)
            commit, write = (_quantiles(service, name) for name in ("commit", "write"))
            wait_until(lambda: _sample(service, "ingestor_pending_events") < 2 * RATE, "the backlog is written", 600)
            drained = time.perf_counter() - began
            peak = _peak_mb(service.pid)
        finally:
            service.stop()
            home.stop()
    return Waits(commit, write, drained, peak)


async def _fill(directory: Path, events: int) -> None:
    spool = Spool(directory, 10**12, Valve(), tell_nobody)
    await spool.open()
    for batch in batches(events):
        await spool.commit(batch)
    await spool.aclose()


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{psutil.Process(pid).pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) / 1024


def _exposed(service: Ingestor) -> str:
    return httpx.get(f"{service.url}/metrics", timeout=30).text


def _sample(service: Ingestor, name: str) -> float:
    found = re.search(rf"^{name} (\S+)", _exposed(service), re.MULTILINE)
    assert found
    return float(found[1])


def _quantiles(service: Ingestor, name: str) -> tuple[float, float]:
    pattern = rf'^ingestor_{name}_age_seconds_bucket\{{.*?le="([^"]+)".*?\}} (\S+)'
    found = re.findall(pattern, _exposed(service), re.MULTILINE)
    buckets = [(float(bound.replace("+Inf", "inf")), float(count)) for bound, count in found]
    return _quantile(buckets, 0.5), _quantile(buckets, 0.99)


def _quantile(buckets: list[tuple[float, float]], share: float) -> float:
    """Interpolate within the bucket, as Prometheus does."""
    wanted = share * buckets[-1][1]
    below, before = 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted:
            return below if bound == float("inf") else below + (bound - below) * (wanted - before) / (count - before)
        below, before = bound, count
    return below


def main(backlog: int = 300_000) -> None:
    """Print the table."""
    print("backlog   commit p50 s   p99 s   write p50 s   p99 s   drained after s   peak memory MB")  # noqa: T201  a bench prints
    for events in (0, backlog):
        one = measure(events)
        commit, write = ("   ".join(f"{wait:.2f}" for wait in waits) for waits in (one.commit, one.write))
        line = f"{events:7} {commit:>21} {write if not events else '-':>21} {one.drained_seconds:17.1f}"
        print(f"{line} {one.peak_mb:16.0f}")  # noqa: T201  a bench prints


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
