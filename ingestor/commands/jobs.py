"""`ingestor jobs`, and what `audit` and `backfill` begin: jobs of the running service, or done here in its place."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence

from rich.console import Console

from ingestor.api.jobs import AnyJob, Span, bounds, shown
from ingestor.assembly.files import has_state
from ingestor.assembly.lock import locked
from ingestor.assembly.offline import offline, offline_jobs, reading
from ingestor.assembly.run import Exit
from ingestor.commands import moments
from ingestor.commands.numbers import number
from ingestor.commands.progress import progress
from ingestor.commands.running import RunningService, running_service
from ingestor.commands.tables import Row, show
from ingestor.config import HomeSettings, Settings
from ingestor.history.jobs import Jobs
from ingestor.history.work import Job, JobState, unfinished
from ingestor.model import instants
from ingestor.model.advice import hint_of
from ingestor.model.errors import IngestorError, Unfinished, UsageError, first
from metrics.codes import ErrorCode, JobKind

DOING = {JobKind.AUDIT: "comparing", JobKind.BACKFILL: "importing"}
UNFINISHED_WORDS = {
    JobKind.AUDIT: "the audit did not finish",
    JobKind.BACKFILL: "the backfill did not finish, and goes on from here next time",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommand."""
    parser.add_argument("--json", action="store_true", help="print the list as JSON")
    actions = parser.add_subparsers(dest="action")
    cancel = actions.add_parser("cancel", help="end a job; what it has stored stays")
    cancel.add_argument("id", type=number, metavar="ID")


async def jobs(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Print every job, or cancel one. Raises an `IngestorError` when that cannot be done."""
    console = Console(highlight=False, markup=False)
    if arguments.action == "cancel":
        await _cancel(settings, arguments.id)
        console.print(f"cancelled: {arguments.id}")
        return Exit.DONE
    async with reading(settings) as state:
        found = [shown(job) for job in await Jobs(state).read(limit=-1)] if state is not None else []
    if arguments.json:
        console.out(_json(found), highlight=False)
    elif not found:
        console.print("there was no job yet")
    else:
        show(console, ("job", "kind", "from", "to", "done", "state"), [_row(job) for job in found])
        console.print(moments.zone(instants.microseconds(at) for job in found for at in (job.from_, job.to)))
    return Exit.DONE


async def ask(settings: Settings, kind: JobKind, arguments: argparse.Namespace) -> list[AnyJob]:
    """Begin a job in each home, and return them at their ends. Raises an `IngestorError` when it cannot begin."""
    console = Console(highlight=False, markup=False, soft_wrap=True)
    told_to = Console(highlight=False, markup=False, soft_wrap=True, stderr=True) if arguments.json else console
    found = []
    async with running_service(settings) as running:
        for home in settings.homes:
            wanted = Span(from_=arguments.from_, to=arguments.to_, home=home.name)
            with progress(told_to, DOING[kind]) as bar:

                def told(job: AnyJob, bar: Callable[[float, str], None] = bar) -> None:
                    bar(job.share, figures(job))

                if running is None:
                    found.append(await _alone(settings, home, kind, wanted, told))
                else:
                    found.append(await _beside(running, kind, wanted, told))
    if arguments.json:
        console.out(_json(found), highlight=False)
    else:
        _tell(console, found)
    for job in found:
        if job.state is not JobState.DONE:
            sys.stderr.write(f"ingestor: {_whose(job, found)}{UNFINISHED_WORDS[kind]}: {job.detail}\n")
            sys.stderr.write(f"  hint: {hint}\n" if (hint := hint_of(job.code)) else "")
    return found


def exit_of(found: list[AnyJob]) -> Exit:
    """Return the exit code for jobs that have ended, or wait: the worst of them."""
    return Exit(max((unfinished(job.code) for job in found if job.state is not JobState.DONE), default=Exit.DONE))


def figures(job: AnyJob) -> str:
    """Return what a job has found, in a line."""
    if job.kind is JobKind.AUDIT:
        return f"compared: {job.compared}  refilled: {job.imported}  in the quarantine: {job.accounted}"
    return f"compared: {job.compared}  imported: {job.imported}  hours of statistics: {job.statistics}"


def _tell(console: Console, found: Sequence[AnyJob]) -> None:
    for job in found:
        console.print(f"{_whose(job, found)}{figures(job)}")
        if job.detail and job.state is JobState.DONE:
            console.print(job.detail)


def _whose(job: AnyJob, found: Sequence[AnyJob]) -> str:
    return f"{job.home}  " if len(found) > 1 else ""


async def _alone(
    settings: Settings, home: HomeSettings, kind: JobKind, wanted: Span, told: Callable[[AnyJob], None]
) -> AnyJob:
    from_us, to_us = bounds(wanted)
    failures: list[IngestorError] = []
    job: Job | None = None
    with locked(settings.data_dir):
        try:
            async with offline_jobs(settings, home) as (kept, worker):
                job = await kept.ask(home.name, kind, from_us, to_us, instants.now_us(), instead=True)
                if job is not None:
                    job = await worker.work_off(job, lambda now: told(shown(now)))
        except* IngestorError as group:
            failures.append(first(group))
    if failures:
        raise Unfinished(UNFINISHED_WORDS[kind], failures[0])
    if job is None:
        raise UsageError(f"another {kind} of this home is under way", code=ErrorCode.PENDING)
    return shown(job)


async def _beside(running: RunningService, kind: JobKind, wanted: Span, told: Callable[[AnyJob], None]) -> AnyJob:
    begun = json.loads(await running.post(f"/api/{kind}", wanted.model_dump_json(by_alias=True)))
    job = AnyJob.model_validate_json(await running.get(f"/api/jobs/{begun['id']}"))
    return await running.follow(job, told)


async def _cancel(settings: Settings, number: int) -> None:
    async with running_service(settings) as running:
        if running is not None:
            await running.delete(f"/api/jobs/{number}")
            return
    job = None
    if has_state(settings):
        with locked(settings.data_dir):
            async with offline(settings) as files:
                job = await files.jobs.cancel(number)
    if job is None:
        raise UsageError(f"there is no job {number}", code=ErrorCode.NOT_FOUND)
    if job.state is not JobState.CANCELLED:
        raise UsageError(f"job {number} has ended before: {job.state}", code=ErrorCode.CONFLICT)


def _row(job: AnyJob) -> Row:
    times = [moments.shown(instants.microseconds(at)) for at in (job.from_, job.to)]
    why = "; ".join(part for part in (job.home, job.cause.replace("_", " "), job.detail) if part)
    return Row((str(job.id), job.kind, *times, f"{job.share:.0%}", job.state), (why,))


def _json(found: Sequence[AnyJob]) -> str:
    return json.dumps([job.model_dump(mode="json", by_alias=True) for job in found])
