"""The specs of the tree's actors: how they stop, and whose crashes count against whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from ingestor.errors import ConfigError
from supervisors import ChildSpec, Intensity, Progress, Restart, Start, Supervisor

FATAL = (ConfigError,)
APART = Intensity(restarts=20, period_seconds=120.0)  # given up after a minute or more: the root sees few of them


class Actor(Protocol):
    """What every actor is to the tree."""

    progress: Progress

    @property
    def run(self) -> Start:
        """Live."""


def stage(id_: str, actor: Actor, shutdown_timeout_seconds: float, drain: Callable[[], None] | None) -> ChildSpec:
    """Return the spec of an actor; one without a drain is cancelled when it has to stop."""
    return ChildSpec(
        id=id_,
        start=actor.run,
        drain=drain,
        shutdown_timeout_seconds=shutdown_timeout_seconds,
        fatal=FATAL,
        progress=actor.progress,
    )


def apart(id_: str, home: str, actor: Actor) -> ChildSpec:
    """Return the spec of what asks a recorder, under a supervisor of its own: it never counts against live capture."""
    return Supervisor(f"{id_}:{home}", [stage(id_, actor, 1.0, None)], intensity=APART).as_child(
        shutdown_timeout_seconds=1.0, fatal=FATAL
    )


def piped(id_: str, actor: Actor, shutdown_timeout_seconds: float, drain: Callable[[], None]) -> ChildSpec:
    """Return the spec of a stage that ends by itself with its stream, and whose inbox repeats what it held."""
    spec = stage(id_, actor, shutdown_timeout_seconds, drain)
    return replace(spec, restart=Restart.TRANSIENT, drain_to_restart=False)
