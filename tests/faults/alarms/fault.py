"""What a fault is: a function that brings it and takes it away again, and says between what has to be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from tests.faults.situation import Needs, Situation

Told: TypeAlias = dict[str, str | None]
"""Alerts by name with words that the notification must have. One with none may be told, and need not."""
Stages: TypeAlias = Iterator[Told]
"""What has to be told, and nothing else, before the fault goes on. At its end everything has to be cleared."""
MAY: str | None = None
NOTHING: Told = {}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault. `from_the_start` it is there before the service has started, which it does itself.

    `own_home` has a home of its own, without these lines in its configuration. `patience_seconds` is how long the
    slowest of its alerts, or its end, may take; `quiet_seconds` how long nothing else may be told; `at_the_end` is what
    may still be told then.
    """

    name: str
    act: Callable[[Situation], Stages]
    from_the_start: bool = False
    own_home: bool = False
    without: str = ""
    patience_seconds: float = 150
    quiet_seconds: float = 0
    at_the_end: Told = field(default_factory=dict)
    needs: Needs = field(default_factory=Needs)

    @property
    def slug(self) -> str:
        """Its name as that of a directory."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.name)
