"""What is tried on this machine, and of the database, which is one for all homes."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from urllib.parse import urlsplit

import trio

from ingestor.api import server
from ingestor.assembly.files import STATE_FILE, has_state, make_store, state_database
from ingestor.assembly.lock import running_api
from ingestor.assembly.offline import reading
from ingestor.config import Settings
from ingestor.model import disk
from ingestor.model.errors import IngestorError
from ingestor.storage.database import Outdated
from ingestor.storage.settings import LiveSettings, changed_by_api, in_effect
from ingestor.storage.store import Finding

LEAST_FREE_BYTES = 100 * 1000 * 1000  # a spool that fills, or the copy for an upgrade, soon takes it


class Machine:
    """This machine, and the store of its database, whose library takes long to load: before anything is tried.

    `changed` has the names of the settings that a run takes from an earlier change through the API.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        configured = live = LiveSettings.configured(settings)
        with suppress(IngestorError):  # which is told of DATA_DIR
            live = _in_effect(settings, configured)
        self.changed = live.differing(configured)
        self.store = make_store(settings, live, lambda _fact: None)


async def names(machine: Machine) -> list[Finding]:
    """Tell of variables that may be meant for us: the others were read, or there were no settings."""
    warnings = machine.settings.warnings
    told = "; ".join([*(warnings or ["understood"]), *changed_by_api(machine.changed)])
    return [Finding(detail=told, hint="another program's variable may stay as it is" if warnings else "")]


def _in_effect(settings: Settings, configured: LiveSettings) -> LiveSettings:
    if not has_state(settings):
        return configured
    state = state_database(settings, lambda _fact: None, upgrades=False)
    try:
        return state.run_now(partial(in_effect, configured))
    finally:
        state.close_now()


async def data_dir(machine: Machine) -> list[Finding]:
    """Write beside what a run keeps there: no file is left, and none of ours is changed."""
    directory = machine.settings.data_dir
    running_api(directory)
    free_bytes = await trio.to_thread.run_sync(disk.try_to_write, directory, abandon_on_cancel=True)
    hint = "" if free_bytes >= LEAST_FREE_BYTES else "make room: when that disk is full, nothing can be captured"
    detail = f"{directory}, {free_bytes / 1e9:,.2f} GB free{await _state(machine.settings)}"
    return [Finding(detail=detail, hint=hint)]


async def _state(settings: Settings) -> str:
    if not disk.is_there(settings.data_dir / STATE_FILE):
        return "; used by no run yet"
    try:
        async with reading(settings) as state:
            if state is not None:
                await state.run(lambda connection: connection.execute("BEGIN IMMEDIATE").execute("ROLLBACK"))
    except Outdated:
        return "; the next run upgrades its files"
    return ""


async def api(machine: Machine) -> list[Finding]:
    """Listen for a moment where the API will, unless the service that runs on the same data does already."""
    settings = machine.settings
    host, port = settings.api_host, settings.api_port
    url = None
    with suppress(IngestorError):  # which is told of DATA_DIR
        url = running_api(settings.data_dir)
    if url is not None and urlsplit(url).port == port:
        return [Finding(detail=f"{url}, where the service runs now")]
    server.bound(host, port).close()
    return [Finding(detail=f"{host}:{port} is free" if port else f"{host}, any free port")]


async def database(machine: Machine) -> list[Finding]:
    """Write a point, and read it back."""
    try:
        return await machine.store.check()
    finally:
        await machine.store.aclose()
