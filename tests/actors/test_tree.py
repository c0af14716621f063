"""The real tree under load while each of its actors crashes: nothing lost, nothing doubled, all of it seen."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from metrics import facts
from supervisors import ChildFailed
from tests.actors.crashes import Crash, crash
from tests.actors.trees import Tree, lines, running
from tests.servers.truth import compare

PIPELINE = ["root/storage/spool", "root/home:home/live/subscription"]
BESIDE = ["root/api", "root/ledger", "root/home:home/weather", "root/home:home/refill/refill"]
CONNECTION = "root/home:home/live/connection"


async def crash_seen(tree: Tree, actor: str) -> None:
    """Crash an actor and wait until it is up again."""
    before = len(tree.heard.of(ChildFailed))
    while len(tree.heard.of(ChildFailed)) == before:  # one that waits for a thread cannot be struck just then
        await crash(actor)
        await trio.sleep(0.02)
    failed = tree.heard.of(ChildFailed)[-1]
    assert ("/".join(failed.path), type(failed.error)) == (actor, Crash)
    await tree.until(lambda: actor in tree.restarts() and all_up(tree))


def all_up(tree: Tree) -> bool:
    """Tell whether every actor runs."""
    nodes = list(tree.service.root.snapshot().children)
    for node in nodes:
        nodes += getattr(node, "children", ())
    return all(node.state in {"up", "running"} for node in nodes)


async def assert_seen(tree: Tree, actor: str) -> None:
    """Find the restart in the snapshot, in the metrics and in the health."""
    restarts = tree.restarts()
    assert restarts[actor] == 1
    exposed = lines((await tree.get("/metrics")).text, "ingestor_actor_restarts_total")
    assert {labels: number for labels, number in exposed.items() if number} == {
        f'{{child="{path}"}}': float(number) for path, number in restarts.items()
    }
    assert (await tree.get("/api/health")).json()["restarts"] == restarts


@pytest.mark.parametrize("actor", [*PIPELINE, *BESIDE])
async def test_a_crash_under_load_loses_and_doubles_nothing(actor: str, tmp_path: Path) -> None:
    async with running(tmp_path) as tree, trio.open_nursery() as nursery:
        await tree.heard.wait(facts.SessionOpened)
        nursery.start_soon(lambda: tree.server.change_at(2000, burst=20, count=2000))
        await trio.sleep(0.3)
        await crash_seen(tree, actor)
        tree.server.make_changes(2000)
        await tree.until(lambda: len(tree.server.truth) >= 4000)
        await tree.settled()
        await assert_seen(tree, actor)
        truth = tree.truth()
    found = compare(truth, tree.stored())
    assert {name: found[name] for name in ("missing", "extra", "doubled", "different")} == dict.fromkeys(
        ("missing", "extra", "doubled", "different"), 0
    )
    assert tree.service.status.dropped == 0


async def test_a_crash_of_the_connection_keeps_what_was_received_and_subscribes_anew(tmp_path: Path) -> None:
    async with running(tmp_path, batch_max_seconds=1) as tree:
        await tree.heard.wait(facts.SessionOpened)
        tree.server.make_changes(3000)
        await tree.until(lambda: tree.service.status.received == 3000)
        await crash_seen(tree, CONNECTION)
        missed = len(tree.server.truth)
        await tree.heard.wait(facts.SessionOpened, 2)
        tree.server.make_changes(3000)
        await tree.settled()
        await assert_seen(tree, CONNECTION)
        truth = tree.truth()
        health = (await tree.get("/api/health")).json()
    found = compare(truth, tree.stored())
    assert (missed, found["changes"], found["missing"], found["extra"], found["doubled"]) == (3000, 6000, 0, 0, 0)
    assert health["connection_status"]["reconnect_count"] == 1


async def test_events_have_the_weather_of_home_assistants_own_entity_and_keep_it_over_a_restart(tmp_path: Path) -> None:
    sunny = {"temperature": 50, "temperature_unit": "°F", "pressure": 30, "pressure_unit": "inHg", "humidity": 40}
    async with running(tmp_path, weather_provider="home_assistant", weather_entity="weather.garden") as tree:
        await tree.heard.wait(facts.WeatherFailed)  # there is none yet
        tree.server.publish(tree.server.home.put("weather.garden", "sunny", sunny))
        await tree.heard.wait(facts.WeatherUpdated)
        tree.server.make_changes(50)
        await tree.settled()
        stored = tree.stored()[-40:]
    assert {(row["weather_temperature"], row["weather_pressure"], row["weather_humidity"]) for row in stored} == {
        (10.0, 1015.92, 40.0)
    }
    assert {row["weather_condition"] for row in stored} == {"clear sky"}
    async with running(tmp_path, weather_provider="home_assistant", weather_entity="weather.garden") as tree:
        await tree.heard.wait(facts.WeatherUpdated)  # the fact from before: this home has none
        assert [home.weather.current and home.weather.current.temperature for home in tree.service.homes] == [10.0]
