"""RETENTION_DAYS is what a bucket of ours keeps, and a bucket of somebody else's is told of, and never changed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from ingestor.model.errors import UsageError
from ingestor.storage.influxdb import InfluxDBStore
from ingestor.storage.influxdb_server import Bucket
from metrics import facts
from tests.faults.databases import InfluxDB, influxdb
from tests.servers.asking import CLIENT
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.simulated_home import simulated_home

DAY = 86_400


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Generator[InfluxDB]:
    found = influxdb(tmp_path_factory.mktemp("influxdb"))
    found.make_bucket()
    yield found
    found.close()


@asynccontextmanager
async def store(database: InfluxDB, days: int, **changes: Any) -> AsyncGenerator[tuple[InfluxDBStore, list[str]]]:
    warned: list[str] = []

    def report(fact: facts.Fact) -> None:
        if isinstance(fact, facts.Warned):
            warned.append(fact.detail)

    url, given = f"http://127.0.0.1:{database.port}", {"token": database.token, "bucket": database.bucket} | changes
    token = SecretStr(given.pop("token"))
    made = InfluxDBStore(url=url, org=database.org, token=token, retention_days=days, report=report, **given)
    try:
        yield made, warned
    finally:
        await made.aclose()


async def shown(made: InfluxDBStore) -> Bucket:
    found = await made._server.find_bucket()
    assert found is not None
    return found


@pytest.mark.parametrize("days", [(30, 90), (90, 0), (0, 30), (30, 1), (365, 2), (0, 1, 0), (30, 30)])
async def test_a_start_brings_a_bucket_of_ours_to_what_is_asked_for(days: tuple[int, ...], database: InfluxDB) -> None:
    bucket = f"ours-{uuid4().hex}"
    for wanted in days:
        async with store(database, wanted, bucket=bucket) as (made, warned):
            await made.prepare()
            await made.prepare()
            told = (await shown(made)).retention
            assert (told.days, told.is_ours, made.retention, warned) == (wanted, True, told, [])
    async with store(database, days[-1], bucket=bucket) as (made, warned):
        await made.set_retention(7)
        assert ((await shown(made)).retention.days, made.retention.days) == (7, 7)


async def test_a_bucket_of_somebody_else_is_told_of_once_and_never_changed(database: InfluxDB) -> None:
    async with store(database, 30) as (made, warned):
        for _ in range(2):
            await made.prepare()
        with pytest.raises(UsageError, match="keeps for ever, and is not changed") as raised:
            await made.set_retention(90)
        assert (raised.value.code, len(warned)) == ("conflict", 1)
        assert warned[0].startswith("RETENTION_DAYS=30 is not applied: the bucket")
        assert (made.retention.days, made.retention.is_ours, (await shown(made)).retention.days) == (0, False, 0)
        [_, found] = await made.check()
        assert found.works
        assert "it keeps for ever" in found.detail
        assert "RETENTION_DAYS=30 is not applied" in found.hint
        await made.set_retention(0)  # what it keeps already
    async with store(database, 0, token=database.token_that_may("read", "write")) as (made, warned):
        await made.prepare()
        assert (warned, [finding.hint for finding in await made.check()]) == ([], ["", ""])


def test_the_api_shows_what_the_bucket_keeps_and_refuses_to_change_it(
    database: InfluxDB, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with simulated_home() as home:
        given = database.settings(f"http://127.0.0.1:{database.port}")
        given |= {"HA_URL": home.url, "HA_TOKEN": home.token, "RETENTION_DAYS": "30"}
        service = Ingestor(tmp_path_factory.mktemp("ours"), **given)
        service.start()
        wait_until(lambda: (service.get("/health") or {}).get("status") == "healthy", "healthy", 30)
        told = service.get("/api/config")
        assert (told["retention_days"], told["sources"]["retention_days"]) == (0, "database")
        wish = {"retention_days": 90, "weather_cache_minutes": 7, "confirm": True}
        answer = CLIENT.put(f"{service.url}/api/config", json=wish, timeout=10)
        assert answer.status_code == 409
        refused = answer.json()
        assert (refused["code"], "the ingestor did not make it" in refused["detail"]) == ("conflict", True)
        assert service.get("/api/config") == told
        assert service.stop() == 0
    assert service.log.count("RETENTION_DAYS=30 is not applied") == 1
