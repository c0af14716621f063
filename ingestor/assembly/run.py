"""Running the service: signals, the lock on its data, the drain, and what the exit code says."""

from __future__ import annotations

import fcntl
import signal
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from enum import IntEnum
from importlib.metadata import version
from pathlib import Path

import trio

from ingestor.assembly.service import Service, build
from ingestor.config import Settings
from ingestor.model.errors import ConfigError, first
from metrics import facts
from metrics.codes import DropReason
from supervisors import IntensityExceeded

SHUTDOWN_SECONDS = 9.5
LOCK_FILE = "lock"  # holds the address of the API while a service runs


class Exit(IntEnum):
    """The exit codes."""

    DONE = 0
    FAILED = 1
    """A check failed, or something was dropped."""
    CONFIGURATION = 2
    GAVE_UP = 3


Companion = Callable[[Service], Awaitable[None]]
"""What runs beside the service, like a live view; it is cancelled when the service has ended."""


async def run(settings: Settings, *companions: Companion) -> Exit:
    """Run until a signal; a second one cancels at once. Raises `ConfigError`."""
    with locked(settings.data_dir):
        service = build(settings)
        (settings.data_dir / LOCK_FILE).write_text(service.api.url, encoding="utf-8")
        try:
            return await _supervised(service, companions)
        finally:
            service.api.close()
            await service.aclose()


@contextmanager
def locked(data_dir: Path) -> Generator[None]:
    """Hold the data directory for one run. Raises `ConfigError` when it cannot be used, or another run has it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = (data_dir / LOCK_FILE).open("a")
    except OSError as error:
        raise ConfigError([f"DATA_DIR: cannot write to {data_dir}: {error.strerror}"]) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError([f"DATA_DIR: another run of the ingestor uses {data_dir}"]) from None
        yield


def running_api(data_dir: Path) -> str | None:
    """Return where the service that uses this data directory listens; none while there is none."""
    try:
        with locked(data_dir):
            return None
    except ConfigError:
        return (data_dir / LOCK_FILE).read_text(encoding="utf-8") or None


async def _supervised(service: Service, companions: tuple[Companion, ...]) -> Exit:
    outcome = Exit.DONE
    started = facts.ServiceStarted(
        at=time.time(), version=version("ha-ingestor"), api=service.api.url, store=service.store.name
    )
    try:
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_obey, signals, service, nursery.cancel_scope)
                service.report(started)
                for companion in companions:
                    nursery.start_soon(companion, service)
                await service.root.run()
                nursery.cancel_scope.cancel()
    except* IntensityExceeded:
        outcome = Exit.GAVE_UP
    except* ConfigError as group:
        raise first(group) from None
    unwritten = service.unwritten()
    if unwritten:
        detail = "not written when the service had to stop"
        service.report(facts.RecordsDropped(reason=DropReason.SHUTDOWN, records=unwritten, detail=detail))
    dropped = service.status.dropped > 0
    return Exit.FAILED if dropped and outcome is Exit.DONE else outcome


async def _obey(signals: object, service: Service, everything: trio.CancelScope) -> None:
    first = True
    async for number in signals:  # type: ignore[attr-defined]  # trio does not export the receiver's type
        if not first:
            everything.cancel()
            return
        first = False
        service.report(facts.ServiceStopping(cause=signal.Signals(number).name))
        service.stop()
        everything.deadline = trio.current_time() + SHUTDOWN_SECONDS
