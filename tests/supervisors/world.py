"""Random trees and scripts, and a world in which the real tree lives beside its model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal, TypeVar

from hypothesis import strategies as st

from supervisors import ChildSpec, Intensity, IntensityExceeded, Restart, StopOrder, Strategy, Supervisor
from tests.supervisors.actors import Actor
from tests.supervisors.model import Branch, GaveUp, Leaf, Log, end, parent_of, take

Node = TypeVar("Node", bound=Leaf | Branch)

START_TIMEOUT_SECONDS = 2.0
SHUTDOWN_TIMEOUT_SECONDS = 1.0
LONG_ENOUGH_SECONDS = 1e9
SETTLED_SECONDS = 1e4
NO_WINDOW_SECONDS = 1e12
NO_LIMIT = 10**6
LATE_IN = 6
DEPTH = 2

numbers = st.integers(0, 2**16)


@st.composite
def leaves(draw: st.DrawFn, names: Iterator[str]) -> Leaf:
    return Leaf(
        id=next(names),
        restart=draw(st.sampled_from(Restart)),
        drains=draw(st.booleans()),
        stubborn=draw(st.booleans()),
        late=draw(numbers) % LATE_IN == 1,
    )


@st.composite
def branches(draw: st.DrawFn, names: Iterator[str], depth: int = 0) -> Branch:
    children = [draw(nodes(names, depth + 1)) for _ in range(draw(st.integers(0, 4)))]
    return Branch(
        id=next(names).upper(),
        restart=draw(st.sampled_from(Restart)),
        strategy=draw(st.sampled_from(Strategy)),
        stop_order=draw(st.sampled_from(StopOrder)),
        restarts=draw(st.integers(0, 4)),
        lasting=children,
    )


@st.composite
def nodes(draw: st.DrawFn, names: Iterator[str], depth: int) -> Leaf | Branch:
    is_branch = depth <= DEPTH and draw(numbers) % 3 == 1
    if is_branch:
        return draw(branches(names, depth))
    return draw(leaves(names))


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that happens to the tree; the numbers choose to whom, out of those that it can happen to."""

    what: Literal["crash", "return", "stop", "add", "remove"]
    whom: int
    with_whom: int
    late: bool
    newcomer: Leaf | Branch


@st.composite
def scripts(draw: st.DrawFn) -> tuple[Branch, list[Step]]:
    names = (f"n{number}" for number in count())
    root = draw(branches(names))
    steps = [
        Step(
            what=draw(st.sampled_from(("crash", "return", "stop", "add", "remove"))),
            whom=draw(numbers),
            with_whom=draw(numbers),
            late=draw(numbers) % LATE_IN == 1,
            newcomer=draw(nodes(names, DEPTH)),
        )
        for _ in range(draw(st.integers(0, 8)))
    ]
    return root, steps


class LateActor(Actor):
    """Its next start takes too long when it is late."""

    late = False

    async def run(self, *, task_status: Any) -> None:
        self.start_seconds = 2 * START_TIMEOUT_SECONDS if self.late else 0.01
        self.late = False
        await super().run(task_status=task_status)


class World:
    """The real tree, built after the model's description, and the model beside it."""

    def __init__(self, root: Branch) -> None:
        self.model = root
        self.record: Log = []
        self.expected: Log = []
        self.actors: dict[str, LateActor] = {}
        self.supervisors: dict[str, Supervisor] = {}
        self.root = self._grow(root)
        self.gave_up = False

    async def run(self) -> None:
        try:
            await self.root.run()
        except IntensityExceeded:
            self.gave_up = True

    def spec(self, node: Leaf | Branch) -> ChildSpec:
        if isinstance(node, Branch):
            return self._grow(node).as_child(
                restart=node.restart,
                start_timeout_seconds=LONG_ENOUGH_SECONDS,
                shutdown_timeout_seconds=LONG_ENOUGH_SECONDS,
            )
        actor = self.actors[node.id] = LateActor(node.id, self.record)
        actor.late = node.late
        drain = (lambda: None) if node.stubborn else actor.end
        return actor.spec(
            restart=node.restart,
            drain=drain if node.drains else None,
            start_timeout_seconds=START_TIMEOUT_SECONDS,
            shutdown_timeout_seconds=SHUTDOWN_TIMEOUT_SECONDS,
        )

    def apply(self, step: Step) -> int:
        """Do it, to the tree and to the model; return how many end at the same moment, in no order of their own."""
        match step.what:
            case "crash" | "return":
                return self._end(step, crashed=step.what == "crash")
            case "stop":
                self._stop_inner(step)
            case "add":
                self._add(step)
            case "remove":
                self._remove(step)
        return 0

    def check(self, together: int = 0) -> None:
        """The same actors run, they were started and ended in the same order, and the snapshot says so too."""
        assert self.gave_up is not self.model.up
        up = {leaf.id for leaf in self.model.leaves() if leaf.up}
        assert {id_ for id_, actor in self.actors.items() if actor.running} == up
        assert sorted(self.record[:together]) == sorted(self.expected[:together])
        assert self.record[together:] == self.expected[together:]
        assert self._pictured() == up
        for branch in self.model.branches():
            if branch.up:
                assert self.supervisors[branch.id].children() == [child.id for child in branch.children]
        self.record.clear()
        self.expected.clear()

    def _end(self, step: Step, *, crashed: bool) -> int:
        """Let one leaf end, or several siblings at once. Under one_for_one those would come back in no order."""
        first = _choose([leaf for leaf in self.model.leaves() if leaf.up], step.whom)
        parent = parent_of(self.model, first) if first else None
        if first is None or parent is None:
            return 0
        siblings = [child for child in parent.children if isinstance(child, Leaf) and child.up]
        alone = parent.strategy is Strategy.ONE_FOR_ONE
        chosen = [
            leaf for bit, leaf in enumerate(siblings) if leaf is first or (not alone and step.with_whom >> bit & 1)
        ]
        first.late = self.actors[first.id].late = step.late
        for leaf in chosen:
            self.actors[leaf.id].end(RuntimeError("bug") if crashed else None)
        self._model(lambda: end(self.model, chosen, self.expected, crashed=crashed))
        return len(chosen)

    def _stop_inner(self, step: Step) -> None:
        inner = _choose([branch for branch in self.model.branches() if branch.up][1:], step.whom)
        if inner:
            self.supervisors[inner.id].stop()
            self._model(lambda: end(self.model, [inner], self.expected, crashed=False))

    def _add(self, step: Step) -> None:
        branch = self._choose_dynamic(step)
        if branch:
            self.supervisors[branch.id].add_child(self.spec(step.newcomer))
            self._model(lambda: take(self.model, branch, step.newcomer, self.expected))

    def _remove(self, step: Step) -> None:
        branch = self._choose_dynamic(step)
        child = _choose(branch.children, step.with_whom) if branch else None
        if branch and child:
            self.supervisors[branch.id].remove_child(child.id)
            branch.let_go(child, self.expected)

    def _choose_dynamic(self, step: Step) -> Branch | None:
        dynamic = [branch for branch in self.model.branches() if branch.up and branch.strategy is Strategy.ONE_FOR_ONE]
        return _choose(dynamic, step.whom)

    def _model(self, change: Callable[[], None]) -> None:
        with suppress(GaveUp):
            change()

    def _grow(self, branch: Branch) -> Supervisor:
        supervisor = self.supervisors[branch.id] = Supervisor(
            branch.id,
            [self.spec(child) for child in branch.lasting],
            strategy=branch.strategy,
            stop_order=branch.stop_order,
            intensity=Intensity(restarts=branch.restarts, period_seconds=NO_WINDOW_SECONDS),
        )
        return supervisor

    def _pictured(self) -> set[str]:
        found: set[str] = set()
        below: list[Any] = [self.root.snapshot()]
        for node in below:
            below += getattr(node, "children", ())
            if node.state == "up":
                found.add(node.id)
        return found


def _choose(candidates: Sequence[Node], number: int) -> Node | None:
    return candidates[number % len(candidates)] if candidates else None
