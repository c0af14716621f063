"""What passes between a machine and its supervisor besides events: news of the children, and commands for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Started:
    """A child called `started()`."""

    id: str


@dataclass(frozen=True, slots=True)
class DrainFailed:
    """A child's drain raised."""

    id: str
    error: Exception


@dataclass(frozen=True, slots=True)
class Exited:
    """A child's task has ended, with an error or without, whatever ended it."""

    id: str
    error: BaseException | None


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


News: TypeAlias = Started | DrainFailed | Exited
Command: TypeAlias = StartChild | DrainChild | CancelChild
