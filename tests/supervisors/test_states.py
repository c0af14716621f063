"""The tables at the head of the machine are true: random walks see exactly what they allow."""

from __future__ import annotations

import re
from collections import defaultdict
from random import Random

from supervisors import (
    Backoff,
    ChildSpec,
    ChildStarting,
    ChildStopped,
    Intensity,
    Restart,
    StopOrder,
    Strategy,
    machine,
)
from supervisors.machine import LEGAL, Aim, Child, Machine, Phase
from supervisors.messages import DrainChild, DrainFailed, Exited, News, StartChild, Started
from supervisors.specs import Rules
from tests.supervisors.actors import Actor

WALKS = 600
STEPS = 40


class WatchedChild(Child):
    """Notes every change of its phase."""

    def __init__(self, spec: ChildSpec, seen: dict[Phase, set[Phase]]) -> None:
        self._seen = seen
        super().__init__(spec)

    def __setattr__(self, name: str, value: object) -> None:
        if name == "phase" and isinstance(value, Phase) and hasattr(self, "phase") and value is not self.phase:
            self._seen[self.phase].add(value)
        super().__setattr__(name, value)


class Walk:
    """One machine, to which everything happens that can happen to a supervisor, in a random order."""

    def __init__(self, random: Random, phases: dict[Phase, set[Phase]], aims: dict[Phase, set[Aim]]) -> None:
        self.random = random
        self.aims = aims
        self.strategy = random.choice(list(Strategy))
        rules = Rules(
            strategy=self.strategy,
            stop_order=random.choice(list(StopOrder)),
            intensity=Intensity(restarts=random.choice([1, 100]), period_seconds=60),
        )
        specs = [self.spec(id_) for id_ in "abc"]
        self.machine = Machine(("root",), specs, rules, random)
        self.machine.children = {spec.id: WatchedChild(spec, phases) for spec in specs}
        self.now = 0.0
        self.tasks: set[str] = set()
        self.unstopped: set[str] = set()
        self.unready: set[str] = set()
        self.news: list[News] = []

    def spec(self, id_: str) -> ChildSpec:
        return Actor(id_, []).spec(
            restart=self.random.choice(list(Restart)),
            drain=self.random.choice([None, lambda: None]),
            drain_to_restart=self.random.choice([True, False]),
            backoff=Backoff(initial_seconds=0.5),
            fatal=(LookupError,),
        )

    def step(self) -> None:
        self.random.choice([self.wait, self.start, self.exit, self.exit, self.command])()
        self.look()
        news, self.news = self.news, []
        for decision in self.machine.step(news, self.now):
            match decision:
                case StartChild(id_):
                    assert id_ not in self.tasks, "it overlaps its predecessor"
                    self.tasks.add(id_)
                    self.unready.add(id_)
                case DrainChild(id_) if self.random.random() < 0.2:
                    self.news.append(DrainFailed(id_, OSError("no event to set")))
                case ChildStarting(path=(_, id_)):
                    self.unstopped.add(id_)
                case ChildStopped(path=(_, id_)):
                    self.unstopped.remove(id_)
        self.look()
        assert not (self.machine.ended and (self.tasks or self.unstopped))

    def wait(self) -> None:
        self.now += self.random.choice([0.1, 1, 6, 20])

    def start(self) -> None:
        if self.unready:
            self.news.append(Started(self.unready.pop()))

    def exit(self) -> None:
        if self.tasks:
            id_ = self.random.choice(sorted(self.tasks))
            self.tasks.discard(id_)
            self.unready.discard(id_)
            error = self.random.choices([None, RuntimeError("bug"), LookupError("fatal")], [10, 10, 1])[0]
            self.news.append(Exited(id_, error))

    def command(self) -> None:
        if self.random.random() < 0.2:
            self.machine.stop()
        elif self.strategy is Strategy.ONE_FOR_ONE:
            if "d" in self.machine.children:
                self.machine.remove("d")
            else:
                self.machine.add(self.spec("d"))

    def look(self) -> None:
        for child in self.machine.children.values():
            self.aims[child.phase].add(child.aim)


def test_a_child_has_exactly_the_phases_and_aims_that_the_tables_allow() -> None:
    phases: dict[Phase, set[Phase]] = defaultdict(set)
    aims: dict[Phase, set[Aim]] = defaultdict(set)
    for seed in range(WALKS):
        walk = Walk(Random(seed), phases, aims)
        for _ in range(STEPS):
            walk.step()
    assert phases == documented()
    assert aims == LEGAL


def documented() -> dict[Phase, set[Phase]]:
    """Read the table of phases: a row names a phase and all that may follow it."""
    rows = re.findall(r"^    [A-Z]{2,} .*", machine.__doc__ or "", re.MULTILINE)
    named = [re.findall(r"[A-Z]{2,}", row) for row in rows]
    return {Phase[row[0]]: {Phase[name] for name in row[1:]} for row in named if row[0] in Phase.__members__}
