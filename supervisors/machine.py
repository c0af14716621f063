"""The decisions of a supervisor as a pure machine: what happened goes in, what to do comes out.

Each child is DOWN, STARTING, UP or STOPPING, and is wanted or not. After every input `_settle` brings the children one
step nearer to what is wanted, by three rules:

1. Children that must stop do so one at a time, in the stop order.
2. A wanted child starts when nothing it depends on is missing: at first every earlier child is up; later, under
   rest_for_one and one_for_all, the same again, and nobody is still stopping. A successor never overlaps its
   predecessor.
3. Nothing starts before its backoff has passed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from math import inf
from random import Random
from typing import TypeAlias

from supervisors.specs import ChildSpec, Intensity, Restart, StopOrder, Strategy

STUCK_SECONDS = 5.0
HISTORY = 20


class ChildState(Enum):
    """Where a child stands."""

    DOWN = "down"
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"


class StartTimeout(Exception):
    """A child did not say that it is ready in time."""


class IntensityExceeded(Exception):
    """A supervisor gave up; `history` tells the exits that led there, oldest first."""

    def __init__(self, supervisor: str, history: Sequence[str]) -> None:
        super().__init__(f"{supervisor} gave up after too many restarts: {'; '.join(history)}")
        self.history = tuple(history)


@dataclass(frozen=True, slots=True)
class StartChild:
    """Run the child in a task of its own."""

    id: str


@dataclass(frozen=True, slots=True)
class DrainChild:
    """Ask the child to finish."""

    id: str


@dataclass(frozen=True, slots=True)
class CancelChild:
    """Cancel the child's task."""

    id: str


@dataclass(frozen=True, slots=True)
class RestartPlanned:
    """Tell that the child will start again after the delay."""

    id: str
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class ReportStuck:
    """Tell that the child has not ended since it was cancelled."""

    id: str


@dataclass(frozen=True, slots=True)
class ReportFailed:
    """Tell that the child crashed, or was not ready in time."""

    id: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class ReportStopped:
    """Tell that the child has ended and stays down."""

    id: str


Action: TypeAlias = StartChild | DrainChild | CancelChild | RestartPlanned | ReportStuck | ReportFailed | ReportStopped


class Child:
    """What the machine knows of a child. Times are seconds of the caller's clock."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.state = ChildState.DOWN
        self.wanted = True
        self.must_stop = False
        self.ready_once = False
        self.restarts = 0
        self.crashes = 0
        self.not_before = -inf
        self.deadline = inf
        self.since = 0.0
        self.cancelled = False
        self.timed_out = False
        self.removed = False
        self.last_error: BaseException | None = None


class Machine:
    """The children of one supervisor. Every input returns the actions to carry out, in order."""

    def __init__(
        self, id_: str, strategy: Strategy, intensity: Intensity, stop_order: StopOrder, random: Random
    ) -> None:
        self.children: dict[str, Child] = {}
        self.stopping = False
        self.error: BaseException | None = None
        self.history: deque[str] = deque(maxlen=HISTORY)
        self._id = id_
        self._strategy = strategy
        self._intensity = intensity
        self._stop_order = stop_order
        self._random = random
        self._window: deque[float] = deque()

    @property
    def ready(self) -> bool:
        """Every child was up once, or has ended for good."""
        return all(child.ready_once or not child.wanted for child in self.children.values())

    @property
    def ended(self) -> bool:
        """The supervisor stops and no child is left."""
        return self.stopping and all(child.state is ChildState.DOWN for child in self.children.values())

    def next_deadline(self, now: float) -> float:
        """Return when `tick` has something to do; infinity for never."""
        waiting = (c.not_before for c in self.children.values() if c.wanted and c.state is ChildState.DOWN)
        return min((*(at for at in waiting if at > now), *(c.deadline for c in self.children.values())), default=inf)

    def add(self, spec: ChildSpec, now: float) -> list[Action]:
        """Take a child in."""
        self.children[spec.id] = Child(spec)
        return self._settle(now)

    def remove(self, id_: str, now: float) -> list[Action]:
        """Let go of a child; it is gone from `children` once it has ended."""
        child = self.children[id_]
        child.wanted, child.removed = False, True
        child.must_stop = child.state is not ChildState.DOWN
        if not child.must_stop:
            del self.children[id_]
        return self._settle(now)

    def stop(self, now: float) -> list[Action]:
        """Stop all children; from now on every exit is final."""
        self.stopping = True
        for child in self.children.values():
            child.wanted = False
            child.must_stop = child.state is not ChildState.DOWN
        return self._settle(now)

    def started(self, id_: str, now: float) -> list[Action]:
        """Note that a child is ready."""
        child = self.children[id_]
        if child.state is ChildState.STARTING:
            child.state, child.since, child.deadline, child.ready_once = ChildState.UP, now, inf, True
        return self._settle(now)

    def exited(self, id_: str, error: BaseException | None, now: float) -> list[Action]:
        """Note that a child's task has ended, and decide what becomes of it."""
        child = self.children[id_]
        lived = now - child.since if child.state is ChildState.UP else 0.0
        if child.timed_out and error is None:
            error = StartTimeout(f"{id_} was not ready after {child.spec.start_timeout_seconds:g} s")
        actions: list[Action] = []
        if error is not None:
            child.last_error = error
            self.history.append(f"{id_}: {type(error).__name__}: {error}")
            actions.append(ReportFailed(id_, error))
        ordered, child.must_stop = child.must_stop, False
        child.state, child.deadline, child.cancelled, child.timed_out = ChildState.DOWN, inf, False, False
        if isinstance(error, child.spec.fatal) and self.error is None:
            self.error = error
            actions += self.stop(now)
        elif not ordered and not self.stopping:
            actions += self._ended_by_itself(child, error, lived, now)
        if not child.wanted:
            actions.append(ReportStopped(id_))
            if child.removed or (child.spec.restart is Restart.TEMPORARY and not self.stopping):
                del self.children[id_]
        return actions + self._settle(now)

    def tick(self, now: float) -> list[Action]:
        """Act on every deadline that has passed."""
        actions: list[Action] = []
        for id_, child in self.children.items():
            if child.deadline > now:
                continue
            if child.state is ChildState.STARTING and not child.cancelled:
                child.timed_out = True
            if child.cancelled:
                child.deadline = inf
                actions.append(ReportStuck(id_))
            else:
                actions.append(self._cancel(id_, child, now))
        return actions + self._settle(now)

    def _ended_by_itself(self, child: Child, error: BaseException | None, lived: float, now: float) -> list[Action]:
        restart = child.spec.restart
        if restart is Restart.TEMPORARY or (restart is Restart.TRANSIENT and error is None):
            child.wanted = False
            return []
        self._window.append(now)
        while self._window[0] <= now - self._intensity.period_seconds:
            self._window.popleft()
        if len(self._window) > self._intensity.restarts:
            self.error = IntensityExceeded(self._id, self.history)
            return self.stop(now)
        child.crashes = 0 if lived >= child.spec.backoff.healthy_seconds else child.crashes
        delay = child.spec.backoff.delay_seconds(child.crashes, self._random)
        child.crashes += 1
        return [self._plan(other, now + delay, delay) for other in self._affected(child)]

    def _affected(self, child: Child) -> list[Child]:
        """Return who is started again with this child; temporary siblings that go down with it stay down."""
        order = list(self.children.values())
        match self._strategy:
            case Strategy.ONE_FOR_ONE:
                group = [child]
            case Strategy.ONE_FOR_ALL:
                group = order
            case Strategy.REST_FOR_ONE:
                group = order[order.index(child) :]
        for other in group:
            other.must_stop = other.state is not ChildState.DOWN
            other.wanted = other.wanted and other.spec.restart is not Restart.TEMPORARY
        return [other for other in group if other.wanted]

    def _plan(self, child: Child, not_before: float, delay: float) -> RestartPlanned:
        child.not_before = max(child.not_before, not_before)
        child.restarts += 1
        return RestartPlanned(child.spec.id, delay)

    def _settle(self, now: float) -> list[Action]:
        return self._stop_next(now) or ([] if self.stopping else self._start_next(now))

    def _stop_next(self, now: float) -> list[Action]:
        order = list(self.children.items())
        if self._stop_order is StopOrder.REVERSE:
            order.reverse()
        if any(child.state is ChildState.STOPPING for _, child in order):
            return []
        for id_, child in order:
            if child.must_stop:
                starting, child.state = child.state is ChildState.STARTING, ChildState.STOPPING
                if child.spec.drain is None or starting:
                    return [self._cancel(id_, child, now)]
                child.deadline = now + child.spec.shutdown_timeout_seconds
                return [DrainChild(id_)]
        return []

    def _cancel(self, id_: str, child: Child, now: float) -> CancelChild:
        child.cancelled = True
        child.deadline = now + STUCK_SECONDS
        return CancelChild(id_)

    def _start_next(self, now: float) -> list[Action]:
        actions: list[Action] = []
        everyone_before_is_up = not any(child.must_stop for child in self.children.values())
        for id_, child in self.children.items():
            independent = self._strategy is Strategy.ONE_FOR_ONE and child.ready_once
            may_start = independent or everyone_before_is_up
            if child.wanted and child.state is ChildState.DOWN and may_start and child.not_before <= now:
                child.state, child.deadline = ChildState.STARTING, now + child.spec.start_timeout_seconds
                actions.append(StartChild(id_))
            everyone_before_is_up = everyone_before_is_up and (child.state is ChildState.UP or not child.wanted)
        return actions
