"""Random scripts on random trees, each in one run of Trio on a virtual clock, against the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from supervisors import Restart, StopOrder, Strategy
from tests.supervisors.model import Branch, Leaf
from tests.supervisors.world import DEPTH, NO_LIMIT, SETTLED_SECONDS, Step, World, numbers, scripts


async def play(world: World, steps: Sequence[Step], *, cancelled: bool) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        world.model.start(world.expected)
        await trio.sleep(SETTLED_SECONDS)
        world.check()
        for step in steps:
            if world.model.up:
                together = world.apply(step)
                await trio.sleep(SETTLED_SECONDS)
                world.check(together)
        if cancelled:
            nursery.cancel_scope.cancel()
        else:
            world.root.stop()
    if world.model.up:
        world.model.stop(world.expected)
        world.gave_up = True
        world.check(len(world.record) if cancelled else 0)


@st.composite
def lasting_trees(draw: st.DrawFn, names: Iterator[str] | None = None, depth: int = 0) -> Branch:
    """Return a tree in which all come back always."""
    names = names or (f"n{number}" for number in count())
    leaf = st.builds(partial(_permanent_leaf, names), drains=st.booleans(), stubborn=st.booleans())
    node = leaf | lasting_trees(names, depth + 1) if depth < DEPTH else leaf
    return Branch(
        id=next(names).upper(),
        restart=Restart.PERMANENT,
        strategy=draw(st.sampled_from(Strategy)),
        stop_order=draw(st.sampled_from(StopOrder)),
        restarts=NO_LIMIT,
        lasting=draw(st.lists(node, min_size=1, max_size=4)),
    )


def _permanent_leaf(names: Iterator[str], *, drains: bool, stubborn: bool) -> Leaf:
    return Leaf(id=next(names), restart=Restart.PERMANENT, drains=drains, stubborn=stubborn)


@dataclass(frozen=True, kw_only=True)
class Blow:
    """Some end, while others may still be restarted."""

    after_seconds: float
    whom: int
    late: bool
    crashed: bool


blows = st.builds(
    Blow,
    after_seconds=st.sampled_from((0.0, 0.005, 0.05, 0.1, 0.11, 0.15, 1.0, 2.0)),
    whom=numbers,
    late=st.booleans(),
    crashed=st.booleans(),
)


async def rain(world: World, fallen: Sequence[Blow], cleanup_seconds: float) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(world.run)
        for actor in world.actors.values():
            actor.cleanup_seconds = cleanup_seconds
        for blow in fallen:
            await trio.sleep(blow.after_seconds)
            for bit, actor in enumerate(world.actors.values()):
                if blow.whom >> bit & 1:
                    actor.late = blow.late
                    actor.end(RuntimeError("bug") if blow.crashed else None)
        await trio.sleep(SETTLED_SECONDS)
        world.model.start([])
        world.record.clear()
        world.check()
        world.root.stop()
    world.model.stop(world.expected)
    world.gave_up = True
    world.check()


@settings(max_examples=200)
@given(root=lasting_trees(), fallen=st.lists(blows, max_size=10), cleanup_seconds=st.sampled_from((0.0, 0.07)))
def test_whatever_ends_at_whatever_moment_all_are_back_and_stop_in_order(
    root: Branch, fallen: list[Blow], cleanup_seconds: float
) -> None:
    trio.run(partial(rain, World(root), fallen, cleanup_seconds), clock=MockClock(autojump_threshold=0))


@settings(max_examples=300)
@given(script=scripts(), cancelled=st.booleans())
def test_a_tree_does_what_the_model_says(script: tuple[Branch, list[Step]], *, cancelled: bool) -> None:
    root, steps = script
    trio.run(partial(play, World(root), steps, cancelled=cancelled), clock=MockClock(autojump_threshold=0))
