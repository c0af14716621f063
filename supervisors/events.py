"""Events: what has happened in a tree, in the past tense, for its observer. `path` names a child from the root down."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

Path: TypeAlias = tuple[str, ...]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStarting:
    """A child's `run` is about to begin."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStarted:
    """A child is ready to take work."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildFailed:
    """A child crashed, was not ready in time, or its drain raised.

    An error that `is_fatal` is no bug of the child: the supervisor stops, and raises it for somebody to tell.
    """

    path: Path
    error: BaseException
    is_fatal: bool = field(default=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRestarting:
    """A child starts again after the delay, because it ended or because a sibling did."""

    path: Path
    delay_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStopped:
    """A child has ended and stays down."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStuck:
    """A child was cancelled that long ago and has not ended."""

    path: Path
    waited_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorGaveUp:
    """A supervisor made more restarts than its intensity allows: it stops its children and fails upward."""

    path: Path
    history: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorStateChanged:
    """A supervisor is now `starting`, `running`, `stopping` or `stopped`."""

    path: Path
    state: str


SupervisorEvent: TypeAlias = (
    ChildStarting
    | ChildStarted
    | ChildFailed
    | ChildRestarting
    | ChildStopped
    | ChildStuck
    | SupervisorGaveUp
    | SupervisorStateChanged
)


class Observer(Protocol):
    """A function that is called with every event. If it raises, no child is harmed."""

    def __call__(self, event: SupervisorEvent, /) -> None:
        """Take note of the event, without waiting."""


class Notifier:
    """Passes every event to an observer and never raises: errors are counted, and logged once per type."""

    def __init__(self, observer: Observer | None) -> None:
        self.failures = 0
        self._observer = observer
        self._logged: set[type[Exception]] = set()

    def notify(self, event: SupervisorEvent) -> None:
        """Call the observer, if there is one."""
        if self._observer is None:
            return
        try:
            self._observer(event)
        except Exception as error:  # noqa: BLE001  an observer's failure is its own
            self.failures += 1
            if type(error) not in self._logged:
                self._logged.add(type(error))
                _log.exception("an observer failed on %s of %s", type(event).__name__, "/".join(event.path))
