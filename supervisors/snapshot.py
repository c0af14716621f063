"""A tree at one moment, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSnapshot:
    """One actor. `uptime_seconds` is `None` while it is not up, `progress_age_seconds` if it reported no progress.

    `state` is `down`, `starting`, `up` or `stopping`. `last_error` stays after the restart that followed.
    """

    id: str
    state: str
    restarts: int
    uptime_seconds: float | None
    progress_age_seconds: float | None
    last_error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorSnapshot:
    """One supervisor and all below it. `uptime_seconds` counts from the moment all its children were ready.

    `state` is `starting`, `running`, `stopping` or `stopped`. `restarts` and `last_error` are what its parent counted
    of it; a root has 0 and `None`. `observer_failures` counts the calls in which its observer raised, also for events
    of other supervisors.
    """

    id: str
    state: str
    strategy: str
    restarts: int
    uptime_seconds: float | None
    last_error: str | None
    observer_failures: int
    children: tuple[ChildSnapshot | SupervisorSnapshot, ...]
