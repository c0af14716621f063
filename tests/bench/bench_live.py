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
    """How old live events were at their commit, in seconds; how long the backlog took; the peak of memory, in MB."""

    p50: float
    p99: float
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
            buckets = _buckets(service)
            wait_until(lambda: _sample(service, "ingestor_pending_events") < 2 * RATE, "the backlog is written", 600)
            drained = time.perf_counter() - began
            peak = _peak_mb(service.pid)
        finally:
            service.stop()
            home.stop()
    return Waits(_quantile(buckets, 0.5), _quantile(buckets, 0.99), drained, peak)


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


def _buckets(service: Ingestor) -> list[tuple[float, float]]:
    found = re.findall(r'^ingestor_commit_age_seconds_bucket\{le="(\S+)"\} (\S+)', _exposed(service), re.MULTILINE)
    return [(float(bound.replace("+Inf", "inf")), float(count)) for bound, count in found]


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
    print("backlog   commit age p50 s   p99 s   drained after s   peak memory MB")  # noqa: T201  a bench prints
    for events in (0, backlog):
        one = measure(events)
        print(f"{events:7}   {one.p50:16.2f}   {one.p99:5.2f}   {one.drained_seconds:15.1f}   {one.peak_mb:14.0f}")  # noqa: T201


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
