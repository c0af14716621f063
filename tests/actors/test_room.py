"""What comes out of the recorder waits for room, as the tree has put it together."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import trio

from ingestor.assembly.files import state_database
from ingestor.assembly.home import Home
from ingestor.assembly.recorder import RecorderAskers
from ingestor.assembly.stages import Ground
from ingestor.assembly.storage import Storage
from ingestor.config import load
from ingestor.model.records import Series, Watermark
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.valve import Valve
from ingestor.weather.poller import Weather
from tests.actors.heard import Heard
from tests.actors.homes import TOKEN, serving, simulated

ENTITY = Series(home="home", entity_id="sensor.a", domain="sensor")
HOUR_US = 3600 * 10**6


class AskedValve(Valve):
    """A closed valve; `asked` is set when somebody has seen that."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = trio.Event()
        self.close("disk_full", "the disk is full")

    @property
    def closed(self) -> bool:
        self.asked.set()
        return super().closed


@asynccontextmanager
async def put_together(directory: Path, url: str) -> AsyncGenerator[tuple[Storage, RecorderAskers]]:
    """Hold what a tree has for a home; nothing runs."""
    settings = load(_env_file=None, ha_url=url, ha_token=TOKEN, data_dir=directory)
    store, state = SQLiteStore(directory, 0), state_database(settings, Heard())
    ground = Ground(settings=settings, store=store, state=state, report=Heard(), random=Random(1), leaving=trio.Event())
    storage = Storage(ground)
    try:
        yield storage, RecorderAskers(ground, storage, Home(ground, Weather(None, 15), storage), lambda: 0)
    finally:
        for file in (store, storage.files.spool, state):
            await file.aclose()


async def test_an_audit_waits_for_room_before_it_brings_anything_back(tmp_path: Path) -> None:
    server, now_us, valve = simulated(), time.time_ns() // 1000, AskedValve()
    for hours in (3, 2):
        at = datetime.fromtimestamp((now_us - hours * HOUR_US) // 10**6, UTC)
        server.home.recorder.write(ENTITY.entity_id, at.isoformat(), {"state": str(hours), "attributes": {}})
    async with serving(server) as nursery, put_together(tmp_path, server.url) as (storage, askers):
        await storage.files.journal.open()
        storage.intake.opened([Watermark(at_ns=now_us * 1000, removed=False, series=ENTITY)])
        storage.intake.valve = valve
        [auditor] = [spec for spec in askers.children if spec.id.startswith("auditor")]
        await nursery.start(auditor.start)
        askers.audits.ask(now_us - 4 * HOUR_US, now_us - HOUR_US, now_us)
        with trio.fail_after(10):
            await valve.asked.wait()
            waiting = askers.audits.running
            valve.open("disk_full")
            while askers.audits.running:  # noqa: ASYNC110  nobody else wants an event for it
                await trio.sleep(0.01)
        [done] = askers.audits.read()
    assert waiting is not None
    assert (done.state, done.found.refilled) == ("done", 2)
