"""`ingestor audit`: what was missed, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from ingestor.audit.ledger import Gap, Ledger, Listed
from ingestor.config import Settings
from ingestor.service import Exit
from ingestor.tree import offline


async def audit(settings: Settings) -> Exit:
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


def _moment(at_us: int) -> str:
    return f"{datetime.fromtimestamp(at_us // 1_000_000, UTC):%Y-%m-%d %H:%M:%S}"
