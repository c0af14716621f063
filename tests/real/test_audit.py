"""The audit against a real Home Assistant and the simulated one: what the store lacks comes back, once, as it was."""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.servers.home_assistant import RealHome
from tests.servers.influxdb2.server import ORG, influxdb2
from tests.servers.influxdb2.server import ROOT as ROOT_TOKEN
from tests.servers.ingestor import Ingestor
from tests.servers.loaded import ROOT, ended
from tests.servers.processes import wait_until
from tests.servers.simulated_home import SimHome
from tests.servers.truth import compare, refilled, since_start

pytestmark = pytest.mark.real

Home: TypeAlias = RealHome | SimHome
EVERYTHING = "SELECT * FROM home_assistant_events"


@pytest.fixture(scope="module", params=["real", "simulated"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    started = RealHome(tmp_path_factory.mktemp("home")) if request.param == "real" else SimHome()
    try:
        started.start()
        yield started
    finally:
        started.stop()


def audit(home: Home, data: Path, *arguments: str, **more: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it said."""
    settings = {"HA_URL": home.url, "HA_TOKEN": home.token, "DATA_DIR": str(data), "PYTHONPATH": str(ROOT)} | more
    command = [sys.executable, "-m", "ingestor", "audit", *arguments]
    done = ended(command, data, os.environ | settings)
    return done.returncode, (done.stdout + done.stderr).strip()


def figures(said: str) -> str:
    """Return what was refilled, and what is in the quarantine."""
    return next(line.split("  ", 1)[1] for line in said.splitlines() if line.startswith("compared: "))


def rows(service: Ingestor) -> dict[tuple[str, int], dict[str, Any]]:
    return {(row["entity_id"], row["time"]): row for row in service.query(EVERYTHING)}


def test_an_audit_brings_back_what_the_store_lost_and_a_second_one_adds_nothing(home: Home, tmp_path: Path) -> None:
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token)
    with service.running():
        service.wait_connected()
        home.run(count=3000, rate=1000, seed=3)
    whole = rows(service)
    began = datetime.now(UTC) - timedelta(minutes=10)
    with closing(sqlite3.connect(tmp_path / "data" / "events.sqlite3")) as store:
        lost = store.execute("DELETE FROM events WHERE persons_home IS NOT NULL AND time % 7 = 0").rowcount
        store.commit()
    time.sleep(6)  # what is younger is left for the next audit
    span = ("--from", began.isoformat(), "--to", datetime.now(UTC).isoformat())
    assert lost > 100
    code, said = audit(home, tmp_path / "data", *span)
    assert (code, f"refilled: {lost}  in the quarantine: 0" in said) == (0, True), said
    assert rows(service).keys() == whole.keys()
    first_again = audit(home, tmp_path / "data", *span)
    assert "refilled: 0" in first_again[1]
    stored = list(rows(service).values())
    heard = [change for change in home.truth() if change["entity_id"].split(".")[0] not in {"sun", "zone"}]
    truth, stored = since_start(heard, [row for row in stored if row["domain"] not in {"sun", "zone"}])
    found = compare(refilled(truth, stored), stored)
    assert (found["missing"], found["extra"], found["doubled"], found["different"]) == (0, 0, 0, 0)
    code, printed = audit(home, tmp_path / "data")
    assert (code, "first_start" in printed, "audit" in printed, str(lost) in printed) == (0, True, True, True)


def test_beside_a_running_service_it_is_done_by_that_in_the_same_words(home: Home, tmp_path: Path) -> None:
    data, guarded = tmp_path / "data", {"API_TOKEN": "the-api-token"}
    service = Ingestor(data, HA_URL=home.url, HA_TOKEN=home.token, **guarded)
    with service.running():
        wait_until(lambda: (service.get("/health") or {}).get("status") == "healthy", "it is connected")
        home.run(count=500, rate=1000, seed=3)
        time.sleep(2)
        began = datetime.now(UTC)  # the first changes after it follow older ones
        home.run(count=2000, rate=1000, seed=4)
        wait_until(lambda: len(rows(service)) >= 2500, "everything is stored")
        at_ns = int(began.timestamp() * 1e9)
        time.sleep(6)  # what is younger is left for the next audit
        whole = rows(service)
        with closing(sqlite3.connect(data / "events.sqlite3")) as store:
            lost = store.execute("DELETE FROM events WHERE time > ? AND time % 7 = 0", (at_ns,)).rowcount
            store.commit()
        told = [audit(home, data, "--from", began.isoformat(), **guarded) for _ in range(2)]
        back = rows(service)
        strangers = audit(home, data, "--from", began.isoformat(), API_TOKEN="another")  # noqa: S106  as it says
        empty = audit(home, data, "--from", "2026-01-02", "--to", "2026-01-01", **guarded)
    assert lost > 100
    assert [(code, figures(said)) for code, said in told] == [
        (0, f"refilled: {lost}  in the quarantine: 0"),
        (0, "refilled: 0  in the quarantine: 0"),
    ]
    assert {key: back[key]["previous_state"] for key in whole} == {key: whole[key]["previous_state"] for key in whole}
    durations = [[of[key]["previous_duration_seconds"] for key in whole] for of in (back, whole)]
    assert durations[0] == pytest.approx(durations[1])
    assert (strangers[0], "this needs API_TOKEN" in strangers[1]) == (2, True)
    assert (empty[0], "--from must be before --to" in empty[1]) == (2, True)
    assert "Traceback" not in service.log


def test_without_a_service_it_brings_influxdb_up_to_date_before_it_ends(home: Home, tmp_path: Path) -> None:
    with influxdb2() as double:
        influxdb = {"INFLUXDB_URL": double.url, "INFLUXDB_TOKEN": ROOT_TOKEN, "INFLUXDB_ORG": ORG}
        service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token, **influxdb)
        service.start()
        service.wait_connected()
        home.run(count=500, rate=1000, seed=5)
        time.sleep(6)  # what is younger is left for the next audit
        home.run(count=50, rate=1000, seed=6)  # with these the spool forgets what was confirmed
        assert service.stop() == 0
        began = datetime.now(UTC) - timedelta(minutes=10)
        points = double.buckets["home_assistant"].points
        events = [key for key in points if key[0] == "home_assistant_events"]
        for key in events[-400:-360:2]:
            del points[key]
        told = [audit(home, tmp_path / "data", "--from", began.isoformat(), **influxdb) for _ in range(2)]
        assert {key for key in points if key[0] == "home_assistant_events"} >= set(events)
    assert [(code, figures(said)) for code, said in told] == [
        (0, "refilled: 20  in the quarantine: 0"),
        (0, "refilled: 0  in the quarantine: 0"),
    ]


def test_an_audit_that_can_not_be_done_is_told_alike_beside_a_service_and_without_one(tmp_path: Path) -> None:
    home = SimHome()
    home.start()
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token)
    service.start()
    try:
        wait_until(lambda: bool(service.get("/api/gaps")), "its first start is noted")
        home.server.home.running = False
        beside = audit(home, tmp_path / "data", "--from", "2026-01-01")
        assert service.stop() == 0
        alone = audit(home, tmp_path / "data", "--from", "2026-01-01")
    finally:
        service.stop()
        home.stop()
    assert beside == alone
    assert alone[0] == 1
    assert (
        "ingestor: the audit did not finish: Home Assistant is starting up\n  hint: it takes a few minutes" in alone[1]
    )
