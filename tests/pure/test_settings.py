from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import trio

from ingestor.assembly.files import STATE
from ingestor.config import Settings, load
from ingestor.model.errors import Unavailable
from ingestor.storage.database import Database
from ingestor.storage.settings import LiveSettings, SettingsStore, in_effect

FILE = "state.sqlite3"

CONFIGURED = LiveSettings(weather_location="52,5", retention_days=30, weather_cache_minutes=15)


def settings(directory: Path, days: int = 30) -> Settings:
    given = {"ha_url": "http://home.local", "ha_token": "t", "weather_location": "52,5", "retention_days": days}
    return load(_env_file=None, data_dir=directory, **given)


def opened(directory: Path, days: int = 30) -> tuple[SettingsStore, list[str]]:
    warned: list[str] = []
    database = Database(directory / FILE, STATE)
    try:
        return SettingsStore(settings(directory, days), database, warned.append), warned
    finally:
        trio.run(database.aclose)


def change(store: SettingsStore, changes: dict[str, object]) -> None:
    async def changed() -> None:
        try:
            await store.change(changes)
        finally:
            await store._database.aclose()

    trio.run(changed)


def test_what_is_configured_holds_until_it_is_changed(tmp_path: Path) -> None:
    store, warned = opened(tmp_path)
    assert (store.current, warned) == (CONFIGURED, [])


def test_changes_are_told_and_survive_a_restart(tmp_path: Path) -> None:
    store, _ = opened(tmp_path)
    heard: list[LiveSettings] = []
    store.listen(heard.append)
    change(store, {"retention_days": 90, "weather_location": None})
    change(store, {"retention_days": 365})
    again, warned = opened(tmp_path)
    changed = LiveSettings(weather_location=None, retention_days=365, weather_cache_minutes=15)
    assert store.current == again.current == heard[-1] == changed
    assert (len(heard), warned) == (2, [])


@pytest.mark.parametrize(
    ("before", "put", "after", "holds", "told"),
    [
        (30, 90, 30, 90, "RETENTION_DAYS is as it was changed through the API"),
        (30, 90, 60, 60, "RETENTION_DAYS is as the environment says"),
        (30, 90, 0, 0, "RETENTION_DAYS is as the environment says"),
        (30, 0, 30, 0, "RETENTION_DAYS is as it was changed through the API"),
        (30, 90, 90, 90, "RETENTION_DAYS is as the environment says"),
        (30, 30, 30, 30, ""),
        (30, None, 60, 60, ""),
    ],
)
def test_the_later_of_environment_and_change_holds_and_says_so(
    before: int, put: int | None, after: int, holds: int, told: str, tmp_path: Path
) -> None:
    store, _ = opened(tmp_path, before)
    if put is not None:
        change(store, {"retention_days": put})
    again, _ = opened(tmp_path, after)
    assert (again.current.retention_days, again.changed) == (
        holds,
        frozenset({"retention_days"} if holds != after else ()),
    )
    assert [sentence.startswith(told) for sentence in again.told()] == [True] * bool(told)
    if holds == after:
        assert opened(tmp_path, before)[0].current.retention_days == (before if put != before else put)


def test_what_an_older_version_kept_holds_until_the_environment_changes(tmp_path: Path) -> None:
    opened(tmp_path)
    put(tmp_path / FILE, "retention_days", "90")
    assert [opened(tmp_path, days)[0].current.retention_days for days in (30, 30, 60, 30)] == [90, 90, 60, 30]


def spoil(path: Path) -> None:
    path.write_bytes(b"this is no database" * 100)


def put(path: Path, name: str, value: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (name, value))


@pytest.mark.parametrize("damage", ["bytes", "json", "type"])
def test_a_damaged_file_is_set_aside_and_told(damage: str, tmp_path: Path) -> None:
    store, _ = opened(tmp_path)
    change(store, {"retention_days": 90})
    if damage == "bytes":
        spoil(tmp_path / FILE)
    else:
        put(tmp_path / FILE, "retention_days", {"json": "{", "type": '"many"'}[damage])
    again, [warning] = opened(tmp_path)
    [aside] = tmp_path.glob("state.*.damaged")
    assert aside.name in warning
    assert again.current == CONFIGURED
    change(again, {"retention_days": 7})
    assert opened(tmp_path)[0].current.retention_days == 7


def test_a_setting_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    store, _ = opened(tmp_path)
    change(store, {"retention_days": 90})
    put(tmp_path / FILE, "moon_phase", '"full"')
    again, warned = opened(tmp_path)
    assert (again.current.retention_days, warned) == (90, [])


def test_a_change_that_can_not_be_kept_raises_and_changes_nothing(tmp_path: Path) -> None:
    store, _ = opened(tmp_path)
    (tmp_path / FILE).unlink()
    (tmp_path / FILE).mkdir()
    heard: list[LiveSettings] = []
    store.listen(heard.append)
    with pytest.raises(Unavailable, match=r"state\.sqlite3"):
        change(store, {"retention_days": 90})
    assert (store.current, heard) == (CONFIGURED, [])


@pytest.mark.parametrize("days", [30, 90])
def test_what_is_in_effect_is_known_without_a_change(days: int, tmp_path: Path) -> None:
    store, _ = opened(tmp_path)
    change(store, {"retention_days": 365, "weather_location": None})
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        before = connection.execute("SELECT * FROM settings").fetchall()
        told = in_effect(LiveSettings.configured(settings(tmp_path, days)), connection)
        assert connection.execute("SELECT * FROM settings").fetchall() == before
    assert told == opened(tmp_path, days)[0].current
    assert told.retention_days == {30: 365, 90: 90}[days]
