"""What the subtrees share: what they stand on, the specs of their actors, and how much crashing ends what.

A supervisor whose children crash too often gives up, which is a crash to its own parent. Twenty crashes within minutes
are no reason to end the process. An actor that crashes within three seconds of each start, and goes on with that, is
one: a new process is worth a try. But no home ends what the others need.

    child of                   may crash    when it crashes for ever, in ten minutes
    root                       MANY
    ├─ api, ledger                          75 crashes or more: the root gives up
    ├─ storage                 FEW          gives up 21 times or more: so does the root
    └─ home:<name>             MANY         of the only home: gives up, which ends the root
       │                       MOST         of one among several: gives up twice at most, with every actor crashing
       ├─ weather                           75 crashes or more
       ├─ live                 FEW          gives up 21 to 80 times
       └─ refill, jobs         MOST         each gives up twice at most

So the only home ends the process as the storage does. One among several is restarted for as long as it crashes; the
root bears that from nine homes at once. tests/actors/test_giving_up.py holds all of it to its word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from random import Random
from typing import Protocol, TypeVar

import trio

from ingestor.assembly.files import Files
from ingestor.model.errors import ConfigError
from supervisors import ChildSpec, Intensity, IntensityExceeded, Progress, Restart, Start, Supervisor

FATAL = (ConfigError,)
FEW = Intensity(restarts=5, period_seconds=60.0)
MANY = Intensity(restarts=20, period_seconds=600.0)
MOST = Intensity(restarts=100, period_seconds=600.0)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What every subtree stands on. `leaving` is set when the service drains."""

    files: Files
    random: Random
    leaving: trio.Event

    def at_the_end(self, drain: Callable[[], None]) -> Callable[[], None]:
        """Return what drains only when the service does: an actor whose supervisor gives up has to go on later."""

        def drain_at_the_end() -> None:
            if self.leaving.is_set():
                drain()

        return drain_at_the_end


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


def apart(id_: str, actor: Actor) -> ChildSpec:
    """Return the spec of what asks a recorder, under a supervisor of its own: it never counts against live capture."""
    return Supervisor(id_, [stage(id_, actor, 1.0, None)], intensity=MOST).as_child(
        shutdown_timeout_seconds=1.0, fatal=FATAL
    )


def whole_home(name: str, children: Sequence[ChildSpec], *, is_only: bool) -> ChildSpec:
    """Return the spec of everything of a home; one that is not the only home never ends the process.

    It counts as started at once: those behind it do not wait for a home whose actors crash from the beginning.
    """
    supervisor = Supervisor(f"home:{name}", children, intensity=MANY if is_only else MOST)
    fatal = (*FATAL, IntensityExceeded) if is_only else FATAL
    return replace(supervisor.as_child(shutdown_timeout_seconds=5.0, fatal=fatal), start=at_once(supervisor.run))


def at_once(start: Start) -> Start:
    """Return a start that says at once that it is ready."""

    async def run(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await start()

    return run


def piped(id_: str, actor: Actor, shutdown_timeout_seconds: float, drain: Callable[[], None]) -> ChildSpec:
    """Return the spec of a stage that ends by itself with its stream, and whose inbox repeats what it held."""
    spec = stage(id_, actor, shutdown_timeout_seconds, drain)
    return replace(spec, restart=Restart.TRANSIENT, drain_to_restart=False)


def left(channel: trio.MemoryReceiveChannel[T]) -> Iterator[T]:
    """Yield what still lies in a channel that nobody uses any more."""
    with suppress(trio.WouldBlock, trio.EndOfChannel):
        while True:
            yield channel.receive_nowait()
