"""The benches still run, each for seconds; what they measure is not judged here."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from ingestor.storage.sqlite import SQLiteStore
from tests.bench import (
    bench_attributes,
    bench_backlog,
    bench_before,
    bench_chain,
    bench_commit,
    bench_cost,
    bench_disk,
    bench_entities,
    bench_fields,
    bench_live,
    bench_pipeline,
    bench_profile,
    bench_recent,
    bench_service,
    bench_telemetry,
)
from tests.bench.__main__ import Figures, write
from tests.bench.bench_cost import FRAMES, LOADS, Kind, Load, Spread, both
from tests.bench.sampled import SampledIngestor


def test_the_pipeline_s_bench_runs() -> None:
    found = bench_pipeline.measure(events=200, rounds=1)
    assert list(found) == [1, 100]


@pytest.mark.parametrize("kind", bench_before.KINDS)
def test_the_bench_beside_another_version_runs(kind: str) -> None:
    assert bench_before.taken(bench_before.frames(*bench_before.KINDS[kind], events=200)) > (0, 0)


def test_the_bench_of_telemetry_runs() -> None:
    without, _, scrape = bench_telemetry.measure(events=2000, per_frame=10, scrapes=2)
    assert without > 0 < scrape


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


def test_the_bench_of_a_commit_runs() -> None:
    found = bench_commit.measure(events=5000, rounds=1, sizes=[1000])
    assert list(found) == [("embedded", 1000), ("spooled", 1000)]


async def test_the_bench_of_many_entities_runs() -> None:
    found = await bench_entities.measure(rounds=1, many=1000)
    assert [one.way for one in found] == ["line", "embedded", "spool"]


def test_the_bench_of_the_disk_runs() -> None:
    assert bench_disk.bytes_written(bench_disk.DAYS[0], commits=3) > 0


def test_the_bench_of_each_field_runs() -> None:
    found = bench_fields.measure((("previous_state",), bench_fields.WEATHER), events=1000, rounds=1)
    assert [cost.embedded > 0 for cost in found.values()] == [True, True, True]
    assert len(bench_fields.table(found).splitlines()) == 2 + len(found)


def test_the_bench_of_attributes_counts_what_is_sent_and_what_is_stored() -> None:
    attributes = {"brightness": 3, "supported_features": 44, "access_token": "secret"}
    found = bench_attributes.measure([{"entity_id": "light.a", "attributes": attributes}], {})
    assert found == {"light": bench_attributes.Saved(entities=1, sent=64, stored=2)}
    assert bench_attributes.table(found).splitlines()[2:] == ["| light | 1 | 64 | 2 |"]


def test_the_bench_of_the_service_runs() -> None:
    found = bench_service.measure(rate=200, seconds=1)
    assert found.stored >= found.made == 200
    assert 0 < found.unshared_mb < found.memory_mb


@pytest.mark.parametrize(("kind", "backlog"), [("embedded", 0), ("influxdb", 5000)])
def test_the_bench_of_live_events_runs(kind: Kind, backlog: int) -> None:
    found = bench_live.measure(kind, backlog, seconds=1)
    assert 0 < found.commit[0] <= found.commit[1]


@pytest.mark.real
def test_the_service_and_the_client_beside_it_get_the_same_events() -> None:
    with both("embedded", SampledIngestor) as pair:
        [found] = bench_cost.measure(pair, [Load(500)], seconds=1, rounds=1)
        profile = bench_profile.measure(pair, Load(1000), seconds=2)
    assert found.events >= 500
    assert found.events_per_frame >= 1
    assert any(module.startswith("ingestor/") for module in profile.modules_us)


def test_the_plots_are_drawn_from_the_figures(tmp_path: Path) -> None:
    spread = Spread(2.0, 1.0, 3.0)
    loads = [*LOADS["embedded"], *FRAMES]
    cost = [bench_cost.Cost(load, 9, 1.5 + place, spread, spread, spread) for place, load in enumerate(loads)]
    at_rest = bench_service.Cost(0.1, 1, 1, 0, 0.1, 60, 50)
    figures = Figures("3.11", 2, 1, "double", cost, cost[:1], {1: (2, 1, 2)}, [], at_rest, [])
    write(figures, tmp_path)
    assert msgspec.json.decode((tmp_path / "figures.json").read_bytes(), type=Figures) == figures
    for name, points in (("cpu", 2 * len(LOADS["embedded"])), ("frames", 2 * (len(FRAMES) + 1))):
        drawn = ET.fromstring((tmp_path / f"{name}.svg").read_text())  # noqa: S314  our own
        assert len(drawn.findall("{http://www.w3.org/2000/svg}circle")) == points
