"""`ingestor audit`: what was missed, and what became of it; with a span of time, the store is compared anew.

That is done by the running service, or in its place.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from pydantic import TypeAdapter
from rich.console import Console

from ingestor.api import views
from ingestor.api.audit import AuditJob
from ingestor.api.spans import Span
from ingestor.assembly.files import has_state
from ingestor.assembly.lock import locked
from ingestor.assembly.offline import offline, offline_auditor
from ingestor.assembly.run import Exit
from ingestor.commands.moments import add_span, check_span, shown, zone
from ingestor.commands.progress import Told, progress
from ingestor.commands.running import RunningService, running_service
from ingestor.commands.tables import Row, show
from ingestor.config import HomeSettings, Settings
from ingestor.history.comparison import Audited
from ingestor.history.ledger import Gap, Ledger, Listed
from ingestor.model import instants
from ingestor.model.errors import IngestorError, Unavailable, Unfinished, first
from metrics.codes import ErrorCode

UNFINISHED = "the audit did not finish"
_jobs = TypeAdapter(list[AuditJob])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the span of time."""
    add_span(parser, "compare everything")
    parser.add_argument("--json", action="store_true", help="print JSON; without --from, what /api/gaps says")


async def audit(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Print the ledger, or compare a span of time. Raises an `IngestorError` when that cannot be done."""
    check_span(arguments)
    if arguments.from_ is None:
        return await _print(settings, as_json=arguments.json)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    told_to = Console(stderr=True, highlight=False) if arguments.json else console
    outcomes: dict[str, Audited] = {}
    async with running_service(settings) as running:
        for home in settings.homes:
            with progress(told_to, "comparing") as told:
                if running is None:
                    outcomes[home.name] = await _alone(settings, home, arguments, told)
                else:
                    outcomes[home.name] = await _beside(running, home, arguments, told)
    if arguments.json:
        found = [{"home": name, **msgspec.structs.asdict(outcome)} for name, outcome in outcomes.items()]
        console.out(msgspec.json.encode(found).decode(), highlight=False)
        return Exit.DONE
    for name, outcome in outcomes.items():
        whose = f"{name}  " if len(outcomes) > 1 else ""
        console.print(f"{whose}{_figures(outcome)}")
        if reason := await _not_compared(settings, name, arguments.from_):
            console.print(f"{whose}{reason}")
    return Exit.DONE


async def _alone(settings: Settings, home: HomeSettings, arguments: argparse.Namespace, told: Told) -> Audited:
    from_us, to_us = (instants.microseconds(at) for at in (arguments.from_, arguments.to_ or datetime.now(UTC)))
    failures: list[IngestorError] = []
    with locked(settings.data_dir):
        try:
            async with offline_auditor(settings, home) as auditor:
                return await auditor.audit(from_us, to_us, lambda share, found: told(share, _figures(found)))
        except* IngestorError as group:
            failures.append(first(group))
    raise Unfinished(UNFINISHED, failures[0])


async def _beside(running: RunningService, home: HomeSettings, arguments: argparse.Namespace, told: Told) -> Audited:
    wanted = Span(from_=arguments.from_, to=arguments.to_, home=home.name).model_dump_json(by_alias=True)
    job = await running.work_off("/api/audit", wanted, _jobs, lambda now: told(now.share, _figures(_found(now))))
    if job.state == "failed":
        raise Unavailable(f"{UNFINISHED}: {job.detail}", code=ErrorCode.PENDING)
    return _found(job)


def _found(job: AuditJob) -> Audited:
    return Audited(compared=job.compared, refilled=job.refilled, accounted=job.accounted)


def _figures(found: Audited) -> str:
    return f"compared: {found.compared}  refilled: {found.refilled}  in the quarantine: {found.accounted}"


async def _not_compared(settings: Settings, home: str, since: datetime) -> str:
    """Return what to say of a span that begins before the first start, since when everything is promised."""
    async with offline(settings, locked=False) as files:
        first_us = await Ledger(files.state, lambda _fact: None).since_us(home)
    if not first_us:
        return "the service has not run yet, so nothing is compared: `ingestor backfill` imports history"
    if instants.microseconds(since) >= first_us:
        return ""
    start = instants.moment(first_us).astimezone(since.tzinfo).isoformat(sep=" ", timespec="seconds")
    return f"nothing from before the first start, {start}, is compared: `ingestor backfill` imports that"


async def _print(settings: Settings, *, as_json: bool) -> Exit:
    """Print the ledger, beside a running service or without one; FAILED when something is listed or open."""
    console = Console(highlight=False, markup=False)
    found: list[Gap] = []
    if has_state(settings):
        async with offline(settings, locked=False) as files:
            found = await Ledger(files.state, lambda _fact: None).read(limit=-1)
    if as_json:
        console.out(views.gaps(found).decode(), highlight=False)
    elif not found:
        console.print("the ledger is empty: the service has not run yet")
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
