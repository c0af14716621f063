"""What a supervisor is told of its children: specs as data, checked before anything starts."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

    from supervisors.progress import Progress
    from supervisors.supervisor import Supervisor

Start = Callable[..., Awaitable[None]]
"""What runs a child: called as `start(task_status=...)`; it calls `task_status.started()` when ready to take work."""

LAST_GROWTH = 64
"""The number of crashes in a row after which a delay grows no more, be it that slow."""
STEEPEST_FACTOR = 100.0
"""Of a backoff: to the power of `LAST_GROWTH` it is still a float."""


class Restart(Enum):
    """When a child that ended by itself is started again. The words are OTP's."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """After a crash. A normal return is its end, until its siblings are restarted and it with them."""
    TEMPORARY = "temporary"
    """Never, not with its siblings either; once ended it is forgotten."""


class Strategy(Enum):
    """Who is started again when one child is."""

    ONE_FOR_ONE = "one_for_one"
    """That child alone: the children are independent."""
    ONE_FOR_ALL = "one_for_all"
    """All of them: none can go on without each other."""
    REST_FOR_ONE = "rest_for_one"
    """That child and those started after it: each builds on the ones before."""


class StopOrder(Enum):
    """In which order a supervisor stops its children: the last started first, or in the direction of a pipeline."""

    REVERSE = "reverse"
    START_ORDER = "start_order"


class SpecError(ValueError):
    """A spec that can not work; nothing was started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a crashed child waits: doubling, with jitter, anew after a healthy life. OTP has no such delay."""

    initial_seconds: float = 0.1
    maximum_seconds: float = 5.0
    factor: float = 2.0
    jitter: float = 0.2
    healthy_seconds: float = 30.0

    def delay_seconds(self, crashes: int, random: Random) -> float:
        """Return the wait after this many crashes in a row, the first being 0; never more than the maximum."""
        return min(self.maximum_seconds, self._plain(crashes) * random.uniform(1 - self.jitter, 1 + self.jitter))

    def shortest_sum_seconds(self, crashes: int) -> float:
        """Return the least time that a child which crashes at once, this many times in a row, spends waiting."""
        growing = sum(self._plain(crash) for crash in range(min(crashes, LAST_GROWTH)))
        return (growing + max(0, crashes - LAST_GROWTH) * self._plain(LAST_GROWTH)) * (1 - self.jitter)

    def _plain(self, crashes: int) -> float:
        return min(self.maximum_seconds, self.initial_seconds * self.factor ** min(crashes, LAST_GROWTH))


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """More than `restarts` in `period_seconds`, and the supervisor itself fails upward."""

    restarts: int = 10
    period_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How a supervisor treats its children as a group."""

    strategy: Strategy = Strategy.ONE_FOR_ONE
    intensity: Intensity = field(default_factory=Intensity)
    stop_order: StopOrder = StopOrder.REVERSE


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """A child.

    `drain` asks it to finish, and returns at once: it sets an event, or closes the sender that feeds the child. It is
    called whenever the child has to stop, be it ready or not, also to be started again with its siblings; so `run`
    begins by undoing what `drain` did. With `drain_to_restart` false it is not called for that: the child is cancelled
    at once, as befits a stage whose inbox repeats what it held. So is one without a drain whenever it has to stop.

    `fatal` exceptions are never restarted: the supervisor stops its children and raises that very exception.
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
    progress: Progress | None = None
    supervisor: Supervisor | None = None


def check_all(id_: str, specs: list[ChildSpec], intensity: Intensity) -> None:
    """Raise `SpecError` when the supervisor of this id could not do what it is told."""
    if not (intensity.restarts >= 0 and 0 < intensity.period_seconds < math.inf):
        raise SpecError(f"{id_}: an intensity is a number of restarts and a period of positive seconds")
    if len({spec.id for spec in specs}) != len(specs):
        raise SpecError(f"{id_}: two children share an id")
    for spec in specs:
        check(spec, intensity)


def check(spec: ChildSpec, intensity: Intensity) -> None:
    """Raise `SpecError` when the child could never be started, stopped or given up."""
    if not spec.id or "/" in spec.id:
        raise SpecError(f"a child's id is a name without a slash, not {spec.id!r}")
    if not (spec.start_timeout_seconds > 0 and spec.shutdown_timeout_seconds >= 0):
        raise SpecError(f"{spec.id}: timeouts are positive seconds")
    if not all(issubclass(kind, Exception) for kind in spec.fatal):
        raise SpecError(f"{spec.id}: fatal are kinds of Exception; what is none is never restarted anyway")
    _check_backoff(spec.id, spec.backoff, intensity)


def _check_backoff(id_: str, backoff: Backoff, intensity: Intensity) -> None:
    times = (backoff.initial_seconds, backoff.maximum_seconds)
    if not all(0 <= seconds < math.inf for seconds in times) or not backoff.healthy_seconds > 0:
        raise SpecError(f"{id_}: a backoff's times are seconds, none negative, and a healthy life lasts a while")
    if not (0 <= backoff.jitter < 1 and 1 <= backoff.factor <= STEEPEST_FACTOR):
        raise SpecError(f"{id_}: a backoff has jitter in [0, 1) and a factor from 1 to {STEEPEST_FACTOR:g}")
    delays = backoff.shortest_sum_seconds(intensity.restarts)
    if delays >= intensity.period_seconds:
        raise SpecError(
            f"{id_}: {intensity.restarts} restarts can not happen within {intensity.period_seconds:g} s: its delays "
            f"sum up to {delays:.1f} s, so it would crash for ever"
        )
