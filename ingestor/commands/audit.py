"""`ingestor audit`: what was missed, and what became of it; with a span of time, the store is compared anew."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ingestor.assembly.offline import reading
from ingestor.assembly.run import Exit
from ingestor.commands import jobs
from ingestor.commands.moments import add_span, refuse_empty
from ingestor.config import Settings
from ingestor.history.ledger import Gap, Ledger, Listed
from ingestor.model import instants
from metrics.codes import JobKind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the span of time."""
    add_span(parser, "compare everything")


async def audit(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Print the ledger, or compare a span of time. Raises `ConfigError` when that cannot be done."""
    if arguments.from_ is None:
        return await _print(settings)
    refuse_empty(arguments)
    return jobs.exit_of(await jobs.ask(settings, JobKind.AUDIT, arguments))


async def _print(settings: Settings) -> Exit:
    """Print the ledger, beside a running service or without one; FAILED when something is listed or open."""
    console = Console(highlight=False, markup=False)
    async with reading(settings) as state:
        found = await Ledger(state, lambda _fact: None).read(limit=-1)
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
