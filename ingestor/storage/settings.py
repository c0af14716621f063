"""The settings that may change while the service runs; what was changed survives a restart."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial

import msgspec
from msgspec import Struct

from ingestor.config import Settings
from ingestor.model.errors import Damaged
from ingestor.storage.database import Database, transaction


class LiveSettings(Struct, frozen=True, kw_only=True):
    """What `PUT /api/config` may change. `retention_days` 0 keeps everything for ever."""

    weather_location: str | None
    retention_days: int
    weather_cache_minutes: float


class SettingsStore:
    """Keeps the changes in `DATA_DIR/state.sqlite3`; a damaged file is set aside under a dated name and told of.

    Raises what `Database.run` raises when the file cannot be used.
    """

    def __init__(self, settings: Settings, database: Database, warn: Callable[[str], None]) -> None:
        self._database = database
        self._warn = warn
        self._listeners: list[Callable[[LiveSettings], None]] = []
        configured = LiveSettings(
            weather_location=settings.weather_location,
            retention_days=settings.retention_days,
            weather_cache_minutes=settings.weather_cache_minutes,
        )
        self.current = self._load(configured)

    def listen(self, listener: Callable[[LiveSettings], None]) -> None:
        """Tell the listener of every change."""
        self._listeners.append(listener)

    async def change(self, changes: dict[str, object]) -> LiveSettings:
        """Keep checked changes and tell the listeners. Raises `Unavailable` when they cannot be kept."""
        changed: LiveSettings = msgspec.convert(msgspec.structs.asdict(self.current) | changes, LiveSettings)
        rows = [(name, msgspec.json.encode(value).decode()) for name, value in changes.items()]
        await self._database.run(partial(_keep, rows=rows))
        self.current = changed
        for listener in self._listeners:
            listener(changed)
        return changed

    def _load(self, configured: LiveSettings) -> LiveSettings:
        return self._database.run_now(
            partial(_read, configured), lambda detail: self._warn(f"{detail}, and settings are those configured")
        )


def _keep(connection: sqlite3.Connection, rows: list[tuple[str, str]]) -> None:
    with transaction(connection):
        connection.executemany("INSERT OR REPLACE INTO settings VALUES (?, ?)", rows)


def _read(configured: LiveSettings, connection: sqlite3.Connection) -> LiveSettings:
    rows = connection.execute("SELECT name, value FROM settings").fetchall()
    try:
        stored = {name: msgspec.json.decode(value) for name, value in rows if name in LiveSettings.__struct_fields__}
        return msgspec.convert(msgspec.structs.asdict(configured) | stored, LiveSettings)
    except msgspec.MsgspecError as error:
        raise Damaged(f"a setting is not what was written: {error}") from None
