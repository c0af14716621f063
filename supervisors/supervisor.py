"""The one place that owns nurseries: it carries out what the machine decides, and waits only for its mailbox."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

import trio

from supervisors.events import ChildStopped, ChildStuck, Notifier, Observer, Path, SupervisorStateChanged
from supervisors.life import Life
from supervisors.machine import Child, Decision, Machine, Phase
from supervisors.mailbox import Mailbox
from supervisors.messages import CancelChild, DrainChild, DrainFailed, StartChild
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
_STATES = {
    Phase.DOWN: "down",
    Phase.STARTING: "starting",
    Phase.LATE: "starting",
    Phase.UP: "up",
    Phase.DRAINING: "stopping",
    Phase.CANCELLED: "stopping",
    Phase.ENDED: "down",
}


class Supervisor:
    """Keeps its children running, as their specs and its strategy say.

    It may itself be a child of another supervisor: see `as_child`. The observer gets the events of the whole tree
    below, except of supervisors that have an observer of their own. Raises `SpecError` for specs that cannot work.
    """

    def __init__(
        self,
        id: str,  # noqa: A002  the word of the specs
        children: Sequence[ChildSpec],
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: Intensity | None = None,
        stop_order: StopOrder = StopOrder.REVERSE,
        observer: Observer | None = None,
        rng: Random | None = None,
    ) -> None:
        self.id = id
        self.path: Path = (id,)
        self.rules = Rules(strategy=strategy, intensity=intensity or Intensity(), stop_order=stop_order)
        self._specs = list(children)
        self._observer = observer
        self._notifier = Notifier(observer)
        self._random = rng or Random()  # noqa: S311  jitter
        self._state = "stopped"
        self._running_since = 0.0
        self._stop_wanted = False
        check_all(id, self._specs, self.rules.intensity)
        self._machine = self._fresh_machine()
        self._mailbox = Mailbox()

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

        An error that is fatal to one of its children is fatal to the parent too, unless `fatal` says otherwise.
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

    def place(self, path: Path, notifier: Notifier) -> None:
        """Take a place in a tree. For the parent, which calls it before each start; a stop before that is forgotten."""
        self.path = path
        self._stop_wanted = False
        if self._observer is None:
            self._notifier = notifier

    def stop(self) -> None:
        """Ask for an orderly stop: `run` returns once every child has ended. Calling it again does no harm.

        Before `run` it makes the next `run` return at once, with nothing started.
        """
        self._stop_wanted = True
        if self._state != "stopped":
            self._machine.stop()
            self._mailbox.wake()

    def add_child(self, spec: ChildSpec) -> None:
        """Start one more child, under one_for_one; unless it is temporary, it belongs to later runs too.

        Raises `SpecError` if the spec cannot work, if a child has that id (even a removed one that has not ended yet),
        and for a temporary child while nothing runs.
        """
        self._must_be_one_for_one()
        if spec.id in self._machine.children:
            raise SpecError(f"{self.id}: there is a child {spec.id} already")
        if spec.restart is Restart.TEMPORARY and self._state == "stopped":
            raise SpecError(f"{self.id}: {spec.id} is temporary, and nothing runs that it could join")
        check(spec, self.rules.intensity)
        if spec.restart is not Restart.TEMPORARY:
            self._specs.append(spec)
        self._machine.add(spec)
        self._mailbox.wake()

    def remove_child(self, id: str) -> None:  # noqa: A002  the word of the specs
        """Stop a child and forget it, under one_for_one; it is among `children` until it has ended.

        Raises `SpecError` if there is no such child.
        """
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
        """Return this supervisor and all below it, as they are now. Call it inside `trio.run`."""
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
        """How often the observer raised, also for events of other supervisors."""
        return self._notifier.failures

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the children in order, call `started()` once all are ready, and supervise until stopped.

        Returns after an orderly stop, without having called `started()` if that came first. Raises a child's fatal
        exception unwrapped, or `IntensityExceeded`, once every child has ended. `KeyboardInterrupt` and the like pass
        through in the groups of Trio's nurseries. A cancellation cancels all children at once; the observer gets
        what they raise then. `run` may be called again once it has ended, and raises `RuntimeError` before that; also
        when a child raises a `trio.Cancelled` that it kept from elsewhere, because Trio then cancels the siblings.
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
        self._step()
        if before == "starting" and self._state == "running":
            self._running_since = trio.current_time()
            task_status.started()
        return self._machine.ended

    def _end(self) -> None:
        """Account for every child, even if the run was cancelled with news in the mailbox."""
        self._machine.stop()
        self._step()
        self._stop_wanted = False
        self._set_state("stopped")

    def _step(self) -> None:
        for decision in self._machine.step(self._mailbox.take(), trio.current_time()):
            self._carry_out(decision)

    def _carry_out(self, decision: Decision) -> None:
        match decision:
            case StartChild(id_):
                self._start(self._machine.children[id_].spec)
            case DrainChild(id_, drain):
                self._drain(id_, drain)
            case CancelChild(id_):
                self._lives[id_].cancel()
            case SupervisorStateChanged(state=state):
                self._set_state(state)
            case event:
                if isinstance(event, ChildStopped):
                    del self._lives[event.path[-1]]
                elif isinstance(event, ChildStuck):
                    seconds = event.waited_seconds
                    _log.error("%s was cancelled %g s ago and has not ended", "/".join(event.path), seconds)
                self._notifier.notify(event)

    def _start(self, spec: ChildSpec) -> None:
        path = (*self.path, spec.id)
        if spec.supervisor is not None:
            spec.supervisor.place(path, self._notifier)
        life = self._lives[spec.id] = Life(spec, self._mailbox)
        self._nursery.start_soon(life.run, name="/".join(path))

    def _drain(self, id_: str, drain: Callable[[], None]) -> None:
        try:
            drain()
        except Exception as error:  # noqa: BLE001  whatever it was, the machine has the child cancelled
            self._mailbox.put(DrainFailed(id_, error))

    def _set_state(self, state: str) -> None:
        self._state = state
        self._notifier.notify(SupervisorStateChanged(path=self.path, state=state))

    def _fresh_machine(self) -> Machine:
        return Machine(self.path, self._specs, self.rules, self._random)

    def _must_be_one_for_one(self) -> None:
        if self.rules.strategy is not Strategy.ONE_FOR_ONE:
            raise SpecError(f"{self.id}: children come and go only under one_for_one")


def _picture(child: Child, now: float) -> ChildSnapshot | SupervisorSnapshot:
    spec = child.spec
    if spec.supervisor is not None:
        return replace(spec.supervisor.snapshot(), restarts=child.restarts, last_error=child.last_error)
    return ChildSnapshot(
        id=spec.id,
        state=_STATES[child.phase],
        restarts=child.restarts,
        uptime_seconds=now - child.up_since if child.phase is Phase.UP else None,
        progress_age_seconds=spec.progress.age_seconds(now) if spec.progress else None,
        last_error=child.last_error,
    )
