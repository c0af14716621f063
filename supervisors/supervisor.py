"""The one place that owns nurseries: it carries out what the machine decides, and waits only for its mailbox."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import trio

from supervisors import events
from supervisors.actions import (
    Action,
    CancelChild,
    DrainChild,
    Report,
    ReportFailed,
    ReportGaveUp,
    ReportRestarting,
    ReportStarted,
    ReportState,
    ReportStopped,
    ReportStuck,
    StartChild,
)
from supervisors.announcer import Announcer
from supervisors.child import Child
from supervisors.life import Life
from supervisors.machine import STUCK_SECONDS, Machine
from supervisors.mailbox import Mailbox
from supervisors.snapshot import ChildSnapshot, SupervisorSnapshot
from supervisors.specs import (
    Backoff,
    ChildSpec,
    Intensity,
    Restart,
    Rules,
    SpecError,
    StopOrder,
    Strategy,
    check,
    check_all,
)

_log = logging.getLogger(__name__)


class Supervisor:
    """Keeps its children running, as their specs and its strategy say.

    `run` may itself be a child of another supervisor: see `as_child`. An observer hears of everything below, up to the
    next supervisor with an observer of its own. Raises `SpecError` for what can not work, before anything starts.
    """

    def __init__(
        self,
        id: str,  # noqa: A002  the word of the specs
        children: Sequence[ChildSpec],
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: Intensity | None = None,
        stop_order: StopOrder = StopOrder.REVERSE,
        observer: events.Observer | None = None,
        rng: Random | None = None,
    ) -> None:
        self.id = id
        self.path: events.Path = (id,)
        self.rules = Rules(strategy=strategy, intensity=intensity or Intensity(), stop_order=stop_order)
        self._specs = list(children)
        self._observer = observer
        self._announcer = Announcer(observer)
        self._random = rng or Random()  # noqa: S311  jitter
        self._state = "stopped"
        self._running_since = 0.0
        self._stop_wanted = False
        check_all(id, self._specs, self.rules.intensity)
        self._machine = self._fresh_machine()
        self._mailbox = Mailbox()
        self._adopt(self._specs)

    def as_child(
        self,
        *,
        restart: Restart = Restart.PERMANENT,
        start_timeout_seconds: float = 60.0,
        shutdown_timeout_seconds: float = 30.0,
        fatal: tuple[type[Exception], ...] | None = None,
        backoff: Backoff | None = None,
    ) -> ChildSpec:
        """Return the spec that puts this supervisor under another.

        What is fatal to one of its children is fatal to the parent too, unless `fatal` says otherwise.
        """
        inherited = tuple(kind for spec in self._specs for kind in spec.fatal)
        return ChildSpec(
            id=self.id,
            start=self.run,
            restart=restart,
            start_timeout_seconds=start_timeout_seconds,
            shutdown_timeout_seconds=shutdown_timeout_seconds,
            drain=self.stop,
            fatal=inherited if fatal is None else fatal,
            backoff=backoff or Backoff(),
            supervisor=self,
        )

    def stop(self) -> None:
        """Ask for an orderly stop; `run` returns once every child has ended. More than once does no harm.

        Before `run` it makes the next `run` return at once, with nothing started.
        """
        self._stop_wanted = True
        if self._state != "stopped":
            self._machine.stop()
            self._mailbox.wake()

    def add_child(self, spec: ChildSpec) -> None:
        """Start one more child, under one_for_one; it belongs to the next runs too, unless it is temporary.

        Raises `SpecError` when it can not work, when its id is taken (by a removed child that has not ended yet, too),
        and for a temporary child while nothing runs.
        """
        self._must_be_one_for_one()
        if spec.id in self._machine.children:
            raise SpecError(f"{self.id}: there is a child {spec.id} already")
        if spec.restart is Restart.TEMPORARY and self._state == "stopped":
            raise SpecError(f"{self.id}: {spec.id} is temporary, and nothing runs that it could join")
        check(spec, self.rules.intensity)
        self._adopt([spec])
        if spec.restart is not Restart.TEMPORARY:
            self._specs.append(spec)
        self._machine.add(spec)
        self._mailbox.wake()

    def remove_child(self, id: str) -> None:  # noqa: A002  the word of the specs
        """Stop a child and forget it, under one_for_one; it is among `children` until it has ended."""
        self._must_be_one_for_one()
        if id not in self._machine.children:
            raise SpecError(f"{self.id}: there is no child {id}")
        self._specs = [spec for spec in self._specs if spec.id != id]
        self._machine.remove(id)
        self._mailbox.wake()

    def children(self) -> list[str]:
        """Return the ids of the children in the order of their start."""
        return list(self._machine.children)

    def specs(self) -> list[ChildSpec]:
        """Return the specs of the children in the order of their start."""
        return [child.spec for child in self._machine.children.values()]

    def snapshot(self) -> SupervisorSnapshot:
        """Return the tree below, as it is now. To be called inside `trio.run`."""
        now = trio.current_time()
        return SupervisorSnapshot(
            id=self.id,
            state=self._state,
            strategy=self.rules.strategy.value,
            restarts=0,
            uptime_seconds=now - self._running_since if self._state == "running" else None,
            last_error=None,
            observer_failures=self.observer_failures,
            children=tuple(_picture(child, now) for child in self._machine.children.values()),
        )

    @property
    def observer_failures(self) -> int:
        """How often the observer raised, also on events of other supervisors that it observes."""
        return self._announcer.failures

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the children in order, call `started()` when each is ready, and supervise until stopped.

        Returns after an orderly stop; if that came first, without having called `started()`. Raises the fatal exception
        of a child unwrapped, or `IntensityExceeded`, when every child has ended; what is no `Exception` comes through
        as Trio's nurseries bring it. When it is cancelled, so are all children at once; what they raise then is
        reported to the observer. May be called again after it ended. Raises `RuntimeError` when called before that,
        and when a child raises a `trio.Cancelled` that it kept from elsewhere: Trio then cancels its siblings too.
        """
        self._begin()
        ended = False
        try:
            async with trio.open_nursery() as self._nursery:
                while not (ended := self._turn(task_status)):
                    await self._mailbox.wait(self._machine.next_deadline())
        finally:
            self._end()
        if self._machine.error is not None:
            raise self._machine.error
        if not ended:
            raise RuntimeError(f"a child of {'/'.join(self.path)} raised a Cancelled that belongs to no scope of it")

    def _begin(self) -> None:
        if self._state != "stopped":
            raise RuntimeError(f"{'/'.join(self.path)} runs already")
        self._machine, self._mailbox = self._fresh_machine(), Mailbox()
        self._lives: dict[str, Life] = {}
        if self._stop_wanted:
            self._machine.stop()
        self._set_state("starting")

    def _turn(self, task_status: trio.TaskStatus[None]) -> bool:
        """Do all that there is to do now; return whether that was the last of it."""
        before = self._state
        for action in self._machine.step(self._mailbox.take(), trio.current_time()):
            self._carry_out(action)
        if before == "starting" and self._state == "running":
            self._running_since = trio.current_time()
            task_status.started()
        return self._machine.ended

    def _end(self) -> None:
        """Account for every child, also when the run was cancelled and nobody took the mail."""
        self._machine.stop()
        for action in self._machine.step(self._mailbox.take(), trio.current_time()):
            self._carry_out(action)
        self._stop_wanted = False
        self._set_state("stopped")

    def _carry_out(self, action: Action) -> None:
        match action:
            case StartChild(id_):
                self._start(self._machine.children[id_].spec)
            case DrainChild(id_, drain):
                self._drain(id_, drain)
            case CancelChild(id_):
                self._lives[id_].cancel()
            case ReportState(state):
                self._set_state(state)
            case ReportGaveUp(history):
                self._announcer.tell(events.SupervisorGaveUp(path=self.path, history=history))
            case report:
                self._report(report, (*self.path, report.id))

    def _report(self, report: Report, path: events.Path) -> None:
        tell = self._announcer.tell
        match report:
            case ReportStarted():
                tell(events.ChildStarted(path=path))
            case ReportFailed(_, error):
                tell(events.ChildFailed(path=path, error=error))
            case ReportRestarting(_, delay):
                tell(events.ChildRestarting(path=path, delay_seconds=delay))
            case ReportStopped(id_):
                del self._lives[id_]
                tell(events.ChildStopped(path=path))
            case ReportStuck():  # pragma: no branch  there is no other, says mypy
                _log.error("%s was cancelled %g s ago and has not ended", "/".join(path), STUCK_SECONDS)
                tell(events.ChildStuck(path=path, waited_seconds=STUCK_SECONDS))

    def _start(self, spec: ChildSpec) -> None:
        self._announcer.tell(events.ChildStarting(path=(*self.path, spec.id)))
        if spec.supervisor is not None:
            spec.supervisor._stop_wanted = False  # noqa: SLF001  that stop was meant for its predecessor
        life = self._lives[spec.id] = Life(spec, self._mailbox)
        self._nursery.start_soon(life.run, name="/".join((*self.path, spec.id)))

    def _drain(self, id_: str, drain: Callable[[], None]) -> None:
        try:
            drain()
        except Exception as error:  # noqa: BLE001  whatever it was, the child is cancelled instead
            self._announcer.tell(events.ChildFailed(path=(*self.path, id_), error=error))
            self._machine.hasten(id_)

    def _set_state(self, state: str) -> None:
        self._state = state
        self._announcer.tell(events.SupervisorStateChanged(path=self.path, state=state))

    def _fresh_machine(self) -> Machine:
        return Machine(self.id, self._specs, self.rules, self._random)

    def _must_be_one_for_one(self) -> None:
        if self.rules.strategy is not Strategy.ONE_FOR_ONE:
            raise SpecError(f"{self.id}: children come and go only under one_for_one")

    def _adopt(self, specs: Sequence[ChildSpec]) -> None:
        """Give the supervisors among the children, and theirs, their path and the observer."""
        for spec in specs:
            child = spec.supervisor
            if child is not None:
                child.path = (*self.path, child.id)
                if child._observer is None:  # noqa: SLF001  of its own kind
                    child._announcer = self._announcer  # noqa: SLF001  the same
                child._adopt(child.specs())  # noqa: SLF001  the same


def _picture(child: Child, now: float) -> ChildSnapshot | SupervisorSnapshot:
    below = child.spec.supervisor
    if below is None:
        return ChildSnapshot.of(child, now)
    return replace(below.snapshot(), restarts=child.restarts, last_error=child.last_error)
