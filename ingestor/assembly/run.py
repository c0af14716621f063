"""Running the service: signals, the drain, and what the exit code says."""

from __future__ import annotations

import signal
import time
from collections.abc import Awaitable, Callable
from enum import IntEnum

import trio

from ingestor.assembly.lock import locked
from ingestor.assembly.measures import VERSION
from ingestor.assembly.service import Service, build
from ingestor.config import Settings
from ingestor.model.errors import ConfigError, Unavailable, first
from metrics import facts
from metrics.codes import DropReason, WarningCode
from supervisors import IntensityExceeded

SHUTDOWN_SECONDS = 9.5


class Exit(IntEnum):
    """The exit codes; README.md has them for the user."""

    DONE = 0
    FAILED = 1
    """It was done, and something is not well: a check failed, a gap stays open, a record was dropped."""
    NOT_DONE = 2
    """The command or the configuration is wrong, or what it needs is away: an `IngestorError` says which."""
    GAVE_UP = 3
    """Actors of the service went on crashing."""
    INTERRUPTED = 130
    """Ctrl-C ended a command that has no orderly end: what shells say of SIGINT, 128 + 2."""


Companion = Callable[[Service], Awaitable[None]]
"""What runs beside the service, like a live view; it is cancelled when the service has ended."""


async def run(settings: Settings, *companions: Companion) -> Exit:
    """Run until a signal; a second one cancels at once. Raises an `IngestorError` when it cannot begin, or go on."""
    with locked(settings.data_dir) as tell_api:
        service = build(settings)
        try:
            tell_api(service.api.url)
            return await _supervised(service, companions)
        finally:
            service.api.close()
            await service.aclose()


async def _supervised(service: Service, companions: tuple[Companion, ...]) -> Exit:
    outcome = Exit.DONE
    started = facts.ServiceStarted(at=time.time(), version=VERSION, api=service.api.url, store=service.store.name)
    try:
        with trio.open_signal_receiver(*_ending()) as signals:
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
    records, events = service.drop()
    if records:
        await note_loss(service, records, events)
    if service.status.dropped > 0 and outcome is Exit.DONE:
        outcome = Exit.FAILED
    service.report(facts.ServiceStopped(exit_code=int(outcome), pending_events=service.status.pending))
    return outcome


def _ending() -> list[signal.Signals]:
    """Return the signals that end a run: also that of a terminal which is closed, unless `nohup` has it ignored."""
    hears_hangup = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hears_hangup else [])]


async def note_loss(service: Service, records: int, events: int) -> None:
    """Tell of what was not captured, and let it outlive the process: nobody can ask for metrics any more."""
    detail = "not captured when the service had to stop; the next start asks Home Assistant's recorder for it"
    service.report(facts.RecordsDropped(reason=DropReason.SHUTDOWN, records=records, events=events, detail=detail))
    try:
        await service.files.losses.keep()
    except Unavailable as error:
        service.report(facts.Warned(code=WarningCode.LEDGER, detail=f"what was dropped could not be noted: {error}"))


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
