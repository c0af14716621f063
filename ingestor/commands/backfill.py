"""`ingestor backfill`: import history from the recorder; by the running service, or in its place."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TypeAlias

import httpx
import trio
from pydantic import TypeAdapter
from rich.console import Console
from rich.progress import Progress

from ingestor import service
from ingestor.api.backfill import BackfillJob, Span, shown
from ingestor.commands.moments import add_span
from ingestor.config import Settings
from ingestor.errors import ConfigError, IngestorError, first
from ingestor.homeassistant import wire
from ingestor.offline import offline_backfill
from ingestor.service import Exit

TIMEOUT_SECONDS = 30.0
POLL_SECONDS = 0.5
LINE_SECONDS = 10.0  # between two lines where there is no terminal

_jobs = TypeAdapter(list[BackfillJob])
Told: TypeAlias = Callable[[BackfillJob], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the span of time."""
    add_span(parser, "import everything", required=True)


async def backfill(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Import a span of time; FAILED when it did not come to its end. Raises `ConfigError` when it can not begin."""
    if arguments.from_ >= (arguments.to_ or datetime.now(UTC)):
        raise ConfigError(["the span of time is empty: --from must be before --to, and before now"])
    console = Console(highlight=False, markup=False, soft_wrap=True)
    url = service.running_api(settings.data_dir)
    with _progress(console) as told:
        if url is None:
            job = await _alone(settings, arguments, told)
        else:
            job = await _beside(settings, url, arguments, told)
    console.print(_figures(job))
    if job.detail:
        console.print(job.detail)
    return Exit.DONE if job.state == "done" and job.compared else Exit.FAILED


async def _alone(settings: Settings, arguments: argparse.Namespace, told: Told) -> BackfillJob:
    from_us = wire.microseconds(arguments.from_)
    to_us = wire.microseconds(arguments.to_) if arguments.to_ else None
    failure: IngestorError | None = None
    with service.locked(settings.data_dir):
        try:
            async with offline_backfill(settings) as (work, jobs):
                now_us = wire.microseconds(datetime.now(UTC))
                job = await jobs.begin(settings.home_name, from_us, to_us, now_us)
                return shown(await work.run(job, lambda now: told(shown(now))))
        except* IngestorError as group:
            failure = first(group)
    raise ConfigError([f"the backfill did not finish, and goes on from here next time: {failure}"]) from None


async def _beside(settings: Settings, url: str, arguments: argparse.Namespace, told: Told) -> BackfillJob:
    headers = {"content-type": "application/json"}
    if settings.api_token:
        headers["authorization"] = f"Bearer {settings.api_token.get_secret_value()}"
    wanted = Span(from_=arguments.from_, to=arguments.to_).model_dump_json(by_alias=True)
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, headers=headers) as client:
            job = BackfillJob.model_validate_json(_content(await client.post(f"{url}/api/backfill", content=wanted)))
            while job.state == "running":
                told(job)
                await trio.sleep(POLL_SECONDS)
                jobs = _jobs.validate_json(_content(await client.get(f"{url}/api/backfill")))
                job = next(one for one in jobs if one.id == job.id)
    except httpx.HTTPError as error:
        raise ConfigError([f"the running service did not answer at {url}: {type(error).__name__}"]) from None
    return job


def _content(answer: httpx.Response) -> bytes:
    if answer.is_error:
        raise ConfigError([f"the running service refused: {answer.text}"])
    return answer.content


@contextmanager
def _progress(console: Console) -> Generator[Told]:
    """Show a bar on a terminal, and plain lines now and then elsewhere."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("importing", total=1.0)
        yield lambda job: bar.update(task, completed=job.share, description=_figures(job))


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._told_at = trio.current_time()

    def __call__(self, job: BackfillJob) -> None:
        if trio.current_time() - self._told_at >= LINE_SECONDS:
            self._told_at = trio.current_time()
            self._console.print(f"{job.share:.0%}  {_figures(job)}")


def _figures(job: BackfillJob) -> str:
    return f"compared: {job.compared}  imported: {job.imported}  hours of statistics: {job.statistics}"
