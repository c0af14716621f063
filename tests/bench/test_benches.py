"""The benches still run; what they measure is not judged here."""

from __future__ import annotations

from tests.bench import bench_pipeline, bench_recent


def test_the_pipeline_s_bench_runs() -> None:
    found = bench_pipeline.measure(events=200, rounds=1)
    assert list(found) == [1, 100]


async def test_the_bench_of_recent_events_runs() -> None:
    middle, slowest = await bench_recent.measure(rounds=3)
    assert 0 < middle <= slowest
