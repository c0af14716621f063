"""A tree as text, one line for each child: from a snapshot, or from the specs of a tree that need not run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

from supervisors.snapshot import ChildSnapshot, SupervisorSnapshot
from supervisors.specs import ChildSpec, Nested, Restart, StopOrder

Node = TypeVar("Node")
Picture: TypeAlias = ChildSnapshot | SupervisorSnapshot


def render(snapshot: SupervisorSnapshot) -> str:
    """Draw a snapshot: the state of each child, its uptime, restarts and last error."""
    root: Picture = snapshot
    return "\n".join(_lines(root, _condition, _pictured_below))


def outline(supervisor: Nested) -> str:
    """Draw the specs of a tree: strategies, intensities and restarts. Nothing needs to run."""
    return "\n".join(_lines(supervisor.as_child(), _terms, _specified_below))


def _lines(node: Node, label: Callable[[Node], list[str]], below: Callable[[Node], Sequence[Node]]) -> list[str]:
    lines = ["  ".join(label(node))]
    children = below(node)
    for child in children:
        last = child is children[-1]
        first, *rest = _lines(child, label, below)
        lines += [("└─ " if last else "├─ ") + first, *(("   " if last else "│  ") + line for line in rest)]
    return lines


def _pictured_below(node: Picture) -> Sequence[Picture]:
    return node.children if isinstance(node, SupervisorSnapshot) else ()


def _specified_below(spec: ChildSpec) -> Sequence[ChildSpec]:
    return spec.supervisor.specs() if spec.supervisor else ()


def _condition(node: Picture) -> list[str]:
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
