"""The files of a service that does not run, for the commands that read or change them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from random import Random

import trio

from ingestor.assembly.files import Files, has_state, state_database
from ingestor.assembly.history import offline_worker
from ingestor.config import HomeSettings, Settings
from ingestor.history.jobs import Jobs
from ingestor.history.worker import Worker
from ingestor.storage.database import Database
from metrics.log import LogReporter


@asynccontextmanager
async def reading(settings: Settings) -> AsyncGenerator[Database | None]:
    """Hold the state, for one who only reads it beside a service, while it is up to date; None before a first run."""
    if not has_state(settings):
        yield None
        return
    state = state_database(settings, LogReporter(), upgrades=False)
    try:
        yield state
    finally:
        await state.aclose()


@asynccontextmanager
async def offline(settings: Settings) -> AsyncGenerator[Files]:
    """Hold the files, for one who holds the service's lock, too."""
    files = Files(settings, LogReporter())
    try:
        yield files
    finally:
        await files.aclose()


@asynccontextmanager
async def offline_store(settings: Settings) -> AsyncGenerator[Files]:
    """Hold the files, with what is known of each entity, and what brings into the store whatever waits for it.

    To be used with the service's lock. Raises `Unavailable` when the store is away, in a group of exceptions.
    """
    async with offline(settings) as files:
        files.intake.opened(await files.journal.open())
        await files.spool.open()
        await files.store.prepare()
        writer = files.writer(Random())  # noqa: S311  jitter
        async with trio.open_nursery() as nursery:
            if writer is not None:
                await nursery.start(writer.run)
            yield files
            files.intake.ended.set()


@asynccontextmanager
async def offline_jobs(settings: Settings, home: HomeSettings) -> AsyncGenerator[tuple[Jobs, Worker]]:
    """Hold the jobs of a home with what works them off; else as `offline_store`."""
    async with offline_store(settings) as files:
        yield files.jobs, await offline_worker(files, home)
