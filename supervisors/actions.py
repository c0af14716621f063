"""What goes into the machine of a supervisor, and what comes out to be carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Started:
    """A child said that it is ready."""

    id: str


@dataclass(frozen=True, slots=True)
class Exited:
    """A child's task has ended: with an error, or by itself, or because it was cancelled."""

    id: str
    error: BaseException | None


Happening: TypeAlias = Started | Exited


@dataclass(frozen=True, slots=True)
class StartChild:
    """Run the child in a task of its own."""

    id: str


@dataclass(frozen=True, slots=True)
class DrainChild:
    """Ask the child to finish."""

    id: str
    drain: Callable[[], None]


@dataclass(frozen=True, slots=True)
class CancelChild:
    """Cancel the child's task."""

    id: str


@dataclass(frozen=True, slots=True)
class ReportStarted:
    """Tell that the child is ready."""

    id: str


@dataclass(frozen=True, slots=True)
class ReportFailed:
    """Tell that the child crashed, or was not ready in time."""

    id: str
    error: BaseException


@dataclass(frozen=True, slots=True)
class ReportRestarting:
    """Tell that the child will start again after the delay."""

    id: str
    delay_seconds: float


@dataclass(frozen=True, slots=True)
class ReportStopped:
    """Tell that the child has ended and stays down."""

    id: str


@dataclass(frozen=True, slots=True)
class ReportStuck:
    """Tell that the child has not ended since it was cancelled."""

    id: str


@dataclass(frozen=True, slots=True)
class ReportGaveUp:
    """Tell that the intensity is exceeded."""

    history: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReportState:
    """Tell that the supervisor is now `running` or `stopping`."""

    state: str


Report: TypeAlias = ReportStarted | ReportFailed | ReportRestarting | ReportStopped | ReportStuck
"""What becomes an event about a child."""

Action: TypeAlias = StartChild | DrainChild | CancelChild | Report | ReportGaveUp | ReportState
