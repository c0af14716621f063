"""The one place that owns nurseries: it carries out what the machine decides, and waits only for its mailbox."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from random import Random

import trio

from supervisors import events
from supervisors.machine import (
    STUCK_SECONDS,
    Action,
    CancelChild,
    DrainChild,
    Machine,
    ReportFailed,
    ReportStopped,
    ReportStuck,
    RestartPlanned,
    StartChild,
)
from supervisors.snapshot import ChildSnapshot, SupervisorSnapshot
from supervisors.specs import ChildSpec, Intensity, Restart, SpecError, StopOrder, Strategy, check

_log = logging.getLogger(__name__)

Input = Callable[[float], list[Action]]
"""What the mailbox brings: something that happened, to be told to the machine with the time."""


class Supervisor:
    """Keeps its children running, as their specs and its strategy say.

    `run` may itself be a child of another supervisor: see `as_child`. It returns after an orderly stop. It raises the
    fatal exception of a child unwrapped, or `IntensityExceeded`. When `run` is cancelled, so are all children at once.
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
        self.observer_failures = 0
        self._specs = list(children)
        self._strategy = strategy
        self._intensity = intensity or Intensity()
        self._stop_order = stop_order
        self._observer = observer
        self._random = rng or Random()  # noqa: S311  jitter
        self._mourned: set[type[BaseException]] = set()
        self._state = "stopped"
        self._stop_wanted = False
        self._machine = Machine(id, strategy, self._intensity, stop_order, self._random)
        if len({spec.id for spec in children}) != len(children):
            raise SpecError(f"{id}: two children share an id")
        for spec in children:
            check(spec, self._intensity)
        self._adopt((), observer)

    def as_child(
        self,
        *,
        restart: Restart = Restart.PERMANENT,
        start_timeout_seconds: float = 60.0,
        shutdown_timeout_seconds: float = 30.0,
        fatal: tuple[type[Exception], ...] = (),
    ) -> ChildSpec:
        """Return the spec that puts this supervisor under another."""
        return ChildSpec(
            id=self.id,
            start=self.run,
            restart=restart,
            start_timeout_seconds=start_timeout_seconds,
            shutdown_timeout_seconds=shutdown_timeout_seconds,
            drain=self.stop,
            fatal=fatal,
            supervisor=self,
        )

    def stop(self) -> None:
        """Ask for an orderly stop; `run` returns once every child has ended. More than once does no harm."""
        self._stop_wanted = True
        if self._state in {"starting", "running"}:
            self._mail.send_nowait(self._begin_stop)

    def add_child(self, spec: ChildSpec) -> None:
        """Start one more child under one_for_one; it appears in `children` with the next turn of the supervisor.

        A temporary one lives in this run only.
        """
        if self._strategy is not Strategy.ONE_FOR_ONE:
            raise SpecError(f"{self.id}: children come and go only under one_for_one")
        if spec.id in self.children():
            raise SpecError(f"{self.id}: there is a child {spec.id} already")
        check(spec, self._intensity)
        self._adopt_child(spec)
        if spec.restart is not Restart.TEMPORARY:
            self._specs.append(spec)
        if self._state in {"starting", "running"}:
            self._mail.send_nowait(lambda now: self._machine.add(spec, now))

    def remove_child(self, id: str) -> None:  # noqa: A002  the word of the specs
        """Stop a child and forget it."""
        if id not in self.children():
            raise SpecError(f"{self.id}: there is no child {id}")
        self._specs = [spec for spec in self._specs if spec.id != id]
        if self._state in {"starting", "running"}:
            self._mail.send_nowait(lambda now: self._machine.remove(id, now) if id in self._machine.children else [])

    def children(self) -> list[str]:
        """Return the ids of the children in the order of their start."""
        return list(self._machine.children) if self._machine.children else [spec.id for spec in self._specs]

    def snapshot(self) -> SupervisorSnapshot:
        """Return the tree below, as it is now. To be called inside `trio.run`."""
        now = trio.current_time()
        known = self._machine.children
        return SupervisorSnapshot(
            id=self.id,
            state=self._state,
            strategy=self._strategy.value,
            restarts=sum(child.restarts for child in known.values()),
            observer_failures=self.observer_failures,
            children=tuple(
                child.spec.supervisor.snapshot() if child.spec.supervisor else ChildSnapshot.of(child, now)
                for child in known.values()
            ),
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the children in order, call `started()` when each is ready, and supervise until stopped."""
        self._machine = Machine(self.id, self._strategy, self._intensity, self._stop_order, self._random)
        self._mail, mailbox = trio.open_memory_channel[Input](math.inf)
        self._scopes: dict[str, trio.CancelScope] = {}
        self._set_state("starting")
        announced = False
        try:
            async with trio.open_nursery() as self._nursery:
                self._decided_at = trio.current_time()
                for spec in self._specs:
                    self._act(self._machine.add(spec, trio.current_time()))
                if self._stop_wanted:
                    self._act(self._begin_stop(trio.current_time()))
                while not self._machine.ended:
                    if self._machine.ready and not announced and not self._machine.stopping:
                        announced = True
                        self._set_state("running")
                        task_status.started()
                    await self._turn(mailbox)
        finally:
            self._stop_wanted = False
            self._set_state("stopped")
        if self._machine.error is not None:
            raise self._machine.error

    async def _turn(self, mailbox: trio.MemoryReceiveChannel[Input]) -> None:
        with trio.CancelScope(deadline=self._machine.next_deadline(self._decided_at)) as waiting:
            happened = await mailbox.receive()
        self._decided_at = now = trio.current_time()
        if waiting.cancelled_caught:
            self._act(self._machine.tick(max(now, waiting.deadline)))
        else:
            self._act(happened(now))
        if self._machine.stopping:
            if self._state != "stopping" and self._machine.error is not None:
                self._tell_giving_up()
            self._set_state("stopping")

    def _begin_stop(self, now: float) -> list[Action]:
        return self._machine.stop(now)

    def _act(self, actions: list[Action]) -> None:
        for action in actions:
            path = (*self.path, action.id)
            match action:
                case StartChild():
                    self._start(self._machine.children[action.id].spec)
                case DrainChild():
                    self._drain(self._machine.children[action.id].spec)
                case CancelChild():
                    self._scopes[action.id].cancel()
                case RestartPlanned():
                    self._tell(events.ChildRestarting(path=path, delay_seconds=action.delay_seconds))
                case ReportFailed():
                    self._tell(events.ChildFailed(path=path, error=action.error))
                case ReportStopped():
                    self._tell(events.ChildStopped(path=path))
                case ReportStuck():
                    _log.error("%s was cancelled %g s ago and has not ended", "/".join(path), STUCK_SECONDS)
                    self._tell(events.ChildStuck(path=path, waited_seconds=STUCK_SECONDS))

    def _start(self, spec: ChildSpec) -> None:
        self._tell(events.ChildStarting(path=(*self.path, spec.id)))
        self._scopes[spec.id] = trio.CancelScope()
        self._nursery.start_soon(self._live, spec, self._scopes[spec.id], name="/".join((*self.path, spec.id)))

    def _drain(self, spec: ChildSpec) -> None:
        try:
            if spec.drain is not None:
                spec.drain()
        except Exception as error:  # noqa: BLE001  whatever it was, the child is cancelled instead
            self._tell(events.ChildFailed(path=(*self.path, spec.id), error=error))
            self._scopes[spec.id].cancel()

    async def _live(self, spec: ChildSpec, scope: trio.CancelScope) -> None:
        error: BaseException | None = None
        try:
            with scope:
                await spec.start(task_status=_Ready(self, spec.id))
        except* Exception as group:  # noqa: BLE001  to decide on any crash is what a supervisor is for
            error = _unwrapped(group)
        finally:
            self._mail.send_nowait(lambda now: self._machine.exited(spec.id, error, now))

    def _ready(self, id_: str, now: float) -> list[Action]:
        self._tell(events.ChildStarted(path=(*self.path, id_)))
        return self._machine.started(id_, now)

    def _tell_giving_up(self) -> None:
        self._tell(events.SupervisorGaveUp(path=self.path, history=tuple(self._machine.history)))

    def _set_state(self, state: str) -> None:
        if state != self._state:
            self._state = state
            self._tell(events.SupervisorStateChanged(path=self.path, state=state))

    def _tell(self, event: events.SupervisorEvent) -> None:
        if self._observer is None:
            return
        try:
            self._observer(event)
        except Exception as error:  # noqa: BLE001  an observer's failure is its own
            self.observer_failures += 1
            if type(error) not in self._mourned:
                self._mourned.add(type(error))
                _log.exception("the observer of %s failed", "/".join(self.path))

    def _adopt(self, parent: events.Path, observer: events.Observer | None) -> None:
        self.path = (*parent, self.id)
        self._observer = self._observer or observer
        for spec in self._specs:
            self._adopt_child(spec)

    def _adopt_child(self, spec: ChildSpec) -> None:
        if spec.supervisor is not None:
            spec.supervisor._adopt(self.path, self._observer)  # noqa: SLF001  of its own kind


class _Ready:
    """The `task_status` of a child: its call goes into the mailbox."""

    def __init__(self, supervisor: Supervisor, id_: str) -> None:
        self._supervisor = supervisor
        self._id = id_

    def started(self, value: object = None) -> None:
        """Say that the child is ready to take work."""
        del value
        supervisor, id_ = self._supervisor, self._id
        supervisor._mail.send_nowait(lambda now: supervisor._ready(id_, now))  # noqa: SLF001  its own half


def _unwrapped(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
