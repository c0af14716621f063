"""The files of a service that does not run, for the commands that read or change them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from random import Random

import trio

from ingestor.assembly.files import Files, make_store, state_database
from ingestor.assembly.live import endpoint_of
from ingestor.config import HomeSettings, Settings
from ingestor.history.auditor import Auditing, Auditor
from ingestor.history.backfill import Backfill, Backfilling
from ingestor.history.jobs import Jobs
from ingestor.history.ledger import Ledger
from ingestor.history.reading import Reader
from ingestor.history.recovery import Recovering, Recovery
from ingestor.live.entities import Entities
from ingestor.live.selection import selection
from ingestor.model.channels import Inbox
from ingestor.model.gaps import Kept
from ingestor.storage.batcher import Retry
from ingestor.storage.intake import Intake
from ingestor.storage.marks import Marks
from ingestor.storage.settings import SettingsStore
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.valve import Valve
from ingestor.storage.writer import BatchLimits, Writer
from metrics.log import LogReporter


@asynccontextmanager
async def offline(settings: Settings, *, locked: bool = True) -> AsyncGenerator[Files]:
    """Hold the files for one who holds the service's lock, too; else the state may be read, while it is up to date."""
    report = LogReporter()
    store = None if settings.influxdb_url else SQLiteStore(settings.data_dir, settings.retention_days, report)
    files = Files.of(settings, state_database(settings, report, upgrades=locked), store, Valve(), report)
    try:
        yield files
    finally:
        await files.spool.aclose()
        await files.state.aclose()
        if store is not None:
            await store.aclose()


@asynccontextmanager
async def offline_auditor(settings: Settings, home: HomeSettings) -> AsyncGenerator[Auditor]:
    """Hold an auditor of a home over the files of a service that does not run, and what brings them into the store.

    To be used with the service's lock. Raises `Unavailable` when the store is away, in a group of exceptions.
    """
    async with _auditing(settings, home) as (_, auditing):
        yield Auditor(auditing)


@asynccontextmanager
async def offline_backfill(settings: Settings, home: HomeSettings) -> AsyncGenerator[tuple[Backfill, Jobs]]:
    """Hold a backfill of a home, as `offline_auditor` does an auditor."""
    async with _auditing(settings, home) as (files, auditing):
        backfilling = Backfilling(
            auditing=auditing,
            jobs=Jobs(files.state),
            wanted=selection(home.include, home.exclude),
            commit=partial(files.journal.commit, live=False),
        )
        yield Backfill(backfilling), backfilling.jobs


@asynccontextmanager
async def _auditing(settings: Settings, home: HomeSettings) -> AsyncGenerator[tuple[Files, Auditing]]:
    async with offline(settings) as files:
        live = SettingsStore(settings, files.state, lambda _detail: None).current
        store = make_store(settings, live, LogReporter())
        entities = Entities(selection(home.include, home.exclude))
        marks = [mark for mark in await files.journal.open() if mark.series.home == home.name]
        entities.load(marks)
        await files.spool.open()
        auditing = Auditing(
            endpoint=endpoint_of(home),
            store=store,
            ledger=Ledger(files.state, LogReporter()),
            quarantine=files.quarantine,
            reader=Reader(
                persons=lambda: [one.series.entity_id for one in marks if one.series.domain == "person"],
                weather=lambda _at_ns: None,
                with_attributes=settings.attributes == "json",
            ),
            commit=partial(files.journal.commit, live=False),
            series=entities.series,
            confirmed=files.spool.confirmed,
            retention_days=lambda: live.retention_days,
            underway_us=0,
        )
        try:
            await store.prepare()
            async with trio.open_nursery() as nursery:
                ended = trio.Event()
                if files.journal is files.spool or files.spool.pending_records:
                    writer, ended = _writer(settings, files, auditing)
                    nursery.start_soon(writer.run)
                yield files, auditing
                ended.set()
        finally:
            await store.aclose()


def _writer(settings: Settings, files: Files, auditing: Auditing) -> tuple[Writer, trio.Event]:
    """Return a writer, and the event after which it ends with an empty spool."""
    _, nothing = trio.open_memory_channel[list[Kept]](0)
    intake, store, report = Intake(Inbox(nothing)), auditing.store, LogReporter()
    homes = tuple(home.name for home in settings.homes)
    recovering = Recovering(
        homes=homes,
        store=store,
        store_is_journal=files.journal is not files.spool,
        spool=files.spool,
        intake=intake,
        ledger=auditing.ledger,
        jobs=Jobs(files.state),
    )
    marks = Marks(homes, store, files.spool, Recovery(recovering, report).begin)
    limits = BatchLimits(maximum_events=settings.batch_max_events, maximum_seconds=settings.batch_max_seconds)
    retry = Retry(Random())  # noqa: S311  jitter
    writer = Writer(
        files.spool, store, files.delivery, intake, limits, retry, report,
        marks=None if recovering.store_is_journal else marks,
    )  # fmt: skip
    return writer, intake.ended
