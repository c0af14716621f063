"""What the whole service costs as a process of its own, beside a simulated home: CPU, memory, and how far it is behind.

All 500 entities of the home have a state when the service starts. CPU is in per cent of one core, from the process's
own account. Run it: `python -m tests.bench.bench_service`; arguments are the changes a second, for other loads.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import psutil
from msgspec import Struct

from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.simulated_home import SimHome

DAY_SECONDS = 86_400
ENTITIES = 500
AT_REST = 10_000 / DAY_SECONDS
LOADS = {AT_REST: 60, 100: 30, 1_000: 20, 5_000: 20}  # changes a second, for so many seconds


class Cost(Struct, frozen=True):
    """What a load cost. Memory is that of the process, and of that what it shares with no other."""

    rate: float
    made: int
    stored: int
    behind_seconds: float
    cpu_percent: float
    memory_mb: float
    unshared_mb: float


def measure(rate: float, seconds: float) -> Cost:
    """Run the service under a load."""
    home = SimHome(entities=ENTITIES)
    home.start()
    home.run(count=2 * ENTITIES, rate=5000)
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
            held = process.memory_full_info()
        finally:
            service.stop()
            home.stop()
        stored = len(service.query("SELECT time FROM home_assistant_events"))
    return Cost(rate, made, stored, behind, 100 * cpu / spent, held.rss / 2**20, held.uss / 2**20)


def _stored(service: Ingestor) -> int:
    found = re.search(
        r"^ingestor_events_stored_total\S* (\S+)", httpx.get(f"{service.url}/metrics", timeout=5).text, re.MULTILINE
    )
    return int(float(found[1])) if found else 0


def table(found: Sequence[Cost]) -> str:
    """Return the figures as lines."""
    lines = ["changes/s    made  stored  behind s   CPU %  memory MB  unshared MB"]
    lines += [
        f"{one.rate:9.3g} {one.made:7} {one.stored:7} {one.behind_seconds:9.1f} {one.cpu_percent:7.2f} "
        f"{one.memory_mb:10.1f} {one.unshared_mb:12.1f}"
        for one in found
    ]
    return "\n".join(lines)


def main(*rates: float) -> None:
    """Print the table."""
    print(table([measure(rate, LOADS.get(rate, 20)) for rate in rates or LOADS]))  # noqa: T201  a bench prints


if __name__ == "__main__":
    main(*map(float, sys.argv[1:]))
