"""Tags, attributes and weather are stored once, and the store remembers that; it never relies on what is gone."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from ingestor.model.errors import Rejected
from ingestor.model.records import Event
from ingestor.storage.sqlite import FILE, SQLiteStore
from tests.servers.records import WEATHER, event, full


def same(number: int) -> Event:
    """Return an event of one entity, with the attributes and the weather of every other."""
    return event(number * 10, attributes='{"friendly_name":"Lamp"}', weather=WEATHER)


def stored(one: Event) -> Event:
    return msgspec.structs.replace(one, weather=one.weather and msgspec.structs.replace(one.weather, location=""))


async def test_what_another_program_deleted_is_stored_again(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, retention_days=0)
    await store.write([same(1)])
    with sqlite3.connect(tmp_path / FILE) as connection:
        for table in ("events", "attributes", "observations"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608  our own tables
    connection.close()
    await store.write([same(2)])
    assert await store.recent(limit=9) == [stored(same(2))]
    await store.aclose()


async def test_what_expired_is_stored_again(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, retention_days=1, clock_ns=lambda: event(100_000).time_ns)
    await store.write([same(1)])  # it is too old, and goes
    assert await store.recent(limit=9) == []
    await store.write([same(10_000)])
    assert await store.recent(limit=9) == [stored(same(10_000))]
    await store.aclose()


async def test_what_was_rolled_back_is_stored_the_next_time(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, retention_days=0)
    with pytest.raises(Rejected):
        await store.write([same(1), event(2, time_ns=2**70)])
    await store.write([same(1)])
    assert await store.recent(limit=9) == [stored(same(1))]
    await store.aclose()


async def test_attributes_that_change_to_and_fro_are_stored_once_each(tmp_path: Path) -> None:
    texts = ["{}", '{"a":1}', None, '{"a":1}', "{}", "{}", None]
    written = [event(number * 10, attributes=text) for number, text in enumerate(texts)]
    store = SQLiteStore(tmp_path, retention_days=0)
    await store.write([*written[:3], full(1)])
    await store.write(written[3:])
    assert await store.recent(limit=9, entity_id="sensor.number_0") == written[::-1]
    await store.aclose()
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute("SELECT count(*) FROM attributes").fetchone() == (3,)
    connection.close()
