"""What was captured is lost afterwards: the spool, all our files, or what the store had; it comes back, and is told."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import httpx
import pytest

from tests.servers.home_assistant import RealHome
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.simulated_home import SimHome
from tests.servers.truth import compare, expected

Home: TypeAlias = RealHome | SimHome
CORE = ("sun.", "zone.", "sensor.sun_", "sensor.backup_", "event.backup_")
SETTLED_SECONDS = 31  # what is younger may be on its way, and is left out

pytestmark = [pytest.mark.real, pytest.mark.slow]


class Store:
    """A bucket of a real InfluxDB, or of its double."""

    def __init__(self, url: str, token: str, org: str) -> None:
        self.url, self.token, self.org, self.bucket = url, token, org, f"test-{uuid4().hex}"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of the service."""
        names = {"URL": self.url, "TOKEN": self.token, "ORG": self.org, "BUCKET": self.bucket}
        return {f"INFLUXDB_{name}": text for name, text in names.items()}

    def rows(self, measurement: str) -> list[dict[str, Any]]:
        """Return every point."""
        parameters = {"db": self.bucket, "q": f"SELECT * FROM {measurement}", "epoch": "ns"}  # noqa: S608  our words
        headers = {"Authorization": f"Token {self.token}"}
        [answer] = httpx.get(f"{self.url}/query", params=parameters, headers=headers, timeout=60).json()["results"]
        return [
            dict(zip(series["columns"], values, strict=True))
            for series in answer.get("series", [])
            for values in series["values"]
        ]

    def forget(self, since_ns: int) -> None:
        """Lose every point that is newer, marks included, as a copy of before would."""
        start, stop = (f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}" for at in (since_ns // 10**9, 2**33))
        answer = httpx.post(
            f"{self.url}/api/v2/delete",
            params={"org": self.org, "bucket": self.bucket},
            headers={"Authorization": f"Token {self.token}"},
            json={"start": start, "stop": stop},
            timeout=60,
        )
        assert answer.status_code == 204, answer.text


@pytest.fixture(scope="module", params=["real", "simulated"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    started = RealHome(tmp_path_factory.mktemp("home")) if request.param == "real" else SimHome()
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture
def store() -> Store:
    return Store(*(os.environ[f"TEST_INFLUXDB_{name}"] for name in ("URL", "TOKEN", "ORG")))


def missing(home: Home, store: Store, since_ns: int) -> tuple[int, int, int]:
    """Return what is missing, extra and doubled of everything that the bus said since."""
    heard = [change for change in home.truth() if not change["entity_id"].startswith(CORE)]
    stored = [
        row for row in store.rows("home_assistant_events")
        if not row["entity_id"].startswith(CORE) and row["time"] >= since_ns
    ]  # fmt: skip
    found = compare({key: row for key, row in expected(heard).items() if key[1] >= since_ns}, stored)
    return found["missing"], found["extra"], found["doubled"]


@pytest.mark.skipif("TEST_INFLUXDB_URL" not in os.environ, reason="needs a real InfluxDB 2: set TEST_INFLUXDB_URL")
@pytest.mark.parametrize("loss", ["spool_lost", "data_lost", "store_restored"])
def test_what_is_lost_comes_back_once_and_the_ledger_says_why(
    home: Home, store: Store, tmp_path: Path, loss: str
) -> None:
    data = tmp_path / "data"
    service = Ingestor(data, HA_URL=home.url, HA_TOKEN=home.token, **store.settings)
    service.start()
    try:
        service.wait_connected()
        since_ns = time.time_ns()
        home.run(count=2000, rate=1000, seed=1)
        wait_until(lambda: missing(home, store, since_ns) == (0, 0, 0), "all is stored")
        home.put("sensor.goes", "1")
        home.put("sensor.goes", None)
        time.sleep(3)
        time.sleep(60 - time.time() % 60)  # the marks of a minute are one point, which a copy has as it was then
        lost_ns = time.time_ns()
        home.run(count=2000, rate=1000, seed=2)
        wait_until(lambda: missing(home, store, since_ns) == (0, 0, 0), "all is stored")
        service.stop()
        home.run(count=1000, rate=1000, seed=3)
        if loss == "spool_lost":
            for file in data.glob("spool.*"):
                file.unlink()
        elif loss == "data_lost":
            shutil.rmtree(data)
            data.mkdir()
        else:
            store.forget(lost_ns)
            assert missing(home, store, since_ns)[0] >= 3000
        time.sleep(SETTLED_SECONDS)
        service.start()
        service.wait_connected()
        home.run(count=500, rate=500, seed=4)
        wait_until(lambda: missing(home, store, since_ns) == (0, 0, 0), "all is there again", 60)
        wait_until(lambda: loss in {gap["cause"] for gap in service.get("/api/gaps")}, "the ledger says why", 60)
        wait_until(lambda: all(j["state"] == "done" for j in service.get("/api/backfill")), "all is compared", 60)
        gaps = service.get("/api/gaps")
        assert {gap["state"] for gap in gaps} <= {"filled", "tail_unproven", "since"}, gaps
    finally:
        service.stop()
    assert missing(home, store, since_ns) == (0, 0, 0)
