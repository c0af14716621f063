"""The decisions of a supervisor as a pure machine: news of the children goes in, events and commands come out.

A child has a `Phase`, which says what its task is doing, and an `Aim`, which says what is to become of it:

    phase       it is ready   its task ends   its deadline passes   it is its turn to ...
    DOWN                                                            start: STARTING
    STARTING    UP            ENDED           LATE                  stop: DRAINING, or CANCELLED without a drain
    LATE                      ENDED           (reported stuck)      stop: CANCELLED
    UP                        ENDED                                 stop: DRAINING, or CANCELLED without a drain
    DRAINING                  ENDED           CANCELLED
    CANCELLED                 ENDED           (reported stuck)
    ENDED                                                           start: STARTING; or, not wanted: DOWN

    aim         while it has a task               without a task                    set by
    RUN         leave it alone                    waits for its first start         `add`, every start
    RESTART     has to end, then starts again     waits for its backoff and turn    an exit, its own or a sibling's
    STOP        has to end                        stays down                        an exit without successor, `stop`
    REMOVE      has to end                        is forgotten                      `remove`

Between two calls only the combinations in `LEGAL` occur. `step` takes all news of one moment in a fixed order (ready,
drains, exits, deadlines; each in the order of the children's start), so the same news leads to the same decisions.

1. A successor never overlaps its predecessor, and never starts before its backoff has passed.
2. Children stop one at a time, in the stop order. A LATE child is cancelled at once and still waits for its turn.
3. A child starts when no wanted child before it is missing. Under rest_for_one and one_for_all a child is missing
   unless it is UP, and nothing starts while any child has to end. Under one_for_one it is missing until it was UP once;
   a child that was UP before waits for nobody, and no child does once the supervisor is running.
4. After `stop` nothing starts and every exit is final.
5. After a `ChildStarting` comes another one or exactly one `ChildStopped`.

What each failure leaves:

    a child crashes                `ChildFailed`. If its aim was RUN and its spec wants a successor, the crash counts,
                                   and the strategy decides whose aim becomes RESTART. Else it counts for nothing.
    a drain raises                 `ChildFailed`, and the child is cancelled in the same step.
    a fatal error, at any time     The machine stops. The first fatal error is its `error`.
    one restart too many           The machine stops. Its `error` is `IntensityExceeded`, unless there is a fatal one.
    the supervisor is cancelled    All tasks end; a `step` after `stop` still accounts for every child.
    the supervisor is restarted    A new machine with an empty window: nothing is remembered from run to run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from math import inf
from random import Random
from typing import TypeAlias

from supervisors.errors import IntensityExceeded, StartTimeout, fatal_in, text
from supervisors.events import (
    ChildFailed,
    ChildRestarting,
    ChildStarted,
    ChildStarting,
    ChildStopped,
    ChildStuck,
    Path,
    SupervisorEvent,
    SupervisorGaveUp,
    SupervisorStateChanged,
)
from supervisors.messages import CancelChild, Command, DrainChild, DrainFailed, Exited, News, StartChild, Started
from supervisors.specs import ChildSpec, Intensity, Restart, Rules, StopOrder, Strategy

Decision: TypeAlias = Command | SupervisorEvent
STUCK_SECONDS = 5.0
"""Time for a cancelled child to clean up, after which it is reported as stuck."""
HISTORY_EXITS = 20


class Phase(Enum):
    """What a child's task is doing. DOWN and ENDED have none; for an ENDED child `ChildStopped` is not reported yet."""

    DOWN = auto()
    STARTING = auto()
    LATE = auto()
    UP = auto()
    DRAINING = auto()
    CANCELLED = auto()
    ENDED = auto()


class Aim(Enum):
    """What is to become of a child."""

    RUN = auto()
    RESTART = auto()
    STOP = auto()
    REMOVE = auto()


LEGAL: dict[Phase, set[Aim]] = {
    Phase.DOWN: {Aim.RUN, Aim.RESTART, Aim.STOP},  # RESTART: it had ended for good, and returns with its siblings
    Phase.STARTING: set(Aim),
    Phase.LATE: set(Aim),
    Phase.UP: set(Aim),
    Phase.DRAINING: {Aim.RESTART, Aim.STOP, Aim.REMOVE},
    Phase.CANCELLED: {Aim.RESTART, Aim.STOP, Aim.REMOVE},
    Phase.ENDED: {Aim.RESTART, Aim.STOP, Aim.REMOVE},
}


class Child:
    """What the machine remembers of a child. Times are seconds of the caller's clock."""

    def __init__(self, spec: ChildSpec, aim: Aim = Aim.RUN) -> None:
        self.spec = spec
        self.phase = Phase.DOWN
        self.aim = aim
        self.deadline = inf
        """By when it has to be ready, to finish, or to end after it was cancelled."""
        self.not_before = -inf
        """The end of its backoff."""
        self.up_since = -inf
        """When it was last ready in this run."""
        self.restarts = 0
        self.crashes_in_a_row = 0
        self.last_error: str | None = None

    @property
    def has_task(self) -> bool:
        """Its task has not ended."""
        return self.phase not in (Phase.DOWN, Phase.ENDED)

    @property
    def has_to_end(self) -> bool:
        """Its task is ending, or is to end in its turn."""
        return self.has_task and self.aim is not Aim.RUN

    @property
    def wanted(self) -> bool:
        """It is to run, now or after a restart."""
        return self.aim in (Aim.RUN, Aim.RESTART)

    @property
    def was_ready(self) -> bool:
        """It was ready at least once in this run."""
        return self.up_since > -inf

    def end(self, error: BaseException | None, now: float) -> BaseException | None:
        """Note the end of the task; return its error, which is `StartTimeout` for a late child that raised nothing."""
        if error is None and self.phase is Phase.LATE:
            error = StartTimeout(f"{self.spec.id} was not ready after {self.spec.start_timeout_seconds:g} s")
        if error is not None:
            self.last_error = text(error)
        if self.phase is Phase.UP and now - self.up_since >= self.spec.backoff.healthy_seconds:
            self.crashes_in_a_row = 0
        self.phase, self.deadline = Phase.ENDED, inf
        return error

    def returns_after(self, error: BaseException | None) -> bool:
        """Return whether its spec wants a successor after such an end."""
        restart = self.spec.restart
        return restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and error is not None)


class RestartWindow:
    """Counts restarts within the period of an intensity; one that is exactly a period old counts no more."""

    def __init__(self, intensity: Intensity) -> None:
        self._intensity = intensity
        self._restarts: deque[float] = deque()

    def overflows(self, now: float) -> bool:
        """Count one more restart; return whether it is one too many. `now` never goes back."""
        self._restarts.append(now)
        while self._restarts[0] <= now - self._intensity.period_seconds:
            self._restarts.popleft()
        return len(self._restarts) > self._intensity.restarts


class Machine:
    """The children of one run of a supervisor, in the order of their start.

    `add`, `remove` and `stop` change aims; what follows from that comes out of the next `step`.
    """

    def __init__(self, path: Path, specs: Iterable[ChildSpec], rules: Rules, random: Random) -> None:
        self.children = {spec.id: Child(spec) for spec in specs}
        self.stopping = False
        self._path = path
        self._rules = rules
        self._random = random
        self._window = RestartWindow(rules.intensity)
        self._history: deque[str] = deque(maxlen=HISTORY_EXITS)
        self._fatal: Exception | None = None
        self._gave_up: IntensityExceeded | None = None
        self._stepped_at = -inf
        self._state = "starting"

    @property
    def ended(self) -> bool:
        """The supervisor stops, and no child has a task any more."""
        return self.stopping and not any(child.has_task for child in self.children.values())

    @property
    def error(self) -> Exception | None:
        """What the supervisor has to raise once it has ended."""
        return self._gave_up if self._fatal is None else self._fatal

    def next_deadline(self) -> float:
        """Return when `step` has work even without news; infinity for never.

        That may be in the past: observing the last step can take longer than a backoff.
        """
        children = self.children.values()
        backoffs = (child.not_before for child in children if child.wanted and not child.has_task)
        later = (at for at in backoffs if at > self._stepped_at)
        return min((*later, *(child.deadline for child in children)), default=inf)

    def add(self, spec: ChildSpec) -> None:
        """Add a child, to start in its turn; not at all if the supervisor stops."""
        self.children[spec.id] = Child(spec, Aim.STOP if self.stopping else Aim.RUN)

    def remove(self, id_: str) -> None:
        """Stop a child; it is gone from `children` once it has ended."""
        child = self.children[id_]
        child.aim = Aim.REMOVE
        if child.phase is Phase.DOWN:
            del self.children[id_]

    def stop(self) -> None:
        """Stop all children."""
        self.stopping = True
        for child in self.children.values():
            if child.aim is not Aim.REMOVE:
                child.aim = Aim.STOP

    def step(self, news: Iterable[News], now: float) -> list[Decision]:
        """Take all news until now; return what to report and to do, in order."""
        news = list(news)
        self._stepped_at = now
        return [
            *self._note_started({one.id for one in news if isinstance(one, Started)}, now),
            *self._note_drains({one.id: one.error for one in news if isinstance(one, DrainFailed)}),
            *self._note_exits({one.id: one.error for one in news if isinstance(one, Exited)}, now),
            *self._pass_deadlines(now),
            *self._note_state(),
            *self._settle(),
            *self._stop_next(now),
            *self._start_next(now),
        ]

    def _note_started(self, ids: set[str], now: float) -> Iterable[Decision]:
        for id_ in filter(ids.__contains__, self.children):
            child = self.children[id_]
            if child.phase is Phase.STARTING:
                child.phase, child.up_since, child.deadline = Phase.UP, now, inf
                yield ChildStarted(path=self._path_of(child))

    def _note_drains(self, errors: dict[str, Exception]) -> Iterable[Decision]:
        for id_ in filter(errors.__contains__, self.children):
            child = self.children[id_]
            child.deadline = -inf
            yield ChildFailed(path=self._path_of(child), error=errors[id_])

    def _note_exits(self, errors: dict[str, BaseException | None], now: float) -> Iterable[Decision]:
        """Note all exits before deciding on any: the dead are not stopped once more, nor blamed for a sibling."""
        exits = [(child, child.end(errors[id_], now)) for id_, child in self.children.items() if id_ in errors]
        for child, error in exits:
            if error is not None:
                is_fatal = fatal_in(error, child.spec.fatal) is not None
                yield ChildFailed(path=self._path_of(child), error=error, is_fatal=is_fatal)
        for child, error in exits:
            fatal = fatal_in(error, child.spec.fatal)
            if fatal is not None:
                self._fatal = fatal if self._fatal is None else self._fatal
                self.stop()
            elif child.aim is Aim.RUN and not child.returns_after(error):
                child.aim = Aim.STOP
        for child, error in [(child, error) for child, error in exits if child.aim is Aim.RUN]:
            if not self.stopping:
                yield from self._restart(child, error, now)

    def _restart(self, child: Child, error: BaseException | None, now: float) -> Iterable[Decision]:
        self._history.append(f"{child.spec.id}: {'returned' if error is None else text(error)}")
        if self._window.overflows(now):
            yield self._give_up(error)
            return
        delay = child.spec.backoff.delay_seconds(child.crashes_in_a_row, self._random)
        child.crashes_in_a_row += 1
        for other in affected(self._rules.strategy, child, list(self.children.values())):
            yield from self._plan(other, now, delay)

    def _give_up(self, error: BaseException | None) -> SupervisorGaveUp:
        history = tuple(self._history)
        self._gave_up = IntensityExceeded(self._path[-1], history)
        self._gave_up.__cause__ = error
        self.stop()
        return SupervisorGaveUp(path=self._path, history=history)

    def _plan(self, child: Child, now: float, delay: float) -> Iterable[Decision]:
        """Let a child come back, unless it is temporary and goes down with its siblings. A plan is reported once."""
        if child.phase is Phase.DOWN and child.aim is Aim.RUN:
            return  # its turn comes when those before it are up
        if child.spec.restart is Restart.TEMPORARY:
            child.aim = Aim.STOP
            return
        child.not_before = max(child.not_before, now + delay)
        if child.aim is not Aim.RESTART:
            child.aim = Aim.RESTART
            child.restarts += 1
            yield ChildRestarting(path=self._path_of(child), delay_seconds=delay)

    def _pass_deadlines(self, now: float) -> Iterable[Decision]:
        for child in self.children.values():
            if child.deadline > now:
                continue
            if child.phase in (Phase.LATE, Phase.CANCELLED):
                child.deadline = inf
                yield ChildStuck(path=self._path_of(child), waited_seconds=STUCK_SECONDS)
            else:
                yield self._cancel(child, Phase.LATE if child.phase is Phase.STARTING else Phase.CANCELLED, now)

    def _note_state(self) -> Iterable[Decision]:
        """Report `running` once every child was ready or has ended for good, whatever becomes of them later."""
        ready = self._state == "running" or all(child.was_ready or not child.wanted for child in self.children.values())
        state = "stopping" if self.stopping else "running" if ready else "starting"
        if state != self._state:
            self._state = state
            yield SupervisorStateChanged(path=self._path, state=state)

    def _settle(self) -> Iterable[Decision]:
        for id_, child in list(self.children.items()):
            if child.phase is Phase.ENDED and not child.wanted:
                child.phase = Phase.DOWN
                if child.aim is Aim.REMOVE or child.spec.restart is Restart.TEMPORARY:
                    del self.children[id_]
                yield ChildStopped(path=self._path_of(child))

    def _stop_next(self, now: float) -> Iterable[Decision]:
        order = list(self.children.values())
        if any(child.phase in (Phase.DRAINING, Phase.CANCELLED) for child in order):
            return
        if self._rules.stop_order is StopOrder.REVERSE:
            order.reverse()
        child = next((child for child in order if child.has_to_end), None)
        if child is None:
            return
        if child.phase is Phase.LATE:
            child.phase = Phase.CANCELLED
        elif child.spec.drain is None or (child.aim is Aim.RESTART and not child.spec.drain_to_restart):
            yield self._cancel(child, Phase.CANCELLED, now)
        else:
            child.phase, child.deadline = Phase.DRAINING, now + child.spec.shutdown_timeout_seconds
            yield DrainChild(child.spec.id, child.spec.drain)

    def _cancel(self, child: Child, phase: Phase, now: float) -> CancelChild:
        child.phase, child.deadline = phase, now + STUCK_SECONDS
        return CancelChild(child.spec.id)

    def _start_next(self, now: float) -> Iterable[Decision]:
        independent = self._rules.strategy is Strategy.ONE_FOR_ONE
        nothing_missing = independent or not any(child.has_to_end for child in self.children.values())
        for child in self.children.values():
            may_start = nothing_missing or (independent and (self._state == "running" or child.was_ready))
            if child.wanted and not child.has_task and may_start and child.not_before <= now:
                child.phase, child.aim = Phase.STARTING, Aim.RUN
                child.deadline = now + child.spec.start_timeout_seconds
                yield ChildStarting(path=self._path_of(child))
                yield StartChild(child.spec.id)
            there = child.was_ready if independent else child.phase is Phase.UP
            nothing_missing = nothing_missing and (there or not child.wanted)

    def _path_of(self, child: Child) -> Path:
        return (*self._path, child.spec.id)


def affected(strategy: Strategy, child: Child, children: Sequence[Child]) -> Sequence[Child]:
    """Return who goes down and comes back with this child, in the order of their start."""
    if strategy is Strategy.ONE_FOR_ONE:
        return [child]
    return children if strategy is Strategy.ONE_FOR_ALL else children[children.index(child) :]
