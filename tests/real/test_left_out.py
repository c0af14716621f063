"""An entity that is excluded after it was captured, and included again: no row, no gap, nothing listed in between."""

from __future__ import annotations

import time
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.servers.home_assistant import RealHome
from tests.servers.ingestor import Ingestor
from tests.servers.truth import expected

pytestmark = pytest.mark.real

EVERYTHING = "SELECT * FROM home_assistant_events"
GLOBS = ("*temp*", "*celsius*", "*fleeting*")  # the last is removed and created again


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[RealHome]:
    started = RealHome(tmp_path_factory.mktemp("home"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


def lived(home: RealHome, data: Path, seed: int, **settings: str) -> tuple[int, int]:
    """Let the service run while the home changes, before it and after it too; return that time in nanoseconds."""
    home.run(count=300, rate=1000, seed=100 + seed)
    service = Ingestor(data, HA_URL=home.url, HA_TOKEN=home.token, **settings)
    with service.running():
        service.wait_connected()
        began = time.time_ns()
        home.run(count=2000, rate=1000, seed=seed)
        time.sleep(6)  # an audit leaves out what is younger
        code, said = audited(service)
        assert (code, "refilled: 0 " in said) == (0, True), said
    home.run(count=300, rate=1000, seed=200 + seed)
    code, said = audited(service)
    assert code == 0, said
    return began, time.time_ns()


def audited(service: Ingestor) -> tuple[int, str]:
    """Compare everything, then print the ledger; return the worse exit code, and what both said."""
    since = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    done = [service.command("audit", "--from", since), service.command("audit")]
    return max(one.returncode for one in done), "".join(one.stdout + one.stderr for one in done)


def test_what_is_left_out_on_purpose_is_neither_stored_nor_missed(home: RealHome, tmp_path: Path) -> None:
    data = tmp_path / "data"
    lived(home, data, 1)
    service = Ingestor(data, HA_URL=home.url, HA_TOKEN=home.token)
    before = {(row["entity_id"], row["time"]) for row in service.query(EVERYTHING)}
    excluded = {entity_id for entity_id, _ in before if any(fnmatchcase(entity_id, glob) for glob in GLOBS)}
    assert excluded

    began, ended = lived(home, data, 2, EXCLUDE=",".join(GLOBS))
    rows = {(row["entity_id"], row["time"]) for row in service.query(EVERYTHING)}
    assert {entity_id for entity_id, at_ns in rows - before if entity_id in excluded} == set()
    assert len([1 for _, at_ns in rows - before if began < at_ns < ended]) > 1000

    again, _ = lived(home, data, 3)
    rows = {(row["entity_id"], row["time"]) for row in service.query(EVERYTHING)}
    assert {of for of, at_ns in rows if of in excluded and began < at_ns < ended} == set()
    truth = {key for key in expected(home.truth()) if key[0] in excluded and key[1] >= again}
    stored = {key for key in rows if key[0] in excluded and key[1] >= again}
    assert (len(truth) > 10, truth - stored, stored - truth) == (True, set(), set())
