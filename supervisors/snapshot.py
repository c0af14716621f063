"""A picture of a tree at one moment, its drawing for a terminal, and the outline of a tree that may not even run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from supervisors.child import Child, ChildState
from supervisors.specs import ChildSpec, Restart, StopOrder

if TYPE_CHECKING:
    from supervisors.supervisor import Supervisor

Node = TypeVar("Node")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSnapshot:
    """One actor. Ages are in seconds; `uptime_seconds` is none while it is not up.

    `state` is `down`, `starting`, `up` or `stopping`. `last_error` stays after the restart that followed.
    """

    id: str
    state: str
    restarts: int
    uptime_seconds: float | None
    progress_age_seconds: float | None
    last_error: str | None

    @classmethod
    def of(cls, child: Child, now: float) -> ChildSnapshot:
        """Picture a child of the machine."""
        return cls(
            id=child.spec.id,
            state=child.state.value,
            restarts=child.restarts,
            uptime_seconds=now - child.up_since if child.state is ChildState.UP else None,
            progress_age_seconds=child.spec.progress.age_seconds(now) if child.spec.progress else None,
            last_error=child.last_error,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorSnapshot:
    """One supervisor with what is below it; `uptime_seconds` counts since all children were ready.

    `state` is `starting`, `running`, `stopping` or `stopped`. `restarts` and `last_error` are those that its parent
    knows of it. `observer_failures` counts what its observer raised, also on events of other supervisors.
    """

    id: str
    state: str
    strategy: str
    restarts: int
    uptime_seconds: float | None
    last_error: str | None
    observer_failures: int
    children: tuple[ChildSnapshot | SupervisorSnapshot, ...]


def render(snapshot: SupervisorSnapshot) -> str:
    """Draw the tree as text, one line each, with how each is."""
    root: ChildSnapshot | SupervisorSnapshot = snapshot
    return "\n".join(_lines(root, _condition, _pictured_below))


def outline(supervisor: Supervisor) -> str:
    """Draw the tree as text, one line each, with what the specs say of each; nothing needs to run."""
    return "\n".join(_lines(supervisor.as_child(), _terms, _specified_below))


def _lines(node: Node, label: Callable[[Node], list[str]], below: Callable[[Node], Sequence[Node]]) -> list[str]:
    lines = ["  ".join(label(node))]
    children = below(node)
    for child in children:
        last = child is children[-1]
        first, *rest = _lines(child, label, below)
        lines += [("└─ " if last else "├─ ") + first, *(("   " if last else "│  ") + line for line in rest)]
    return lines


def _pictured_below(node: ChildSnapshot | SupervisorSnapshot) -> Sequence[ChildSnapshot | SupervisorSnapshot]:
    return node.children if isinstance(node, SupervisorSnapshot) else ()


def _specified_below(spec: ChildSpec) -> Sequence[ChildSpec]:
    return spec.supervisor.specs() if spec.supervisor else ()


def _condition(node: ChildSnapshot | SupervisorSnapshot) -> list[str]:
    words = [node.id, node.state]
    if isinstance(node, SupervisorSnapshot):
        words.append(node.strategy)
    elif node.uptime_seconds is not None:
        words.append(f"for {node.uptime_seconds:.0f} s")
    if isinstance(node, ChildSnapshot) and node.progress_age_seconds is not None:
        words.append(f"got on {node.progress_age_seconds:.0f} s ago")
    if node.restarts:
        words.append(f"restarts: {node.restarts}")
    if node.last_error:
        words.append(f"last: {node.last_error}")
    return words


def _terms(spec: ChildSpec) -> list[str]:
    words = [spec.id]
    if spec.supervisor:
        rules = spec.supervisor.rules
        words += [rules.strategy.value, f"{rules.intensity.restarts} restarts in {rules.intensity.period_seconds:g} s"]
        if rules.stop_order is not StopOrder.REVERSE:
            words.append(f"stops in {rules.stop_order.value}")
    elif spec.drain:
        words.append(f"drains {spec.shutdown_timeout_seconds:g} s")
    if spec.restart is not Restart.PERMANENT:
        words.append(spec.restart.value)
    return words
