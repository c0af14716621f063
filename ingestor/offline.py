"""The files of a service that does not run, for the commands that read or change them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from ingestor.audit.auditor import Auditing, Auditor
from ingestor.audit.ledger import Ledger
from ingestor.config import Settings
from ingestor.files import Files, make_store, state_database
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.reading import Reader
from ingestor.settings import SettingsStore
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.valve import Valve
from metrics.log import LogReporter


@asynccontextmanager
async def offline(settings: Settings) -> AsyncGenerator[Files]:
    """Hold the files of a service that does not run; whoever changes something holds its lock, too."""
    store = None if settings.influxdb_url else SQLiteStore(settings.data_dir, settings.retention_days)
    files = Files.of(settings, state_database(settings), store, Valve(), LogReporter())
    try:
        yield files
    finally:
        await files.spool.aclose()
        await files.state.aclose()
        if store is not None:
            await store.aclose()


@asynccontextmanager
async def offline_auditor(settings: Settings) -> AsyncGenerator[Auditor]:
    """Hold an auditor over the files of a service that does not run; to be used with its lock."""
    async with offline(settings) as files:
        live = SettingsStore(settings, files.state, lambda _detail: None).current
        store = make_store(settings, live)
        marks = {mark.series.entity_id: mark.series for mark in await files.journal.open()}
        await files.spool.open()
        auditing = Auditing(
            endpoint=Endpoint(
                home=settings.home_name, url=settings.ha_url, token=settings.current_token, ca_file=settings.ha_ca_file
            ),
            store=store,
            ledger=Ledger(files.state, LogReporter()),
            quarantine=files.quarantine,
            reader=Reader(
                persons=lambda: [entity_id for entity_id in marks if entity_id.startswith("person.")],
                weather=lambda _at_ns: None,
                with_attributes=settings.attributes == "json",
            ),
            commit=partial(files.journal.commit, live=False),
            series=lambda: {entity_id: one for entity_id, one in marks.items() if one.home == settings.home_name},
            settled=lambda: files.spool.pending_records == 0,
            retention_days=lambda: live.retention_days,
        )
        try:
            yield Auditor(auditing)
        finally:
            await store.aclose()
