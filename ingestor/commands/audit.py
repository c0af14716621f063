"""`ingestor audit`: what was missed, and what became of it; with a span of time, the store is compared anew.

That is done by the running service, or in its place.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table

from ingestor.api.audit import AuditJob
from ingestor.api.spans import Span
from ingestor.assembly import run as service
from ingestor.assembly.offline import offline, offline_auditor
from ingestor.assembly.run import Exit
from ingestor.commands.moments import add_span, refuse_empty
from ingestor.commands.progress import Told, progress
from ingestor.commands.running import RunningService, running_service
from ingestor.config import HomeSettings, Settings
from ingestor.history.comparison import Audited
from ingestor.history.ledger import Gap, Ledger, Listed
from ingestor.model import instants
from ingestor.model.errors import ConfigError, IngestorError, first

UNFINISHED = "the audit did not finish"
_jobs = TypeAdapter(list[AuditJob])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the span of time."""
    add_span(parser, "compare everything")


async def audit(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Print the ledger, or compare a span of time. Raises `ConfigError` when that cannot be done."""
    if arguments.from_ is None:
        return await _print(settings)
    refuse_empty(arguments)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    async with running_service(settings) as running:
        for home in settings.homes:
            with progress(console, "comparing") as told:
                if running is None:
                    found = await _alone(settings, home, arguments, told)
                else:
                    found = await _beside(running, home, arguments, told)
            whose = f"{home.name}  " if len(settings.homes) > 1 else ""
            console.print(f"{whose}{_figures(found)}")
    return Exit.DONE


async def _alone(settings: Settings, home: HomeSettings, arguments: argparse.Namespace, told: Told) -> Audited:
    from_us, to_us = (instants.microseconds(at) for at in (arguments.from_, arguments.to_ or datetime.now(UTC)))
    failure: IngestorError | None = None
    with service.locked(settings.data_dir):
        try:
            async with offline_auditor(settings, home) as auditor:
                return await auditor.audit(from_us, to_us, lambda share, found: told(share, _figures(found)))
        except* IngestorError as group:
            failure = first(group)
    raise ConfigError([f"{UNFINISHED}: {failure}"]) from None


async def _beside(running: RunningService, home: HomeSettings, arguments: argparse.Namespace, told: Told) -> Audited:
    wanted = Span(from_=arguments.from_, to=arguments.to_, home=home.name).model_dump_json(by_alias=True)
    job = await running.work_off("/api/audit", wanted, _jobs, lambda now: told(now.share, _figures(_found(now))))
    if job.state == "failed":
        raise ConfigError([f"{UNFINISHED}: {job.detail}"])
    return _found(job)


def _found(job: AuditJob) -> Audited:
    return Audited(compared=job.compared, refilled=job.refilled, accounted=job.accounted)


def _figures(found: Audited) -> str:
    return f"compared: {found.compared}  refilled: {found.refilled}  in the quarantine: {found.accounted}"


async def _print(settings: Settings) -> Exit:
    """Print the ledger, beside a running service or without one; FAILED when something is listed or open."""
    console = Console(highlight=False, markup=False)
    async with offline(settings, locked=False) as files:
        found = await Ledger(files.state, lambda _fact: None).read(limit=-1)
    console.print(_table(found) if found else "the ledger is empty: the service has not run yet")
    for gap in found:
        for one in gap.listed:
            console.print(f"gap {gap.id}: {_listed(one)}", soft_wrap=True)
    return Exit.FAILED if any(gap.state in {"open", "partly"} for gap in found) else Exit.DONE


def _table(found: Sequence[Gap]) -> Table:
    table = Table(box=None)
    for heading in ("gap", "home", "from", "to", "cause", "refilled", "state", "why"):
        table.add_column(heading, overflow="fold")
    for gap in reversed(found):
        times = _moment(gap.from_us), _moment(instants.to_us(gap.found_ns))
        table.add_row(str(gap.id), gap.home, *times, gap.cause, str(gap.refilled), gap.state, gap.reason)
    return table


def _listed(one: Listed) -> str:
    after = "an unknown time" if one.after_us is None else _moment(one.after_us)
    until = "its return" if one.until_us is None else _moment(one.until_us)
    return f"{one.entity_id} between {after} and {until}: {one.reason}"


def _moment(at_us: int) -> str:
    return f"{instants.moment(at_us):%Y-%m-%d %H:%M:%S}"
