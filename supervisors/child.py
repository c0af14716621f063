"""What the machine remembers of a child, and what an exit is to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf

from supervisors.specs import ChildSpec, Restart

TEXT_CHARACTERS = 200
"""Of an error's text in a history or a snapshot: they are for people, and kept in memory."""


class ChildState(Enum):
    """Where a child stands. STARTING, UP and STOPPING have a task, DOWN has none."""

    DOWN = "down"
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"


class StartTimeout(Exception):
    """A child did not say that it is ready in time."""


class Child:
    """What the machine knows of a child. Times are seconds of the caller's clock."""

    def __init__(self, spec: ChildSpec) -> None:
        self.spec = spec
        self.state = ChildState.DOWN
        self.wanted = True
        """It is to run: now, or after its backoff."""
        self.must_stop = False
        """It has a task that is to end, in its turn."""
        self.cancelled = False
        """Its task was cancelled, and has not ended yet."""
        self.removed = False
        """It is to be forgotten when it has ended."""
        self.begun = False
        """It was started at least once."""
        self.ready_once = False
        self.owes_stopped = False
        """It was reported as starting, and not yet as stopped."""
        self.restart_planned = False
        self.restarts = 0
        self.crashes_in_a_row = 0
        self.not_before = -inf
        """Its backoff."""
        self.deadline = inf
        """For it to be ready, to finish, or to end after it was cancelled."""
        self.up_since = 0.0
        self.last_error: str | None = None

    def end(self, error: BaseException | None, now: float) -> Exit:
        """Note that the task has ended."""
        if error is None and self.state is ChildState.STARTING and self.cancelled:
            error = StartTimeout(f"{self.spec.id} was not ready after {self.spec.start_timeout_seconds:g} s")
        if error is not None:
            self.last_error = text(error)
        lived = now - self.up_since if self.state is ChildState.UP else 0.0
        ended = Exit(child=self, error=error, ordered=self.must_stop, lived_seconds=lived)
        self.state, self.must_stop, self.cancelled, self.deadline = ChildState.DOWN, False, False, inf
        return ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """The end of one life of a child."""

    child: Child
    error: BaseException | None
    ordered: bool
    """It had to stop, so that it is no fault of its own."""
    lived_seconds: float
    """Since it was ready."""

    @property
    def is_last(self) -> bool:
        """The spec wants no successor after such an end."""
        restart = self.child.spec.restart
        return restart is Restart.TEMPORARY or (restart is Restart.TRANSIENT and self.error is None)


def text(error: BaseException) -> str:
    """Return an error, or those of a group, in one short piece of text, whatever its own `str` does."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(text, error.exceptions))[:TEXT_CHARACTERS]
    try:
        said = str(error)
    except Exception:  # noqa: BLE001  the error of a child, which must not harm its supervisor
        said = "(an error without a text)"
    return f"{type(error).__name__}: {said}"[:TEXT_CHARACTERS]


def fatal_in(error: BaseException | None, kinds: tuple[type[Exception], ...]) -> Exception | None:
    """Return the first exception of these kinds in an error, which may be a group of groups."""
    if isinstance(error, kinds):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, (fatal_in(part, kinds) for part in error.exceptions)), None)
    return None
