"""What comes out of the recorder waits for room, as the tree has put it together."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import trio

from ingestor.assembly.files import Files
from ingestor.assembly.home import Home
from ingestor.assembly.stages import Ground
from ingestor.assembly.storage import Storage
from ingestor.config import load
from ingestor.model.records import Series, Watermark
from ingestor.storage.valve import Valve
from metrics.codes import JobKind
from supervisors import Supervisor
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
async def put_together(directory: Path, url: str) -> AsyncGenerator[tuple[Files, Supervisor]]:
    """Hold what a tree has for a home; nothing runs."""
    settings = load(_env_file=None, ha_url=url, ha_token=TOKEN, data_dir=directory)
    files = Files(settings, Heard())
    ground = Ground(files=files, random=Random(1), leaving=trio.Event())
    storage = Storage(ground)
    [home] = [Home(ground, home, storage).spec.supervisor for home in settings.homes]
    assert isinstance(home, Supervisor)
    try:
        yield files, home
    finally:
        await files.aclose()


async def test_an_audit_waits_for_room_before_it_brings_anything_back(tmp_path: Path) -> None:
    server, now_us, valve = simulated(), time.time_ns() // 1000, AskedValve()
    for hours in (3, 2):
        at = datetime.fromtimestamp((now_us - hours * HOUR_US) // 10**6, UTC)
        server.home.recorder.write(ENTITY.entity_id, at.isoformat(), {"state": str(hours), "attributes": {}})
    async with (
        serving(server),
        put_together(tmp_path, server.url) as (files, home),
        trio.open_nursery() as nursery,  # ends before the files are closed
    ):
        await files.journal.open()
        files.intake.opened([Watermark(at_ns=now_us * 1000, removed=False, series=ENTITY)])
        files.intake.valve = valve
        [jobs] = [spec for spec in home.specs() if spec.id == "jobs"]
        await nursery.start(jobs.start)
        await files.jobs.ask("home", JobKind.AUDIT, now_us - 4 * HOUR_US, now_us - HOUR_US, now_us)
        with trio.fail_after(60):
            await valve.asked.wait()
            waiting = await files.jobs.read(of_user=True)
            valve.open("disk_full")
            while await files.jobs.unfinished("home"):  # noqa: ASYNC110  in a file
                await trio.sleep(0.01)
        [done] = await files.jobs.read(of_user=True)
        nursery.cancel_scope.cancel()
    assert [job.state for job in waiting] == ["running"]
    assert (done.state, done.imported) == ("done", 2)
