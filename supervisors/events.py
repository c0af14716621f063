"""What a supervisor reports, in the past tense, to its observer. `path` names the child from the root down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeAlias

Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStarting:
    """A child's run began."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStarted:
    """A child said that it is ready."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildFailed:
    """A child crashed, did not start in time, or its drain raised."""

    path: Path
    error: BaseException


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildRestarting:
    """A child will be started again after the delay, because it ended, or because a sibling did."""

    path: Path
    delay_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStopped:
    """A child has ended and stays down."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStuck:
    """A child was cancelled and has not ended since."""

    path: Path
    waited_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorGaveUp:
    """More restarts than the intensity allows: the supervisor stops its children and fails upward."""

    path: Path
    history: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorStateChanged:
    """A supervisor is `starting`, `running`, `stopping` or `stopped`."""

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
    """Hears every event. One that raises harms no child."""

    def __call__(self, event: SupervisorEvent, /) -> None:
        """Take note."""
