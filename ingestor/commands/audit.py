"""`ingestor audit`: what was missed, and what became of it; with a span of time, the store is compared anew."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from ingestor import service
from ingestor.audit.ledger import Gap, Ledger, Listed
from ingestor.commands.moments import add_span
from ingestor.config import Settings
from ingestor.errors import ConfigError, IngestorError
from ingestor.offline import offline, offline_auditor
from ingestor.service import Exit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the span of time."""
    add_span(parser, "compare everything")


async def audit(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Print the ledger, or compare a span of time. Raises `ConfigError` when that can not be done."""
    if arguments.from_ is None:
        return await _print(settings)
    end = arguments.to_ or datetime.now(UTC)
    if service.running_api(settings.data_dir) is not None:
        raise ConfigError(["a service runs on this data, and audits it by itself: stop it to audit it by hand"])
    with service.locked(settings.data_dir), Progress(transient=True) as bar:
        task = bar.add_task("comparing", total=1.0)
        try:
            async with offline_auditor(settings) as auditor:
                found = await auditor.audit(
                    _microseconds(arguments.from_), _microseconds(end), lambda share: bar.update(task, completed=share)
                )
        except IngestorError as error:
            raise ConfigError([f"the audit did not finish: {error}"]) from None
    print(f"compared: {found.compared}  refilled: {found.refilled}  in the quarantine: {found.accounted}")  # noqa: T201
    return Exit.DONE


async def _print(settings: Settings) -> Exit:
    """Print the ledger, beside a running service or without one; FAILED when something is listed or open."""
    console = Console(highlight=False, markup=False)
    async with offline(settings) as files:
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
        times = _moment(gap.from_us), _moment(gap.found_ns // 1000)
        table.add_row(str(gap.id), gap.home, *times, gap.cause, str(gap.refilled), gap.state, gap.reason)
    return table


def _listed(one: Listed) -> str:
    after = "an unknown time" if one.after_us is None else _moment(one.after_us)
    until = "its return" if one.until_us is None else _moment(one.until_us)
    return f"{one.entity_id} between {after} and {until}: {one.reason}"


def _microseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000)


def _moment(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us // 1_000_000, UTC):%Y-%m-%d %H:%M:%S}"
