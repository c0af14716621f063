"""The decisions of a supervisor as a pure machine: what happened goes in, what to do comes out.

Each child is DOWN, STARTING, UP or STOPPING, and is wanted or not. `step` takes all that happened at one moment, in an
order of its own (who is ready, who ended, which deadlines passed; among several children the order of their start), so
that the same happenings always lead to the same actions. Then it brings the children nearer to what is wanted:

1. A child that has ended and is not wanted is reported, and forgotten if it was temporary or removed.
2. Children that must stop do so one at a time, in the stop order.
3. A wanted child starts when nothing it depends on is missing. Until the supervisor is ready, and for ever under
   rest_for_one and one_for_all, that is every earlier child; under these two also nobody may be stopping. A successor
   never overlaps its predecessor.
4. Nothing starts before its backoff has passed.

`add`, `remove` and `stop` change what is wanted; what follows from them comes out of the next `step`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from math import inf
from random import Random

from supervisors.actions import (
    Action,
    CancelChild,
    DrainChild,
    Exited,
    Happening,
    ReportFailed,
    ReportGaveUp,
    ReportRestarting,
    ReportStarted,
    ReportState,
    ReportStopped,
    ReportStuck,
    StartChild,
    Started,
)
from supervisors.child import Child, ChildState, Exit, fatal_in, text
from supervisors.specs import ChildSpec, Restart, Rules, StopOrder, Strategy
from supervisors.window import RestartWindow

STUCK_SECONDS = 5.0
"""What a cancelled child may take for its cleanup before it is named."""
HISTORY_EXITS = 20


class IntensityExceeded(Exception):
    """A supervisor gave up; `history` tells the exits that led there, oldest first."""

    def __init__(self, supervisor: str, history: Sequence[str]) -> None:
        super().__init__(f"{supervisor} gave up after too many restarts; the last: {history[-1]}")
        self.history = tuple(history)


class Machine:
    """The children of one run of a supervisor, in the order of their start."""

    def __init__(self, id_: str, specs: Iterable[ChildSpec], rules: Rules, random: Random) -> None:
        self.children = {spec.id: Child(spec) for spec in specs}
        self.error: Exception | None = None
        self.stopping = False
        self._id = id_
        self._rules = rules
        self._random = random
        self._window = RestartWindow(rules.intensity)
        self._history: deque[str] = deque(maxlen=HISTORY_EXITS)
        self._gave_up = False
        self._stepped_at = -inf
        self._was_ready = False
        self._state = "starting"

    @property
    def ended(self) -> bool:
        """The supervisor stops and no child is left."""
        return self.stopping and all(child.state is ChildState.DOWN for child in self.children.values())

    def next_deadline(self) -> float:
        """Return when `step` has something to do though nothing happened; infinity for never.

        That may be past already: telling of the last step can take longer than a backoff.
        """
        backoffs = (c.not_before for c in self.children.values() if c.wanted and c.state is ChildState.DOWN)
        later = (at for at in backoffs if at > self._stepped_at)
        return min((*later, *(c.deadline for c in self.children.values())), default=inf)

    def add(self, spec: ChildSpec) -> None:
        """Want one more child, unless all have to stop."""
        child = self.children[spec.id] = Child(spec)
        child.wanted = not self.stopping

    def remove(self, id_: str) -> None:
        """Want a child no more; it is gone from `children` once it has ended."""
        child = self.children[id_]
        child.removed = True
        self._unwant(child)
        if not child.owes_stopped:
            del self.children[id_]

    def stop(self) -> None:
        """Want none of the children; from now on every exit is final."""
        self.stopping = True
        for child in self.children.values():
            self._unwant(child)

    def hasten(self, id_: str) -> None:
        """Let the time end that the child has to finish."""
        self.children[id_].deadline = -inf

    def step(self, happened: Iterable[Happening], now: float) -> list[Action]:
        """Take in all that happened until now; return what to do, in order."""
        happened = list(happened)
        self._stepped_at = now
        return [
            *self._note_started({event.id for event in happened if isinstance(event, Started)}, now),
            *self._note_exits({event.id: event.error for event in happened if isinstance(event, Exited)}, now),
            *self._pass_deadlines(now),
            *self._note_state(),
            *self._bury(),
            *self._stop_next(now),
            *self._start_next(now),
        ]

    def _note_started(self, ids: set[str], now: float) -> Iterable[Action]:
        for id_ in filter(ids.__contains__, self.children):
            child = self.children[id_]
            if child.state is ChildState.STARTING and not child.cancelled:
                child.state, child.up_since, child.deadline, child.ready_once = ChildState.UP, now, inf, True
                yield ReportStarted(id_)

    def _note_exits(self, errors: dict[str, BaseException | None], now: float) -> Iterable[Action]:
        """Note all exits before deciding on any: the dead are not stopped once more, nor blamed for a sibling."""
        exits = [child.end(errors[id_], now) for id_, child in self.children.items() if id_ in errors]
        yield from (ReportFailed(one.child.spec.id, one.error) for one in exits if one.error is not None)
        for one in exits:
            fatal = fatal_in(one.error, one.child.spec.fatal)
            if fatal is not None:
                self._fail(fatal)
            elif one.is_last and not one.ordered:
                one.child.wanted = False
        for one in exits:
            if not (one.is_last or one.ordered or self.stopping):
                yield from self._restart(one, now)

    def _fail(self, fatal: Exception) -> None:
        """Keep the first fatal error; it is worth more than that the intensity is exceeded."""
        if self.error is None or self._gave_up:
            self.error, self._gave_up = fatal, False
        self.stop()

    def _restart(self, one: Exit, now: float) -> Iterable[Action]:
        child, backoff = one.child, one.child.spec.backoff
        self._history.append(f"{child.spec.id}: {'returned' if one.error is None else text(one.error)}")
        if self._window.overflows(now):
            yield self._give_up(one.error)
            return
        crashes = 0 if one.lived_seconds >= backoff.healthy_seconds else child.crashes_in_a_row
        child.crashes_in_a_row = crashes + 1
        delay = backoff.delay_seconds(crashes, self._random)
        for other in affected(self._rules.strategy, child, list(self.children.values())):
            yield from self._plan(other, now, delay)

    def _give_up(self, error: BaseException | None) -> ReportGaveUp:
        self.error, self._gave_up = IntensityExceeded(self._id, tuple(self._history)), True
        self.error.__cause__ = error
        self.stop()
        return ReportGaveUp(tuple(self._history))

    def _plan(self, child: Child, now: float, delay: float) -> Iterable[Action]:
        """Let a child come back, but a temporary one that goes down with its siblings. A plan is told of once."""
        if not child.begun:
            return  # its turn comes when those before it are up
        child.must_stop = child.state is not ChildState.DOWN
        child.wanted = child.spec.restart is not Restart.TEMPORARY
        if child.wanted:
            child.not_before = max(child.not_before, now + delay)
            if not child.restart_planned:
                child.restart_planned = True
                child.restarts += 1
                yield ReportRestarting(child.spec.id, delay)

    def _unwant(self, child: Child) -> None:
        child.wanted = False
        child.must_stop = child.state is not ChildState.DOWN

    def _pass_deadlines(self, now: float) -> Iterable[Action]:
        for id_, child in self.children.items():
            if child.deadline > now:
                continue
            if child.cancelled:
                child.deadline = inf
                yield ReportStuck(id_)
            else:
                yield self._cancel(child, now)

    def _note_state(self) -> Iterable[Action]:
        """Tell of `running` once every child was ready or has ended for good, whatever becomes of them later."""
        self._was_ready |= all(child.ready_once or not child.wanted for child in self.children.values())
        state = "stopping" if self.stopping else "running" if self._was_ready else "starting"
        if state != self._state:
            self._state = state
            yield ReportState(state)

    def _bury(self) -> Iterable[Action]:
        for id_, child in list(self.children.items()):
            if child.state is not ChildState.DOWN or child.wanted or not child.owes_stopped:
                continue
            child.owes_stopped = False
            if child.removed or child.spec.restart is Restart.TEMPORARY:
                del self.children[id_]
            yield ReportStopped(id_)

    def _stop_next(self, now: float) -> Iterable[Action]:
        order = list(self.children.values())
        if any(child.state is ChildState.STOPPING for child in order):
            return
        if self._rules.stop_order is StopOrder.REVERSE:
            order.reverse()
        child = next((child for child in order if child.must_stop), None)
        if child is None:
            return
        child.state = ChildState.STOPPING
        if child.cancelled:
            return  # it was not ready in time
        if child.spec.drain is None or (child.wanted and not child.spec.drain_to_restart):
            yield self._cancel(child, now)
        else:
            child.deadline = now + child.spec.shutdown_timeout_seconds
            yield DrainChild(child.spec.id, child.spec.drain)

    def _cancel(self, child: Child, now: float) -> CancelChild:
        child.cancelled, child.deadline = True, now + STUCK_SECONDS
        return CancelChild(child.spec.id)

    def _start_next(self, now: float) -> Iterable[Action]:
        independent = self._rules.strategy is Strategy.ONE_FOR_ONE
        nothing_missing = independent or not any(child.must_stop for child in self.children.values())
        for id_, child in self.children.items():
            may_start = nothing_missing or (independent and (self._was_ready or child.ready_once))
            if child.wanted and child.state is ChildState.DOWN and may_start and child.not_before <= now:
                child.state, child.deadline = ChildState.STARTING, now + child.spec.start_timeout_seconds
                child.begun, child.owes_stopped, child.restart_planned = True, True, False
                yield StartChild(id_)
            there = child.ready_once if independent else child.state is ChildState.UP
            nothing_missing = nothing_missing and (there or not child.wanted)


def affected(strategy: Strategy, child: Child, children: Sequence[Child]) -> Sequence[Child]:
    """Return who goes down and comes back with this child, in the order of their start."""
    if strategy is Strategy.ONE_FOR_ONE:
        return [child]
    return children if strategy is Strategy.ONE_FOR_ALL else children[children.index(child) :]
