"""Crashing an actor from outside, wherever it happens to wait: as a bug in the middle of its work would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

import trio


class Crash(Exception):
    """A bug that strikes an actor."""


def task_of(actor: str) -> trio.lowlevel.Task | None:
    """Return the task in which the tree runs the actor of this path; none between two of its lives."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    return next((task for task in _below(root) if task.name == actor), None)


async def crash(actor: str) -> None:
    """Raise `Crash` at the await where the actor's task is, as soon as it is at one that can be interrupted.

    Between two lives there is nothing to strike.
    """

    def strike() -> NoReturn:
        raise Crash(actor)

    with trio.fail_after(10):
        while True:
            task = task_of(actor)
            if task is None:
                return
            if task._abort_func is not None:
                task._attempt_abort(strike)
                return
            await trio.lowlevel.checkpoint()


def _below(task: trio.lowlevel.Task) -> Iterator[trio.lowlevel.Task]:
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            yield child
            yield from _below(child)
