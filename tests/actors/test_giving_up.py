"""The real tree with actors that only crash or wait: who ends the process by crashing for ever, and who never does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, repeat
from math import inf
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from ingestor.assembly import run as service
from ingestor.assembly.run import Exit
from ingestor.assembly.service import build
from ingestor.assembly.stages import at_once
from supervisors import ChildFailed, ChildStarting, Start, Supervisor, SupervisorGaveUp
from tests.actors.several import home_of, settings_of

LIVE = ("api", "ledger", "spool", "writer", "weather", "connection", "subscription")
RECORDER = ("refill", "jobs")
INFLUXDB = {"influxdb_url": "http://127.0.0.1:9", "influxdb_token": "t", "influxdb_org": "o"}

HOMES = ("attic", "barn", "cellar")
OF_A_HOME = ("weather", "live/connection", "live/subscription", *(f"{one}/{one}" for one in RECORDER))

Lives = Mapping[str, Iterator[float]]
"""How many seconds each life of an actor lasts until it crashes, by its id or path; other actors live for ever."""


def living(lives: Iterator[float]) -> Start:
    """Return an actor that does nothing but crash in time."""

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await trio.sleep(next(lives))
        raise ValueError("a bug")

    return run


def copied(original: Supervisor, lives: Lives, observer: Callable[[Any], None] | None, above: str = "") -> Supervisor:
    """Return the same tree with other actors, which take all the time that they are given for a drain."""
    children = []
    for spec in original.specs():
        if spec.supervisor is None:
            start = living(lives.get(f"{above}{original.id}/{spec.id}", lives.get(spec.id, repeat(inf))))
            children.append(replace(spec, start=start, drain=(lambda: None) if spec.drain else None, progress=None))
        else:
            assert isinstance(spec.supervisor, Supervisor)
            below = copied(spec.supervisor, lives, None, f"{above}{original.id}/")
            start = below.run if spec.start == spec.supervisor.run else at_once(below.run)
            children.append(replace(spec, start=start, drain=below.stop, supervisor=below))
    return Supervisor(
        original.id,
        children,
        strategy=original.rules.strategy,
        intensity=original.rules.intensity,
        stop_order=original.rules.stop_order,
        observer=observer,
        rng=Random(1),
    )


async def lived(
    directory: Path, lives: Lives, *, seconds: float, homes: Sequence[str] = ("home",)
) -> tuple[Exit | None, list[Any]]:
    """Run a service with such a tree; return how it ended within this time, if it did, and what was observed."""
    built = build(settings_of(map(home_of, homes), data_dir=directory, **INFLUXDB))
    heard: list[Any] = []
    outcome = None
    with trio.move_on_after(seconds):
        outcome = await service._supervised(replace(built, root=copied(built.root, lives, heard.append)), ())
    built.api.close()
    await built.aclose()
    return outcome, heard


@pytest.mark.parametrize("life_seconds", [0.0, 2.0])
@pytest.mark.parametrize("actor", LIVE)
async def test_a_live_actor_that_crashes_for_ever_ends_the_process_within_ten_minutes(
    actor: str, life_seconds: float, tmp_path: Path, autojump_clock: MockClock
) -> None:
    outcome, _ = await lived(tmp_path, {actor: repeat(life_seconds)}, seconds=600)
    assert outcome is Exit.GAVE_UP


@pytest.mark.parametrize("actor", LIVE)
async def test_twenty_crashes_within_minutes_do_not_end_the_process(
    actor: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    random = Random(1)
    lives = chain((random.uniform(0.2, 5) for _ in range(20)), repeat(inf))
    outcome, heard = await lived(tmp_path, {actor: lives}, seconds=3600)
    crashes = [fact for fact in heard if isinstance(fact, ChildFailed) and fact.path[-1] == actor]
    assert (outcome, len(crashes)) == (None, 20)


@pytest.mark.parametrize("actor", LIVE)
async def test_an_actor_that_crashes_every_minute_is_restarted_for_ever_and_takes_nobody_with_it(
    actor: str, tmp_path: Path, autojump_clock: MockClock
) -> None:
    outcome, heard = await lived(tmp_path, {actor: repeat(60.0)}, seconds=4 * 3600)
    assert (outcome, [fact for fact in heard if isinstance(fact, SupervisorGaveUp)]) == (None, [])


@pytest.mark.parametrize("actors", [*((one,) for one in RECORDER), RECORDER])
async def test_what_asks_a_recorder_may_crash_for_ever_loudly_and_no_other_actor_is_restarted(
    actors: tuple[str, ...], tmp_path: Path, autojump_clock: MockClock
) -> None:
    outcome, heard = await lived(tmp_path, {actor: repeat(0.0) for actor in actors}, seconds=4 * 3600)
    failed = {fact.path[2:] for fact in heard if isinstance(fact, ChildFailed)}
    gave_up = {fact.path for fact in heard if isinstance(fact, SupervisorGaveUp)}
    assert outcome is None
    assert failed == {path for one in actors for path in ((one,), (one, one))}
    assert gave_up == {("root", "home:home", one) for one in actors}


async def test_what_asks_a_recorder_does_not_bring_a_live_actors_crashes_nearer_to_the_end(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    lives = {actor: repeat(0.0) for actor in RECORDER} | {"api": repeat(45.0)}
    outcome, _ = await lived(tmp_path, lives, seconds=4 * 3600)
    assert outcome is None


def begun_twice(heard: list[Any]) -> set[str]:
    """Return the children of the root that were started again, or below which something was."""
    paths = [fact.path for fact in heard if isinstance(fact, ChildStarting)]
    return {path[1] for path in paths if paths.count(path) > 1}


@pytest.mark.parametrize("life_seconds", [0.0, 2.0])
@pytest.mark.parametrize("actor", OF_A_HOME)
async def test_of_several_homes_one_that_crashes_for_ever_is_started_again_for_ever_and_disturbs_no_other(
    actor: str, life_seconds: float, tmp_path: Path, autojump_clock: MockClock
) -> None:
    lives = {f"root/home:barn/{actor}": repeat(life_seconds)}
    outcome, heard = await lived(tmp_path, lives, seconds=3600, homes=HOMES)
    crashes = [fact for fact in heard if isinstance(fact, ChildFailed) and fact.path[-1] == actor.rpartition("/")[2]]
    assert (outcome, begun_twice(heard)) == (None, {"home:barn"})
    assert len(crashes) > 3600 / (life_seconds + 5.5)  # it is not given up for good


async def test_of_several_homes_all_but_one_may_crash_with_every_actor_for_ever(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    lives = {f"root/home:{home}/{actor}": repeat(0.0) for home in HOMES[1:] for actor in OF_A_HOME}
    outcome, heard = await lived(tmp_path, lives, seconds=3600, homes=HOMES)
    assert (outcome, begun_twice(heard)) == (None, {"home:barn", "home:cellar"})
