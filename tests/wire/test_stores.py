"""Every store keeps the same promises: the embedded one, InfluxDB's double, and a real one at `TEST_INFLUXDB_URL`."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from pydantic import SecretStr

from ingestor.model.errors import ConfigError, Rejected, Unavailable
from ingestor.model.records import Details, Event, Point, Series, WeatherObservation
from ingestor.storage.influxdb import InfluxDBStore
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.store import Store
from metrics import facts
from tests.servers.influxdb2.server import ORG, ROOT, influxdb2
from tests.servers.influxdb2.storage import Answer
from tests.servers.records import ENTITY, MARK, STATISTIC, WEATHER, event, full, removal

INFLUXDB = ["double", *(["influxdb"] if "TEST_INFLUXDB_URL" in os.environ else [])]
KINDS = ["sqlite", *INFLUXDB]


@contextmanager
def address(kind: str) -> Generator[tuple[str, str, str]]:
    """Hold a server; return its URL, a token that may do everything, and the organisation."""
    if kind == "influxdb":
        yield os.environ["TEST_INFLUXDB_URL"], os.environ["TEST_INFLUXDB_TOKEN"], os.environ["TEST_INFLUXDB_ORG"]
    else:
        with influxdb2() as double:
            yield double.url, ROOT, ORG


@asynccontextmanager
async def opened(kind: str, directory: Path, **options: Any) -> AsyncGenerator[Store]:
    if kind == "sqlite":
        async with using(SQLiteStore(directory, retention_days=options.get("retention_days", 0))) as embedded:
            yield embedded
        return
    with address(kind) as (url, token, org):
        settings: dict[str, Any] = {
            "url": url,
            "org": org,
            "bucket": f"test-{uuid4().hex}",
            "retention_days": 0,
        } | options
        async with using(InfluxDBStore(token=SecretStr(token), **settings)) as store:
            yield store


@asynccontextmanager
async def using(store: Store) -> AsyncGenerator[Store]:
    try:
        await store.prepare()
        yield store
    finally:
        await store.aclose()


def read_back(kind: str, written: Event) -> Event:
    """Return the event as a store gives it back: an observation's place stays behind, and InfluxDB escapes tags."""
    series = written.series
    if kind != "sqlite":
        tags: dict[str, Any] = {
            name: (text or "").replace("\n", r"\n") or None for name, text in msgspec.structs.asdict(series).items()
        }
        series = Series(**tags)
    weather = written.weather and msgspec.structs.replace(written.weather, location="")
    return msgspec.structs.replace(written, weather=weather, series=series)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_written_is_read_back_whole_newest_first(kind: str, tmp_path: Path) -> None:
    written = [event(0), full(1), removal(2), event(3, state="", value=None), event(4, state="unavailable", value=None)]
    records: list[Point] = [*written, ENTITY, WEATHER, STATISTIC]
    async with opened(kind, tmp_path) as store:
        await store.write(records)
        assert await store.recent(limit=10) == [read_back(kind, one) for one in reversed(written)]
        assert await store.recent(limit=2) == [read_back(kind, one) for one in (written[4], written[3])]
        assert await store.recent(limit=9, entity_id="sensor.number_1") == [read_back(kind, written[1])]
        assert await store.recent(limit=1, before_ns=written[1].time_ns) == [written[0]]


@pytest.mark.parametrize("kind", KINDS)
async def test_events_since_a_moment_are_counted_removals_too(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as store:
        written = [event(1), removal(2), full(3), event(4, home="another")]
        assert await store.count_since("home", 0) == 0
        await store.write([*written, STATISTIC, ENTITY, WEATHER])
        counted = [await store.count_since("home", one.time_ns) for one in written] + [
            await store.count_since("another", 0)
        ]
        assert counted == [3, 2, 1, 0, 1]


@pytest.mark.parametrize("kind", KINDS)
async def test_keys_are_told_by_entity_whatever_the_tags(kind: str, tmp_path: Path) -> None:
    written = [event(1), event(1, area="Attic"), event(2), removal(11), event(3, home="another")]
    async with opened(kind, tmp_path) as store:
        await store.write([*written, STATISTIC])
        from_ns, to_ns = written[0].time_ns, written[3].time_ns + 1
        times = {written[0].time_ns, written[3].time_ns}
        assert await store.keys("home", from_ns, to_ns) == {
            "sensor.number_1": times,
            "sensor.number_2": {written[2].time_ns},
        }
        hour_ns = STATISTIC.time_ns
        assert await store.keys("home", hour_ns, hour_ns + 1, statistics=True) == {"sensor.a": {hour_ns}}


@pytest.mark.parametrize("kind", INFLUXDB)
async def test_what_was_captured_can_be_asked_for_again(kind: str, tmp_path: Path) -> None:
    written = [event(1), event(11, area="Attic"), event(2), removal(12)]
    async with opened(kind, tmp_path) as store:
        assert (await store.newest("home"), await store.oldest_ns("home"), await store.mark("home")) == ([], None, 0)
        written = [msgspec.structs.replace(one, persons_home=1) for one in written]
        snapshot = event(0)
        await store.write([snapshot, *written, MARK])
        marks = await store.newest("home")
        assert await store.oldest_ns("home") == written[0].time_ns
        found = {mark.series.entity_id: (mark.at_ns, mark.removed, mark.series.area) for mark in marks}
        assert found.pop("sensor.number_0") == (snapshot.time_ns, False, snapshot.series.area)
        assert found == {
            "sensor.number_1": (written[1].time_ns, False, "Attic"),
            "sensor.number_2": (written[3].time_ns, True, None),
        }
        assert await store.mark("home") == 0
        for at_ns, batch in ((MARK.time_ns + 1, 7), (MARK.time_ns, 9), (MARK.time_ns - 1, 8)):
            await store.write([msgspec.structs.replace(MARK, home="home", time_ns=at_ns, batch=batch)])
        assert await store.mark("home") == 9


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
        await store.write([full(7), ENTITY, WEATHER, STATISTIC])
        await store.write([STATISTIC])
    with sqlite3.connect(tmp_path / "events.sqlite3") as connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(home_assistant_events)")]
        [temperature] = connection.execute("SELECT weather_temperature FROM home_assistant_events").fetchone()
        assert connection.execute("SELECT labels FROM home_assistant_entities").fetchone() == ("a,b, c",)
        query = "SELECT entity_id, unit, mean, sum, state FROM home_assistant_statistics"
        assert connection.execute(query).fetchall() == [("sensor.a", "kWh", 1.5, 1234.5678, 0.0)]
        assert connection.execute("SELECT condition FROM weather").fetchone() == ("light rain",)
    connection.close()
    assert temperature == 7.5
    assert names == [
        *("time", "home", "entity_id", "domain", "device_class", "state_class", "area", "floor", "device"),
        *("friendly_name", "unit", "state", "value", "previous_state", "previous_duration_seconds", "attributes"),
        *Details.__struct_fields__,
        *("weather_temperature", "weather_humidity", "weather_pressure", "weather_condition", "weather_observed_at"),
        *("persons_home", "caused_by", "caused_by_entity", "removed", "attribute_fields"),
    ]


async def test_what_is_cleared_of_an_entity_is_cleared_at_the_same_time_too(tmp_path: Path) -> None:
    async with opened("sqlite", tmp_path) as store:
        await store.write([ENTITY])
        await store.write([msgspec.structs.replace(ENTITY, area=None, labels=(), removed=True)])
    with sqlite3.connect(tmp_path / "events.sqlite3") as connection:
        query = "SELECT area, labels, floor, disabled, removed FROM home_assistant_entities"
        assert connection.execute(query).fetchall() == [(None, None, ENTITY.floor, 0, 1)]
    connection.close()


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


@pytest.mark.parametrize("kind", INFLUXDB)
async def test_influxdb_refuses_a_point_and_the_store_goes_on(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as store:
        with pytest.raises(Rejected):
            await store.write([event(1, time_ns=2**63 - 1)])
        observation = WeatherObservation(location="52,5", temperature=1.0, observed_at=1_795_421_000)
        await store.write([observation])


@pytest.mark.parametrize("kind", INFLUXDB)
async def test_points_older_than_the_retention_are_counted_and_the_others_stored(kind: str, tmp_path: Path) -> None:
    old = [event(number, time_ns=1_600_000_000 * 10**9 + number) for number in range(3)]
    new = event(7, time_ns=time.time_ns() - 10**9)
    async with opened(kind, tmp_path, retention_days=1) as store:
        assert await store.write([*old, new]) == 3
        assert await store.recent(limit=5) == [new]


@pytest.mark.parametrize("kind", INFLUXDB)
async def test_a_conflict_names_the_field_and_the_types(kind: str, tmp_path: Path) -> None:
    async with opened(kind, tmp_path) as store:
        assert isinstance(store, InfluxDBStore)
        another_programs = 'weather,location=52\\,5 temperature="warm" 1795421002000000000'
        store._write_api.write(bucket=store._server.bucket, org=store._server.org, record=another_programs)
        with pytest.raises(Rejected, match='the field "temperature" of "weather" holds a string') as raised:
            await store.write([WeatherObservation(location="52,5", temperature=1.0, observed_at=1_795_421_001)])
        assert raised.value.code == "field_conflict"


@pytest.mark.parametrize(
    ("status", "code", "wished"), [(503, "overloaded", 7.0), (429, "overloaded", 7.0), (500, "server_error", None)]
)
async def test_an_overloaded_influxdb_is_unavailable(status: int, code: str, wished: float | None) -> None:
    with influxdb2() as double:
        double.make_bucket("b")
        double.fault, double.retry_after = (lambda _: Answer(status, "unavailable", "later")), "7"
        store = InfluxDBStore(url=double.url, token=SecretStr(ROOT), org=ORG, bucket="b", retention_days=0)
        with pytest.raises(Unavailable) as raised:
            await store.write([event(1)])
        assert (raised.value.code, raised.value.retry_after_seconds) == (code, wished)
        await store.aclose()


@pytest.mark.parametrize("kind", INFLUXDB)
async def test_attributes_of_a_megabyte_cost_the_event_only_its_attributes(kind: str, tmp_path: Path) -> None:
    heard: list[facts.Fact] = []
    most = "x" * 1024**2
    async with opened(kind, tmp_path, report=heard.append) as store:
        await store.write([event(1, attributes=most), event(2, attributes=f"{most}x"), event(3, attributes="{}")])
        assert await store.recent(limit=9) == [
            event(3, attributes="{}"),
            event(2),
            event(1, attributes=most),
        ]
    assert heard == [facts.AttributesOmitted(store="influxdb", events=1)]


FOREIGN: dict[str, str] = {
    "text for a number": "UPDATE events SET value = 'much' WHERE time = {at}",
    "text for a time": "UPDATE events SET time = 'now' WHERE time = {at}",
    "a fraction for a time": "UPDATE events SET time = 1.5 WHERE time = {at}",
    "text for a whole number": "UPDATE events SET persons_home = 'all' WHERE time = {at}",
    "a fraction for a whole number": "UPDATE events SET persons_home = 1.5 WHERE time = {at}",
    "text for yes or no": "UPDATE events SET removed = 'yes' WHERE time = {at}",
    "bytes for a text": "UPDATE events SET state = x'00ff' WHERE time = {at}",
    "text that is no UTF-8": "UPDATE events SET state = CAST(x'ff' AS TEXT) WHERE time = {at}",
    "weather of no time": "UPDATE observations SET observed_at = 9223372036854775807",
    "weather of text": "UPDATE observations SET observed_at = 'now'",
    "no domain": "UPDATE series SET domain = '' WHERE entity_id = 'sensor.number_2'",
    "bytes for an entity": "UPDATE series SET entity_id = x'00' WHERE entity_id = 'sensor.number_2'",
    "an entity that is no UTF-8": "UPDATE series SET entity_id = CAST(x'ff' AS TEXT) WHERE entity_id LIKE '%_2'",
}  # fmt: skip


@pytest.mark.parametrize("case", FOREIGN)
async def test_rows_of_another_program_in_the_embedded_database_are_skipped_counted_and_hide_none_of_ours(
    case: str, tmp_path: Path
) -> None:
    heard: list[facts.Fact] = []
    store = SQLiteStore(tmp_path, retention_days=0, report=heard.append)
    async with using(store):
        await store.write([event(1, persons_home=1), event(2, persons_home=1, weather=WEATHER), STATISTIC])
        ours = await store.recent(limit=9, entity_id="sensor.number_1")
        with closing(sqlite3.connect(tmp_path / "events.sqlite3")) as other, other:
            other.execute(FOREIGN[case].format(at=event(2).time_ns))
            other.execute("INSERT INTO notes (checksum, body) VALUES (1, 'text'), ('x', x'00')")
            other.execute("INSERT INTO commits VALUES (2, 'many')")
            other.execute("INSERT INTO watermarks VALUES (7, 'now', 'no', 'x'), (8, 1, 0, 5)")
            other.execute("INSERT INTO captured VALUES (7, 'home', 'sensor.x', '{}', 'x'), (8, x'00', 'y', 'z', 5)")
            other.execute(
                "INSERT INTO home_assistant_statistics (home, entity_id, source, unit, time)"
                " VALUES ('home', x'00', 's', '', 1), ('home', 'b', '', '', 2), ('home', 'b', 's', '', 1.5)"
            )
        assert await store.recent(limit=1) == ours
        assert await store.recent(limit=9) == ours
        assert any(isinstance(fact, facts.RowsSkipped) for fact in heard)
        assert "sensor.number_1" in await store.keys("home", 0, 2**63 - 1)
        assert await store.keys("home", 0, 2**62, statistics=True) == {"sensor.a": {STATISTIC.time_ns}}
        assert await store.count_since("home", 0) in {1, 2}
        assert await store.oldest_ns("home") == event(1).time_ns
        assert (await store.mark("home"), await store.notes(), await store.newest("home")) == (1, [], [])
        assert await store.open() == []
        await store.write([event(3)])
        assert [one.time_ns for one in await store.recent(limit=1)] == [event(3).time_ns]
