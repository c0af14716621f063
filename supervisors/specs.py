"""The description of a supervisor's children: specs as data, checked before anything starts."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from random import Random
from typing import Protocol

from supervisors.events import Notifier, Path
from supervisors.snapshot import SupervisorSnapshot

Start = Callable[..., Awaitable[None]]
"""Runs a child: called as `start(task_status=...)`; it calls `task_status.started()` when ready to take work."""

LAST_GROWTH = 64
"""Crashes in a row after which a delay grows no further, even if it has not reached its maximum."""
STEEPEST_FACTOR = 100.0
"""Limit of a backoff's factor: to the power of `LAST_GROWTH` it is still a float."""


class Restart(Enum):
    """When a child that ended of its own accord is started again. The words are OTP's."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """After a crash. After a normal return it stays down until it is restarted together with its siblings."""
    TEMPORARY = "temporary"
    """Never, not even together with its siblings; it is forgotten once it has ended."""


class Strategy(Enum):
    """Which children are restarted when one of them ends."""

    ONE_FOR_ONE = "one_for_one"
    """That child alone: the children are independent."""
    ONE_FOR_ALL = "one_for_all"
    """All children: none can go on without the others."""
    REST_FOR_ONE = "rest_for_one"
    """That child and those started after it: each builds on the ones before."""


class StopOrder(Enum):
    """The order in which children stop: the last started first, or the first started first, as in a pipeline."""

    REVERSE = "reverse"
    START_ORDER = "start_order"


class SpecError(ValueError):
    """A spec that cannot work; nothing was started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a crashed child waits before it starts again. OTP has no such delay.

    The delay doubles (`factor`) with every crash in a row, is shortened by at most `jitter` (a share of it), and begins
    anew after a life of `healthy_seconds`. It serves whatever else is tried again, too.
    """

    initial_seconds: float = 0.1
    maximum_seconds: float = 5.0
    factor: float = 2.0
    jitter: float = 0.2
    healthy_seconds: float = 30.0

    def delay_seconds(self, crashes: int, random: Random) -> float:
        """Return the delay after this many earlier crashes in a row; never more than the maximum."""
        return self._plain(crashes) * random.uniform(1 - self.jitter, 1)

    def shortest_sum_seconds(self, crashes: int) -> float:
        """Return the least time that a child spends waiting when it crashes at once, this many times in a row."""
        growing = sum(self._plain(crash) for crash in range(min(crashes, LAST_GROWTH)))
        return (growing + max(0, crashes - LAST_GROWTH) * self._plain(LAST_GROWTH)) * (1 - self.jitter)

    def _plain(self, crashes: int) -> float:
        return min(self.maximum_seconds, self.initial_seconds * self.factor ** min(crashes, LAST_GROWTH))


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """How many restarts within a period a supervisor makes; with one more it gives up and fails upward."""

    restarts: int = 10
    period_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a supervisor treats its children as a group."""

    strategy: Strategy = Strategy.ONE_FOR_ONE
    intensity: Intensity = field(default_factory=Intensity)
    stop_order: StopOrder = StopOrder.REVERSE


class Ageing(Protocol):
    """The part of a `Progress` that a snapshot needs."""

    def age_seconds(self, now: float) -> float | None:
        """Return the seconds since the last progress, or `None` if there was none."""


class Nested(Protocol):
    """A supervisor among the children, as its parent and `outline` see it."""

    @property
    def rules(self) -> Rules:
        """How it treats its own children."""

    def specs(self) -> list[ChildSpec]:
        """Return the specs of its children in the order of their start."""

    def snapshot(self) -> SupervisorSnapshot:
        """Return it and all below it, as it is now."""

    def as_child(self) -> ChildSpec:
        """Return the spec that puts it under a parent."""

    def place(self, path: Path, notifier: Notifier) -> None:
        """Take this place in a tree, before each start; report to the notifier if it has no observer of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """One child: how to run it and what to do when it ends.

    `drain` asks it to finish and returns at once: it sets an event, or closes the sender that feeds the child. It is
    called whenever the child has to stop, whether it is ready or not, and also if it will be started again with its
    siblings; so `run` begins by undoing what `drain` did. With `drain_to_restart=False` it is not called before such a
    restart: the child is cancelled at once, which suits a stage whose inbox repeats what it held. A child without a
    `drain` is always cancelled.

    A `fatal` exception never leads to a restart: the supervisor stops its children and raises that very exception.
    """

    id: str
    start: Start
    restart: Restart = Restart.PERMANENT
    start_timeout_seconds: float = 10.0
    shutdown_timeout_seconds: float = 5.0
    drain: Callable[[], None] | None = None
    drain_to_restart: bool = True
    fatal: tuple[type[Exception], ...] = ()
    backoff: Backoff = field(default_factory=Backoff)
    progress: Ageing | None = None
    supervisor: Nested | None = None


def check_all(id_: str, specs: list[ChildSpec], intensity: Intensity) -> None:
    """Raise `SpecError` if a supervisor of this id could never follow these specs."""
    if not (intensity.restarts >= 0 and 0 < intensity.period_seconds < math.inf):
        raise SpecError(f"{id_}: an intensity is a number of restarts and a period of positive seconds")
    if len({spec.id for spec in specs}) != len(specs):
        raise SpecError(f"{id_}: two children share an id")
    for spec in specs:
        check(spec, intensity)


def check(spec: ChildSpec, intensity: Intensity) -> None:
    """Raise `SpecError` if the child could never be started, stopped or given up."""
    if not spec.id or "/" in spec.id:
        raise SpecError(f"a child's id is a name without a slash, not {spec.id!r}")
    if not (spec.start_timeout_seconds > 0 and spec.shutdown_timeout_seconds >= 0):
        raise SpecError(f"{spec.id}: timeouts are positive seconds")
    if not all(issubclass(kind, Exception) for kind in spec.fatal):
        raise SpecError(f"{spec.id}: fatal are kinds of Exception; others are never caught anyway")
    _check_backoff(spec.id, spec.backoff, intensity)


def _check_backoff(id_: str, backoff: Backoff, intensity: Intensity) -> None:
    times = (backoff.initial_seconds, backoff.maximum_seconds)
    if not all(0 <= seconds < math.inf for seconds in times) or not backoff.healthy_seconds > 0:
        raise SpecError(f"{id_}: a backoff's delays are finite, not negative, and healthy_seconds is positive")
    if not (0 <= backoff.jitter < 1 and 1 <= backoff.factor <= STEEPEST_FACTOR):
        raise SpecError(f"{id_}: a backoff has jitter in [0, 1) and a factor from 1 to {STEEPEST_FACTOR:g}")
    delays = backoff.shortest_sum_seconds(intensity.restarts)
    if delays >= intensity.period_seconds:
        raise SpecError(
            f"{id_}: {intensity.restarts} restarts cannot happen within {intensity.period_seconds:g} s: its delays "
            f"add up to {delays:.1f} s, so it would crash for ever"
        )
