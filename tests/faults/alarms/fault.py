"""What a fault is: a function that brings it and takes it away again, and says between what has to be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from tests.faults.situation import Needs, Situation

if TYPE_CHECKING:
    from tests.faults.alarms.surroundings import Surroundings

Told: TypeAlias = dict[str, str | None]
"""Alerts by name with words that the notification must have. One with none may be told, and need not."""
Stages: TypeAlias = Iterator[Told]
"""What has to be told, and nothing else, before the fault goes on. At its end everything has to be cleared."""
MAY: str | None = None
NOTHING: Told = {}
RATE = 5
LOAD: Mapping[str, Any] = {"count": 60 * RATE, "rate": RATE, "seed": 1}
"""What goes on in a home, without end."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault. `from_the_start` it is there before the service has started, which it does itself.

    `own_home` has a home of its own, without these lines in its configuration, and with this `load`. What `befalls` all
    that stands around the service has a home, a Prometheus and an Alertmanager of its own. It is made only where every
    time is shortened by the `least_factor` or more. `patience_seconds` is how long the
    slowest of its alerts, or its end, may take; `quiet_seconds` how long nothing else may be told; `at_the_end` is what
    may still be told then.
    """

    name: str
    act: Callable[[Situation], Stages] = lambda _: iter(())
    befalls: Callable[[Situation, Surroundings], Stages] | None = None
    from_the_start: bool = False
    own_home: bool = False
    without: str = ""
    load: Mapping[str, Any] | None = field(default_factory=lambda: LOAD)
    least_factor: float = 1
    patience_seconds: float = 150
    quiet_seconds: float = 0
    at_the_end: Told = field(default_factory=dict)
    needs: Needs = field(default_factory=Needs)

    @property
    def slug(self) -> str:
        """Its name as that of a directory."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.name)
