"""How long the newest 1,000 events take over the real server. Run it: `python -m tests.bench.bench_recent`."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

import httpx
import trio

from metrics import facts
from tests.actors.trees import running

LIMIT_MS = 50


async def measure(rounds: int) -> tuple[float, float]:
    """Return median and 99th percentile in milliseconds."""
    with tempfile.TemporaryDirectory() as directory:
        async with running(Path(directory)) as tree:
            await tree.heard.wait(facts.SessionOpened)
            tree.server.make_changes(2000)
            await tree.settled()
            taken = []
            async with httpx.AsyncClient(base_url=tree.service.api.url) as client:
                for _ in range(rounds):
                    began = time.perf_counter()
                    answer = await client.get("/api/events/recent?limit=1000")
                    taken.append((time.perf_counter() - began) * 1000)
                    assert answer.content.count(b'"entity_id"') >= 1000
    return median(taken), sorted(taken)[max(0, round(len(taken) * 0.99) - 1)]


def main(rounds: int = 300) -> None:
    """Print the figures."""
    middle, slowest = trio.run(measure, rounds)
    print(f"1,000 events: median {middle:.1f} ms, p99 {slowest:.1f} ms (limit {LIMIT_MS} ms)")  # noqa: T201  a bench prints


if __name__ == "__main__":
    main()
