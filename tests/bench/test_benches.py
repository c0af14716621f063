"""The benches still run; what they measure is not judged here."""

from __future__ import annotations

from pathlib import Path

from ingestor.storage.sqlite import SQLiteStore
from tests.bench import bench_backlog, bench_chain, bench_pipeline, bench_recent


def test_the_pipeline_s_bench_runs() -> None:
    found = bench_pipeline.measure(events=200, rounds=1)
    assert list(found) == [1, 100]


async def test_the_bench_of_recent_events_runs() -> None:
    middle, slowest = await bench_recent.measure(rounds=3)
    assert 0 < middle <= slowest


async def test_the_bench_of_a_backlog_runs(tmp_path: Path) -> None:
    numbers = iter(range(9))
    found = await bench_backlog.measure(
        lambda: SQLiteStore(tmp_path / f"store-{next(numbers)}", retention_days=0), tmp_path, 5000, rounds=1
    )
    assert [one.loop > 0 and one.drain > 0 for one in found] == [True]


def test_the_bench_of_the_chain_runs() -> None:
    cost, share = bench_chain.measure(events=200, rounds=1)
    assert cost > 0
    assert share < 100
