"""Takes the figures of docs/performance.md one after the other, and writes them down as JSON, with two plots.

`make bench`, or `python -m tests.bench --seconds 10 --directory docs/performance`: the length of one window of load,
which everything else follows, and where to write. An InfluxDB is found as bench_cost tells.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Sequence
from pathlib import Path

import msgspec
import trio
from msgspec import Struct

from tests.bench import bench_cost, bench_entities, bench_live, bench_pipeline, bench_service
from tests.bench.bench_cost import FRAMES, LOADS, Cost, Spread, both
from tests.bench.plot import Axis, Point, chart

MOST_ROUNDS = 5
SERVICE, CLIENT = "the service, embedded database, weather on", "a client that parses JSON and does no more (aiohttp)"


class Figures(Struct, frozen=True):
    """What was measured, and on what; `database` says whether the InfluxDB was a real one."""

    python: str
    cores: int | None
    window_seconds: float
    database: str
    cost: list[Cost]
    cost_influxdb: list[Cost]
    pipeline_us: dict[int, tuple[float, float, float]]
    entities: list[bench_entities.Growth]
    at_rest: bench_service.Cost
    live: list[bench_live.Waits]


def take(seconds: float, many_entities: int = bench_entities.MANY) -> Figures:
    """Take all figures, and print each as soon as it is there."""
    rounds = max(1, min(MOST_ROUNDS, round(seconds / 2)))
    with both("embedded") as pair:
        cost = bench_cost.measure(pair, [*LOADS["embedded"], *FRAMES], seconds, rounds)
    _say("embedded database", bench_cost.table(cost))
    with both("influxdb") as pair:
        cost_influxdb = bench_cost.measure(pair, LOADS["influxdb"], seconds, rounds)
    _say("InfluxDB", bench_cost.table(cost_influxdb))
    pipeline = bench_pipeline.measure(round(2000 * seconds), rounds)
    _say("from frame to line", bench_pipeline.table(pipeline))
    entities = trio.run(bench_entities.measure, 4 * rounds, many_entities)
    _say("very many entities", bench_entities.table(entities))
    at_rest = bench_service.measure(bench_service.AT_REST, 3 * seconds)
    _say("at rest", bench_service.table([at_rest]))
    live = [bench_live.measure(kind, seconds=3 * seconds) for kind in LOADS]
    _say("from a change to its commit", bench_live.table(live))
    real = os.environ.keys() & {"TEST_INFLUXDB_COMMAND", "TEST_INFLUXDB_URL"}
    return Figures(
        python=platform.python_version(),
        cores=os.cpu_count(),
        window_seconds=seconds,
        database="real" if real else "double",
        cost=cost,
        cost_influxdb=cost_influxdb,
        pipeline_us=pipeline,
        entities=entities,
        at_rest=at_rest,
        live=live,
    )


def write(figures: Figures, directory: Path) -> None:
    """Write the figures, and the plots of them."""
    directory.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(figures), indent=1)
    (directory / "figures.json").write_bytes(text + b"\n")
    steady = [one for one in figures.cost if one.load in LOADS["embedded"]]
    rated = sorted(
        (one for one in figures.cost if one.load.rate == FRAMES[0].rate), key=lambda one: one.events_per_frame
    )
    (directory / "cpu.svg").write_text(cpu_against_rate(steady), encoding="utf-8")
    (directory / "frames.svg").write_text(cost_against_frames(rated), encoding="utf-8")


def cpu_against_rate(found: Sequence[Cost]) -> str:
    """Return the plot: per cent of one core over changes a second."""
    lines = {
        SERVICE: [_point(one.load.rate, one.service_us, one.load.rate / 1e4) for one in found],
        CLIENT: [_point(one.load.rate, one.client_us, one.load.rate / 1e4) for one in found],
    }
    x, y = Axis("changes a second", tuple(one.load.rate for one in found)), _axis("CPU, % of one core", lines)
    return chart("CPU beside one real Home Assistant", x, y, lines)


def cost_against_frames(found: Sequence[Cost]) -> str:
    """Return the plot: microseconds per event over events in a frame, both logarithmic."""
    lines = {
        SERVICE: [_point(one.events_per_frame, one.service_us) for one in found],
        CLIENT: [_point(one.events_per_frame, one.client_us) for one in found],
    }
    x = Axis("events in a frame", tuple(one.events_per_frame for one in found), logarithmic=True)
    title = f"What an event costs, at {found[0].load.rate:,g} changes a second"
    return chart(title, x, _axis("CPU, us an event", lines, logarithmic=True), lines)


def _point(x: float, spread: Spread, factor: float = 1.0) -> Point:
    return Point(x, spread.median * factor, spread.least * factor, spread.most * factor)


def _axis(title: str, lines: dict[str, list[Point]], *, logarithmic: bool = False) -> Axis:
    values = [value for line in lines.values() for one in line for value in (one.least, one.most)]
    return Axis(title, tuple(values), logarithmic=logarithmic)


def _say(title: str, table: str) -> None:
    print(f"\n{title}\n{table}", flush=True)  # noqa: T201  a bench prints


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--directory", type=Path, default=Path("docs/performance"))
    given = parser.parse_args()
    write(take(given.seconds), given.directory)


if __name__ == "__main__":
    main()
