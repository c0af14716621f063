"""The audit against a real Home Assistant and the simulated one: what the store lacks comes back, once, as it was."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.servers.home_assistant import RealHome
from tests.servers.ingestor import ROOT, Ingestor
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


def audit(home: Home, data: Path, *arguments: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it said."""
    settings = {"HA_URL": home.url, "HA_TOKEN": home.token, "DATA_DIR": str(data), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "ingestor", "audit", *arguments]
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def rows(service: Ingestor) -> dict[tuple[str, int], dict[str, Any]]:
    return {(row["entity_id"], row["time"]): row for row in service.query(EVERYTHING)}


def test_an_audit_brings_back_what_the_store_lost_and_a_second_one_adds_nothing(home: Home, tmp_path: Path) -> None:
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token)
    service.start()
    try:
        service.wait_connected()
        home.run(count=3000, rate=1000, seed=3)
    finally:
        assert service.stop() == 0
    whole = rows(service)
    began = datetime.now(UTC) - timedelta(minutes=10)
    with closing(sqlite3.connect(tmp_path / "data" / "events.sqlite3")) as store:
        lost = store.execute("DELETE FROM events WHERE persons_home IS NOT NULL AND time % 7 = 0").rowcount
        store.commit()
    time.sleep(31)  # what is younger than half a minute is left for the next audit
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


def test_an_audit_beside_a_running_service_is_refused_in_a_sentence(home: Home, tmp_path: Path) -> None:
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token)
    service.start()
    try:
        service.wait_connected()
        code, said = audit(home, tmp_path / "data", "--from", "2026-01-01")
    finally:
        service.stop()
    assert (code, "stop it to audit it by hand" in said) == (2, True)
