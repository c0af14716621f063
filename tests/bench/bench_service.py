"""What the whole service costs as a process of its own, beside a simulated home: CPU, memory, and how far it is behind.

Run it: `python -m tests.bench.bench_service`. CPU is in per cent of one core, from the process's own account.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil
from msgspec import Struct

from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.simulated_home import SimHome

DAY_SECONDS = 86_400
LOADS = ((10_000 / DAY_SECONDS, 60), (100, 30), (1_000, 20), (5_000, 20))  # changes a second, for so many seconds


class Cost(Struct, frozen=True):
    """What a load cost. Ages are those of events at their commit, in seconds, by the histogram's buckets."""

    rate: float
    made: int
    stored: int
    behind_seconds: float
    cpu_percent: float
    memory_mb: float
    commit_p50: str
    commit_p99: str


def measure(rate: float, seconds: float) -> Cost:
    """Run the service under a load."""
    home = SimHome(entities=500)
    home.start()
    with tempfile.TemporaryDirectory() as name:
        service = Ingestor(Path(name), HA_URL=home.url, HA_TOKEN=home.token)
        service.start()
        try:
            service.wait_connected()
            process = psutil.Process(service.pid)
            before, began = sum(process.cpu_times()[:2]), time.perf_counter()
            made = max(1, round(rate * seconds))
            home.run(count=made, rate=rate)
            time.sleep(max(0.0, began + seconds - time.perf_counter()))
            spent = time.perf_counter() - began
            cpu = sum(process.cpu_times()[:2]) - before
            wait_until(lambda: _stored(service) >= made, "everything is stored", 120)
            behind = time.perf_counter() - began - spent
            memory = process.memory_info().rss / 2**20
            exposed = httpx.get(f"{service.url}/metrics", timeout=5).text
        finally:
            service.stop()
            home.stop()
        stored = len(service.query("SELECT time FROM home_assistant_events"))
    quantiles = (_quantile(exposed, share) for share in (0.5, 0.99))
    return Cost(rate, made, stored, behind, 100 * cpu / spent, memory, *quantiles)


def _stored(service: Ingestor) -> int:
    found = re.search(
        r"^ingestor_events_stored_total\S* (\S+)", httpx.get(f"{service.url}/metrics", timeout=5).text, re.MULTILINE
    )
    return int(float(found[1])) if found else 0


def _quantile(exposed: str, share: float) -> str:
    """Return the bucket that a share of the events is in."""
    buckets = re.findall(r'^ingestor_commit_age_seconds_bucket\{le="(\S+)"\} (\S+)', exposed, re.MULTILINE)
    total = float(buckets[-1][1])
    return next(f"<= {bound}" for bound, count in buckets if float(count) >= share * total)


def main(*rates: float) -> None:
    """Print the table."""
    print("changes/s    made  stored  behind s   CPU %  memory MB  commit age p50    p99")  # noqa: T201  a bench prints
    for rate, seconds in LOADS:
        if not rates or rate in rates:
            one = measure(rate, seconds)
            print(  # noqa: T201  a bench prints
                f"{one.rate:9.3g} {one.made:7} {one.stored:7} {one.behind_seconds:9.1f} {one.cpu_percent:7.2f} "
                f"{one.memory_mb:10.0f} {one.commit_p50:>15} {one.commit_p99:>8}",
                flush=True,
            )


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
