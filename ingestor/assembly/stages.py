"""What the subtrees share: what they stand on, and the specs of their actors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol, TypeVar

import trio

from ingestor.config import Settings
from ingestor.model.errors import ConfigError
from ingestor.storage.database import Database
from ingestor.storage.store import Store
from metrics import facts
from supervisors import ChildSpec, Intensity, Progress, Restart, Start, Supervisor

FATAL = (ConfigError,)
ROOT = Intensity(restarts=20, period_seconds=600.0)  # twenty crashes in a row, of whomever, are no reason to end
LIVE = Intensity(restarts=5, period_seconds=60.0)  # with lives of 2 s it gives up every 23 s, which the root ends
APART = Intensity(restarts=100, period_seconds=600.0)  # gives up every 6 minutes or later: all three are 6 of the 20
LISTS_IN_A_CHANNEL = 2  # what waits behind them waits as one larger list

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every subtree stands on. `leaving` is set when the service drains."""

    settings: Settings
    store: Store
    state: Database
    report: facts.Report
    random: Random
    leaving: trio.Event


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


def left(channel: trio.MemoryReceiveChannel[T]) -> Iterator[T]:
    """Yield what still lies in a channel that nobody uses any more."""
    with suppress(trio.WouldBlock, trio.EndOfChannel):
        while True:
            yield channel.receive_nowait()
