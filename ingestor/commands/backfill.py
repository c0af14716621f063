"""`ingestor backfill`: import history from the recorder; by the running service, or in its place."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from pydantic import TypeAdapter
from rich.console import Console

from ingestor.api.backfill import BackfillJob, shown
from ingestor.api.spans import Span
from ingestor.assembly.lock import locked
from ingestor.assembly.offline import offline_backfill
from ingestor.assembly.run import Exit
from ingestor.commands.moments import add_span, check_span
from ingestor.commands.progress import progress
from ingestor.commands.running import RunningService, running_service
from ingestor.config import HomeSettings, Settings
from ingestor.model import instants
from ingestor.model.errors import IngestorError, Unfinished, first

_jobs = TypeAdapter(list[BackfillJob])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the span of time."""
    add_span(parser, "import everything", required=True)


async def backfill(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Import a span of time; FAILED when it did not come to its end. Raises an `IngestorError` when it cannot begin."""
    check_span(arguments)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    async with running_service(settings) as running:
        jobs = [await _job(settings, home, arguments, running, console) for home in settings.homes]
    for job in jobs:
        whose = f"{job.home}  " if len(jobs) > 1 else ""
        console.print(f"{whose}{_figures(job)}")
        if job.detail:
            console.print(job.detail)
    return Exit.DONE if all(job.state == "done" and job.compared for job in jobs) else Exit.FAILED


async def _job(
    settings: Settings,
    home: HomeSettings,
    arguments: argparse.Namespace,
    running: RunningService | None,
    console: Console,
) -> BackfillJob:
    with progress(console, "importing") as bar:

        def told(job: BackfillJob) -> None:
            bar(job.share, _figures(job))

        if running is None:
            return await _alone(settings, home, arguments, told)
        wanted = Span(from_=arguments.from_, to=arguments.to_, home=home.name).model_dump_json(by_alias=True)
        return await running.work_off("/api/backfill", wanted, _jobs, told)


async def _alone(
    settings: Settings, home: HomeSettings, arguments: argparse.Namespace, told: Callable[[BackfillJob], None]
) -> BackfillJob:
    from_us = instants.microseconds(arguments.from_)
    to_us = instants.microseconds(arguments.to_) if arguments.to_ else None
    failures: list[IngestorError] = []
    with locked(settings.data_dir):
        try:
            async with offline_backfill(settings, home) as (work, jobs):
                now_us = instants.now_us()
                job = await jobs.begin(home.name, from_us, to_us, now_us)
                return shown(await work.run(job, lambda now: told(shown(now))))
        except* IngestorError as group:
            failures.append(first(group))
    raise Unfinished("the backfill did not finish, and goes on from here next time", failures[0]) from None


def _figures(job: BackfillJob) -> str:
    return f"compared: {job.compared}  imported: {job.imported}  hours of statistics: {job.statistics}"
