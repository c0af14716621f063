"""What a supervisor is told of its children: specs as data, checked before anything starts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from random import Random

    from supervisors.supervisor import Supervisor

Start = Callable[..., Awaitable[None]]
"""What runs a child: called as `start(task_status=...)`; it calls `task_status.started()` when ready to take work."""


class Restart(Enum):
    """When a child that ended by itself is started again. The words are OTP's."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """After a crash; a normal return is its end."""
    TEMPORARY = "temporary"
    """Never."""


class Strategy(Enum):
    """Who is started again when one child is."""

    ONE_FOR_ONE = "one_for_one"
    ONE_FOR_ALL = "one_for_all"
    REST_FOR_ONE = "rest_for_one"


class StopOrder(Enum):
    """In which order a supervisor stops its children: the last started first, or in the direction of a pipeline."""

    REVERSE = "reverse"
    START_ORDER = "start_order"


class SpecError(ValueError):
    """A spec that can not work; nothing was started."""


class Progress:
    """When an actor last got on. The actor reports; the snapshot shows the age."""

    def __init__(self) -> None:
        self._reported_at: float | None = None

    def report(self) -> None:
        """Say that a piece of work is done. Cheap enough for every batch."""
        self._reported_at = trio.current_time()

    def age_seconds(self, now: float) -> float | None:
        """Return how long ago the last report was; none if there never was one."""
        return None if self._reported_at is None else now - self._reported_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long a crashed child waits: doubling, with jitter, anew after a healthy life. OTP has no such delay."""

    initial_seconds: float = 0.1
    maximum_seconds: float = 5.0
    factor: float = 2.0
    jitter: float = 0.2
    healthy_seconds: float = 30.0

    def delay_seconds(self, crashes: int, random: Random) -> float:
        """Return the wait after this many crashes in a row, the first being 0."""
        return self._plain(crashes) * random.uniform(1 - self.jitter, 1 + self.jitter)

    def shortest_sum_seconds(self, crashes: int) -> float:
        """Return the least time that this many crashes in a row spend waiting."""
        return sum(self._plain(crash) for crash in range(crashes)) * (1 - self.jitter)

    def _plain(self, crashes: int) -> float:
        return min(self.maximum_seconds, self.initial_seconds * self.factor ** min(crashes, 64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """More than `restarts` in `period_seconds`, and the supervisor itself fails upward."""

    restarts: int = 10
    period_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """A child. `drain` asks it to finish; without one it is cancelled at once when it has to stop.

    `fatal` exceptions are never restarted: the supervisor stops its children and raises that very exception.
    """

    id: str
    start: Start
    restart: Restart = Restart.PERMANENT
    start_timeout_seconds: float = 10.0
    shutdown_timeout_seconds: float = 5.0
    drain: Callable[[], None] | None = None
    fatal: tuple[type[Exception], ...] = ()
    backoff: Backoff = field(default_factory=Backoff)
    progress: Progress | None = None
    supervisor: Supervisor | None = None


def check(spec: ChildSpec, intensity: Intensity) -> None:
    """Raise `SpecError` when the child could never be started, stopped or given up."""
    backoff = spec.backoff
    if not spec.id or "/" in spec.id:
        raise SpecError(f"a child's id is a name without a slash, not {spec.id!r}")
    if spec.start_timeout_seconds <= 0 or spec.shutdown_timeout_seconds < 0:
        raise SpecError(f"{spec.id}: timeouts are positive seconds")
    if not (0 <= backoff.jitter < 1 and backoff.factor >= 1 and backoff.initial_seconds >= 0):
        raise SpecError(f"{spec.id}: a backoff has jitter in [0, 1), a factor of at least 1 and no negative time")
    if backoff.shortest_sum_seconds(intensity.restarts) >= intensity.period_seconds:
        raise SpecError(
            f"{spec.id}: {intensity.restarts} restarts can not happen within {intensity.period_seconds:g} s: its "
            f"delays sum up to {backoff.shortest_sum_seconds(intensity.restarts):.1f} s, so it would crash for ever"
        )
