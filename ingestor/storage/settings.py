"""The settings that may change while the service runs; what was changed survives a restart.

A change holds for as long as the environment says what it said then: once it says something else, that holds, and the
change is forgotten. So the later of two wishes counts, whichever way it came. A change to what the environment says
is none, which takes back an earlier one. What an older version kept is bound to what the environment says now.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
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

    @classmethod
    def configured(cls, settings: Settings) -> LiveSettings:
        """Return what the environment says."""
        return cls(**{name: getattr(settings, name) for name in cls.__struct_fields__})

    def differing(self, other: LiveSettings) -> frozenset[str]:
        """Return the names of the settings that are another here."""
        return frozenset(name for name in self.__struct_fields__ if getattr(self, name) != getattr(other, name))


class _Known(Struct, frozen=True):
    current: LiveSettings
    forgotten: tuple[str, ...] = ()


class SettingsStore:
    """Keeps the changes in `DATA_DIR/state.sqlite3`; a damaged file is set aside under a dated name and told of.

    Raises what `Database.run` raises when the file cannot be used.
    """

    def __init__(self, settings: Settings, database: Database, warn: Callable[[str], None]) -> None:
        self._database = database
        self._warn = warn
        self._listeners: list[Callable[[LiveSettings], None]] = []
        self._configured = configured = LiveSettings.configured(settings)
        known = self._load(configured)
        self.current = known.current
        self._forgotten = known.forgotten

    @property
    def changed(self) -> frozenset[str]:
        """The names of the settings that are not what the environment says."""
        return self.current.differing(self._configured)

    def told(self) -> list[str]:
        """Return what a user must know at a start, in sentences without values."""
        again = "as the environment says, which is something else than when it was changed through the API"
        return changed_by_api(self.changed) + [f"{name.upper()} is {again}" for name in self._forgotten]

    def listen(self, listener: Callable[[LiveSettings], None]) -> None:
        """Tell the listener of every change."""
        self._listeners.append(listener)

    async def change(self, changes: dict[str, object]) -> LiveSettings:
        """Keep checked changes and tell the listeners. Raises `Unavailable` when they cannot be kept."""
        changed: LiveSettings = msgspec.convert(msgspec.structs.asdict(self.current) | changes, LiveSettings)
        configured, values = (_texts(one) for one in (self._configured, changed))
        rows = [(name, values[name], configured[name]) for name in changes]
        await self._database.run(partial(_keep, rows=rows))
        self.current = changed
        for listener in self._listeners:
            listener(changed)
        return changed

    def _load(self, configured: LiveSettings) -> _Known:
        return self._database.run_now(
            partial(_read, configured), lambda detail: self._warn(f"{detail}, and settings are those configured")
        )


def changed_by_api(names: Iterable[str]) -> list[str]:
    """Return a sentence for each setting that is not what the environment says."""
    by_api = "as it was changed through the API; change it there to what the environment says, to reset it"
    return [f"{name.upper()} is {by_api}" for name in sorted(names)]


def in_effect(configured: LiveSettings, connection: sqlite3.Connection) -> LiveSettings:
    """Return what a run goes by that begins now. Raises `Damaged`; changes nothing."""
    says = _texts(configured)
    rows = connection.execute("SELECT name, value, ifnull(configured, '') FROM settings").fetchall()
    try:
        held = {name: msgspec.json.decode(value) for name, value, then in rows if then in {"", says.get(name)}}
        known = {name: value for name, value in held.items() if name in says}
        return msgspec.convert(msgspec.structs.asdict(configured) | known, LiveSettings)
    except msgspec.MsgspecError as error:
        raise Damaged(f"a setting is not what was written: {error}") from None


def _keep(connection: sqlite3.Connection, rows: list[tuple[str, str, str]]) -> None:
    with transaction(connection):
        connection.executemany("INSERT OR REPLACE INTO settings (name, value, configured) VALUES (?, ?, ?)", rows)


def _read(configured: LiveSettings, connection: sqlite3.Connection) -> _Known:
    forgotten = []
    with transaction(connection):
        for name, text in _texts(configured).items():
            connection.execute("UPDATE settings SET configured = ifnull(configured, ?) WHERE name = ?", (text, name))
            gone = connection.execute("DELETE FROM settings WHERE name = ? AND configured <> ?", (name, text))
            forgotten += [name] * gone.rowcount
    return _Known(in_effect(configured, connection), tuple(forgotten))


def _texts(settings: LiveSettings) -> dict[str, str]:
    return {name: msgspec.json.encode(value).decode() for name, value in msgspec.structs.asdict(settings).items()}
