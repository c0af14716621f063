"""A report that remembers every fact with its moment, and lets a test wait for one without looking again and again."""

from __future__ import annotations

from typing import TypeVar

import trio

from metrics.facts import UPDATES, Fact

F = TypeVar("F", bound=Fact)


def has_series(fact: Fact) -> bool:
    """Return whether every label of a fact's metrics has one of the values that were declared."""
    labels = [label for update in UPDATES[type(fact)] for label in update.metric.labels if label.values]
    return all(getattr(fact, label.name, None) in {*label.values, None} for label in labels)


class Heard:
    """What was reported so far, `at` the clock's seconds of each fact; `undeclared` has those without a series."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.at: list[float] = []
        self.undeclared: list[Fact] = []
        self._came = trio.Event()

    def __call__(self, fact: Fact) -> None:
        self.facts.append(fact)
        self.at.append(trio.current_time())
        if not has_series(fact):
            self.undeclared.append(fact)
        self._came.set()

    def of(self, kind: type[F]) -> list[F]:
        """Return the facts of a kind, in order."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    def times(self, kind: type[Fact]) -> list[float]:
        """Return when the facts of a kind came."""
        return [at for fact, at in zip(self.facts, self.at, strict=True) if isinstance(fact, kind)]

    async def wait(self, kind: type[F], count: int = 1, seconds: float = 2000) -> F:
        """Return the fact of a kind that is the `count`th, as soon as it came."""
        with trio.fail_after(seconds):
            while len(self.of(kind)) < count:
                self._came = trio.Event()
                await self._came.wait()
        return self.of(kind)[count - 1]
