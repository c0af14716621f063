"""`ingestor audit`: what was missed, and what became of it; with a span of time, the store is compared anew."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator
from datetime import datetime

from rich.console import Console

from ingestor.api import views
from ingestor.assembly.offline import reading
from ingestor.assembly.run import Exit
from ingestor.commands import jobs
from ingestor.commands.moments import add_span, check_span, shown, zone
from ingestor.commands.tables import Row, show
from ingestor.config import Settings
from ingestor.history.ledger import Gap, Ledger, Listed
from ingestor.model import instants
from metrics.codes import JobKind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the span of time."""
    add_span(parser, "compare everything")
    parser.add_argument("--json", action="store_true", help="print JSON; without --from, what /api/gaps says")


async def audit(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Print the ledger, or compare a span of time. Raises an `IngestorError` when that cannot be done."""
    check_span(arguments)
    if arguments.from_ is None:
        return await _print(settings, as_json=arguments.json)
    found = await jobs.ask(settings, JobKind.AUDIT, arguments)
    if not arguments.json:
        await tell_what_is_older(settings, arguments.from_, {job.home for job in found if job.compared})
    return jobs.exit_of(found)


async def tell_what_is_older(settings: Settings, since: datetime, compared: Collection[str]) -> None:
    """Say that nothing is compared from before the first start, since when everything is promised.

    Of a home that was `compared` the first start may not be known: its files were lost before the ledger knew it.
    """
    console = Console(highlight=False, markup=False, soft_wrap=True)
    async with reading(settings) as state:
        if state is None:
            return
        ledger = Ledger(state, lambda _fact: None)
        firsts = {home.name: await ledger.since_us(home.name) for home in settings.homes}
    for home, first_us in firsts.items():
        whose = f"{home}  " if len(firsts) > 1 else ""
        if not first_us and home not in compared:
            console.print(f"{whose}the service has not run yet, so nothing is compared: see `ingestor backfill`")
        elif first_us and instants.microseconds(since) < first_us:
            start = instants.moment(first_us).astimezone(since.tzinfo).isoformat(sep=" ", timespec="seconds")
            console.print(f"{whose}compared since the first start, {start}: see `ingestor backfill` for what is older")


async def _print(settings: Settings, *, as_json: bool) -> Exit:
    """Print the ledger, beside a running service or without one; FAILED when something is listed or open."""
    console = Console(highlight=False, markup=False)
    found: list[Gap] = []
    async with reading(settings) as state:
        if state is not None:
            found = await Ledger(state, lambda _fact: None).read(limit=-1)
    if as_json:
        console.out(views.gaps(found).decode(), highlight=False)
    elif not found:
        console.print(f"the ledger is empty: no service has run yet on {settings.data_dir}", soft_wrap=True)
    else:
        rows = [_row(gap, names_home=len({one.home for one in found}) > 1) for gap in reversed(found)]
        show(console, ("gap", "from", "to", "state", "refilled"), rows)
        console.print(zone(at_us for gap in found for at_us in _times(gap)))
    return Exit.FAILED if any(gap.state in {"open", "partly"} for gap in found) else Exit.DONE


def _row(gap: Gap, *, names_home: bool) -> Row:
    from_, to = map(shown, _times(gap))
    why = f"{f'{gap.home}: ' if names_home else ''}{gap.cause}{f': {gap.reason}' if gap.reason else ''}"
    return Row((str(gap.id), from_, to, gap.state, str(gap.refilled)), (why, *map(_listed, gap.listed)))


def _times(gap: Gap) -> Iterator[int]:
    yield gap.from_us
    yield instants.to_us(gap.found_ns)


def _listed(one: Listed) -> str:
    after = "an unknown time" if one.after_us is None else shown(one.after_us)
    until = "its return" if one.until_us is None else shown(one.until_us)
    return f"{one.entity_id} between {after} and {until}: {one.reason}"
