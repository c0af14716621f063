"""The settings that may change while the service runs; what was changed survives a restart."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from ingestor.config import Settings
from ingestor.errors import ConfigError

FILE = "state.sqlite3"
FORMAT = 1


class LiveSettings(Struct, frozen=True, kw_only=True):
    """What `PUT /api/config` may change. `retention_days` 0 keeps everything for ever."""

    weather_location: str | None
    retention_days: int
    weather_cache_minutes: float


class SettingsStore:
    """Keeps the changes in `DATA_DIR/state.sqlite3`; a damaged file is set aside under a dated name and told of."""

    def __init__(self, settings: Settings, warn: Callable[[str], None]) -> None:
        self.path = settings.data_dir / FILE
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

    def change(self, changes: dict[str, object]) -> LiveSettings:
        """Keep checked changes and tell the listeners. Raises `OSError` when they can not be kept."""
        changed: LiveSettings = msgspec.convert(msgspec.structs.asdict(self.current) | changes, LiveSettings)
        rows = [(name, msgspec.json.encode(value).decode()) for name, value in changes.items()]
        try:
            with closing(self._open()) as connection, connection:
                connection.executemany("INSERT OR REPLACE INTO settings VALUES (?, ?)", rows)
        except sqlite3.Error as error:
            raise OSError(f"{self.path}: {error}") from None
        self.current = changed
        for listener in self._listeners:
            listener(changed)
        return changed

    def _load(self, configured: LiveSettings) -> LiveSettings:
        if not self.path.exists():
            return configured
        try:
            with closing(self._open()) as connection:
                rows = connection.execute("SELECT name, value FROM settings").fetchall()
            stored = {name: msgspec.json.decode(value) for name, value in rows}
            return msgspec.convert(msgspec.structs.asdict(configured) | stored, LiveSettings)
        except sqlite3.OperationalError as error:  # locked, or not ours to write: nothing is damaged
            raise ConfigError([f"DATA_DIR: can not use {self.path}: {error}"]) from None
        except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
            aside = self.path.with_suffix(f".{datetime.now(UTC):%Y%m%dT%H%M%S}.damaged")
            self.path.rename(aside)
            self._warn(f"{self.path} was damaged ({error}); it is now {aside.name}, and settings are those configured")
            return configured

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=5.0)
        try:
            connection.execute("CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL)")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
        except BaseException:
            connection.close()
            raise
        return connection
