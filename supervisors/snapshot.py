"""A picture of a tree at one moment, and its drawing for a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supervisors.machine import Child


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSnapshot:
    """One actor. Ages are in seconds; `uptime_seconds` is none while it is not up."""

    id: str
    state: str
    restarts: int
    uptime_seconds: float | None
    progress_age_seconds: float | None
    last_error: str | None

    @classmethod
    def of(cls, child: Child, now: float) -> ChildSnapshot:
        """Picture a child of the machine."""
        error = child.last_error
        return cls(
            id=child.spec.id,
            state=child.state.value,
            restarts=child.restarts,
            uptime_seconds=now - child.since if child.state.value == "up" else None,
            progress_age_seconds=child.spec.progress.age_seconds(now) if child.spec.progress else None,
            last_error=f"{type(error).__name__}: {error}" if error else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorSnapshot:
    """One supervisor with what is below it. `restarts` counts those of its own children."""

    id: str
    state: str
    strategy: str
    restarts: int
    observer_failures: int
    children: tuple[ChildSnapshot | SupervisorSnapshot, ...]


def render(snapshot: SupervisorSnapshot) -> str:
    """Draw the tree as text, one line each."""
    return "\n".join([f"{snapshot.id}  {snapshot.state}  {snapshot.strategy}", *_branches(snapshot, "")])


def _branches(snapshot: SupervisorSnapshot, indent: str) -> list[str]:
    lines: list[str] = []
    for child in snapshot.children:
        last = child is snapshot.children[-1]
        head = indent + ("└─ " if last else "├─ ")
        if isinstance(child, SupervisorSnapshot):
            lines.append(f"{head}{child.id}  {child.state}  {child.strategy}")
            lines += _branches(child, indent + ("   " if last else "│  "))
        else:
            lines.append(head + _line(child))
    return lines


def _line(child: ChildSnapshot) -> str:
    words = [child.id, child.state]
    if child.uptime_seconds is not None:
        words.append(f"for {child.uptime_seconds:.0f} s")
    if child.restarts:
        words.append(f"{child.restarts} restarts")
    if child.last_error and child.restarts:
        words.append(f"last: {child.last_error}")
    return "  ".join(words)
