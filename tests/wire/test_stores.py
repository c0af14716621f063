"""Every store keeps the same promises; InfluxDB is tried where `TEST_INFLUXDB_URL` names a real one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from pydantic import SecretStr

from ingestor.errors import ConfigError, CredentialsRefused, Rejected, Unavailable
from ingestor.messages import Event, Record, Series, WeatherObservation
from ingestor.storage.influxdb import InfluxDBStore
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.store import Store
from tests.servers.records import ENTITY, WEATHER, event, full, removal

KINDS = ["sqlite", *(["influxdb"] if "TEST_INFLUXDB_URL" in os.environ else [])]


@asynccontextmanager
async def opened(kind: str, directory: Path) -> AsyncGenerator[Store]:
    store: Store
    if kind == "sqlite":
        store = SQLiteStore(directory, retention_days=0)
    else:
        store = InfluxDBStore(
            url=os.environ["TEST_INFLUXDB_URL"],
            token=SecretStr(os.environ["TEST_INFLUXDB_TOKEN"]),
            org=os.environ["TEST_INFLUXDB_ORG"],
            bucket=f"test-{uuid4().hex}",
            retention_days=0,
        )
    try:
        await store.prepare()
        yield store
    finally:
        await store.aclose()


def read_back(kind: str, written: Event) -> Event:
    """Return the event as a store gives it back: an observation's place stays behind, and InfluxDB escapes tags."""
    series = written.series
    if kind == "influxdb":
        tags: dict[str, Any] = {
            name: (text or "").replace("\n", r"\n") or None for name, text in msgspec.structs.asdict(series).items()
        }
        series = Series(**tags)
    weather = written.weather and msgspec.structs.replace(written.weather, location="")
    return msgspec.structs.replace(written, weather=weather, series=series)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_written_is_read_back_whole_newest_first(kind: str, tmp_path: Path) -> None:
    written = [event(0), full(1), removal(2), event(3, state="", value=None), event(4, state="unavailable", value=None)]
    records: list[Record] = [*written, ENTITY, WEATHER]
    async with opened(kind, tmp_path) as store:
        await store.write(records)
        assert await store.recent(limit=10) == [read_back(kind, one) for one in reversed(written)]
        assert await store.recent(limit=2) == [read_back(kind, one) for one in (written[4], written[3])]
        assert await store.recent(limit=9, entity_id="sensor.number_1") == [read_back(kind, written[1])]
        assert await store.recent(limit=1, before_ns=written[1].time_ns) == [written[0]]


@pytest.mark.parametrize("kind", KINDS)
async def test_writing_again_doubles_nothing(kind: str, tmp_path: Path) -> None:
    records = [event(number) for number in range(50)]
    async with opened(kind, tmp_path) as store:
        await store.write(records)
        await store.write(records[25:])
        assert len(await store.recent(limit=1000)) == 50


@pytest.mark.parametrize("kind", KINDS)
async def test_preparing_again_harms_nothing(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as store:
        await store.write([event(1)])
        await store.prepare()
        assert await store.recent(limit=5) == [event(1)]
        assert [finding.works for finding in await store.check()] == [True] * (1 if kind == "sqlite" else 2)


async def test_the_embedded_database_can_be_queried_as_documented(tmp_path: Path) -> None:
    async with opened("sqlite", tmp_path) as store:
        await store.write([full(7), ENTITY, WEATHER])
    with sqlite3.connect(tmp_path / "events.sqlite3") as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(home_assistant_events)")]
        [temperature] = connection.execute("SELECT weather_temperature FROM home_assistant_events").fetchone()
        assert connection.execute("SELECT labels FROM home_assistant_entities").fetchone() == ("a,b, c",)
        assert connection.execute("SELECT condition FROM weather").fetchone() == ("light rain",)
    connection.close()
    assert temperature == 7.5
    assert names == [
        *("time", "home", "entity_id", "domain", "device_class", "state_class", "area", "friendly_name", "unit"),
        *("state", "value", "previous_state", "previous_duration_seconds", "attributes"),
        *("weather_temperature", "weather_humidity", "weather_pressure", "weather_condition", "weather_observed_at"),
        *("persons_home", "caused_by", "removed"),
    ]


async def test_a_record_that_can_not_be_held_is_refused_and_the_store_goes_on(tmp_path: Path) -> None:
    async with opened("sqlite", tmp_path) as store:
        with pytest.raises(Rejected):
            await store.write([event(1), event(2, time_ns=2**70)])
        assert await store.recent(limit=5) == []
        await store.write([event(1)])
        assert await store.recent(limit=5) == [event(1)]


async def test_what_is_older_than_the_retention_goes(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, retention_days=1, clock_ns=lambda: event(100_000).time_ns)
    await store.write([event(0, attributes="{}"), event(99_999)])
    assert [one.value for one in await store.recent(limit=5)] == [99_999.0]
    await store.aclose()


async def test_a_database_that_can_not_serve_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "events.sqlite3"
    path.write_bytes(b"this is no database, but long enough to be read as one" * 20)
    damaged = SQLiteStore(tmp_path, retention_days=0)
    with pytest.raises(Unavailable, match="move it away") as raised:
        await damaged.write([event(1)])
    assert raised.value.code == "corrupt"
    assert [finding.works for finding in await damaged.check()] == [False]
    path.unlink()
    await damaged.write([event(1)])
    await damaged.aclose()


async def test_a_newer_format_is_left_alone(tmp_path: Path) -> None:
    async with opened("sqlite", tmp_path) as store:
        await store.write([event(1)])
    with sqlite3.connect(tmp_path / "events.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(ConfigError, match="newer version"):
        await SQLiteStore(tmp_path, retention_days=0).prepare()


async def test_an_influxdb_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    store = InfluxDBStore(url="http://127.0.0.1:9", token=SecretStr("s3cret"), org="o", bucket="b", retention_days=0)
    with pytest.raises(Unavailable) as raised:
        await store.write([event(1)])
    assert "s3cret" not in str(raised.value)
    [finding] = await store.check()
    assert not finding.works
    await store.aclose()


@pytest.mark.skipif("TEST_INFLUXDB_URL" not in os.environ, reason="needs a real InfluxDB 2: set TEST_INFLUXDB_URL")
async def test_a_token_that_influxdb_does_not_know_is_refused() -> None:
    url = os.environ["TEST_INFLUXDB_URL"]
    store = InfluxDBStore(url=url, token=SecretStr("s3cret"), org="home", bucket="b", retention_days=0)
    with pytest.raises(CredentialsRefused, match="does not know INFLUXDB_TOKEN"):
        await store.write([event(1)])
    assert [finding.works for finding in await store.check()] == [True, False]
    await store.aclose()


@pytest.mark.skipif("TEST_INFLUXDB_URL" not in os.environ, reason="needs a real InfluxDB 2: set TEST_INFLUXDB_URL")
async def test_influxdb_refuses_a_point_and_the_store_says_which_kind(tmp_path: Path) -> None:
    async with opened("influxdb", tmp_path) as store:
        with pytest.raises(Rejected):
            await store.write([event(1, time_ns=2**63 - 1)])
        observation = WeatherObservation(location="52,5", temperature=1.0, observed_at=1_795_421_000)
        await store.write([observation])
