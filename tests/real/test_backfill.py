"""History from before the installation is imported whole and once, from a real Home Assistant and a simulated one."""

from __future__ import annotations

import os
import re
import sqlite3
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.servers.any_influxdb import any_influxdb, events_in
from tests.servers.home_assistant import RealHome
from tests.servers.ingestor import Ingestor
from tests.servers.loaded import ROOT, begin, ended
from tests.servers.processes import wait_until
from tests.servers.simulated_home import SimHome
from tests.servers.statistics import hour, import_statistics
from tests.servers.truth import compare, expected, refilled

pytestmark = pytest.mark.real
WAYS = ["alone", "beside"] if "TEST_INFLUXDB_URL" in os.environ else ["alone"]  # the double is slow

Home: TypeAlias = RealHome | SimHome
CORE = ("sun.", "zone.", "sensor.sun_", "sensor.backup_", "event.backup_", "person.owner")
"""Home Assistant's own entities, which change at its start, before its recorder hears the bus."""
EVERYTHING = "SELECT * FROM home_assistant_events"
SETTLED_SECONDS = 3  # the recorder commits every second, or is waited for


@pytest.fixture(scope="module", params=[pytest.param("real", marks=pytest.mark.slow), "simulated"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    """Give a home that has a history."""
    started = RealHome(tmp_path_factory.mktemp("home")) if request.param == "real" else SimHome()
    try:
        started.start()
        started.run(count=20_000, rate=4000, burst=500, bursts=2, seed=1)
        for number in (0, 1):
            import_statistics(
                started.url,
                started.token,
                "sensor.of_old",
                "°F",
                [{"start": hour(number).isoformat(), "mean": 50.0, "min": 41.0, "max": 59.0}],
            )
        hours = [{"start": hour(n).isoformat(), "state": n + 1.5, "sum": n + 0.5} for n in range(5)]
        import_statistics(started.url, started.token, "grid:energy", "kWh", hours)
        time.sleep(SETTLED_SECONDS)
        yield started
    finally:
        started.stop()


def words(home: Home, data: Path, arguments: Iterable[str], settings: dict[str, str]) -> dict[str, Any]:
    """Return how the command is begun."""
    given = {"HA_URL": home.url, "HA_TOKEN": home.token, "DATA_DIR": str(data), "PYTHONPATH": str(ROOT)}
    return {
        "command": [sys.executable, "-m", "ingestor", "backfill", *arguments],
        "directory": data,
        "environment": os.environ | given | settings,
    }


def backfill(home: Home, data: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it said."""
    done = ended(**words(home, data, arguments, settings))
    return done.returncode, (done.stdout + done.stderr).strip()


def figures(said: str) -> tuple[int, int, int]:
    """Return what was compared and imported, and how many hours of statistics."""
    [found] = re.findall(r"compared: (\d+)  imported: (\d+)  hours of statistics: (\d+)$", said, re.MULTILINE)[-1:]
    compared, imported, hours = map(int, found)
    return compared, imported, hours


def query(data: Path, sql: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(data / "events.sqlite3")) as store:
        store.row_factory = sqlite3.Row
        return [dict(row) for row in store.execute(sql)]


def stored(data: Path) -> int:
    """Return how many events are stored; none where there is no database yet."""
    try:
        return len(query(data, "SELECT 1 FROM events"))
    except sqlite3.OperationalError:
        return 0


def holds(data: Path, least: int) -> bool:
    return stored(data) >= least


def judge(home: Home, rows: list[dict[str, Any]]) -> dict[str, int]:
    """Compare what is stored with everything that the bus said, and the recorder could keep."""
    heard = [change for change in home.truth() if not change["entity_id"].startswith(CORE)]
    ours = [row for row in rows if not row["entity_id"].startswith(CORE)]
    newest = max(row["time"] for row in ours)
    truth = {key: row for key, row in expected(heard).items() if key[1] <= newest}
    found = compare(refilled(truth, ours), ours)
    restored = [key[1] for key, row in truth.items() if "restored" in (row["attributes"] or {})]
    since = max(restored, default=0)  # at the start, states come without most of their attributes
    later = {key: row for key, row in truth.items() if key[1] > since and not key[0].startswith("person.")}
    late = [row for row in ours if (row["entity_id"], row["time"]) in later]
    found["different"] = compare(refilled(later, late), late)["different"]
    return {name: found[name] for name in ("missing", "extra", "doubled", "different")}


NOTHING_WRONG = dict.fromkeys(("missing", "extra", "doubled", "different"), 0)


def test_history_of_before_the_installation_is_imported_whole_and_a_second_time_adds_nothing(
    home: Home, tmp_path: Path
) -> None:
    began = hour(0).isoformat()
    code, said = backfill(home, tmp_path, "--from", began)
    assert code == 0, said
    assert judge(home, query(tmp_path, EVERYTHING)) == NOTHING_WRONG
    statistics = "SELECT * FROM home_assistant_statistics WHERE entity_id IN ('sensor.of_old', 'grid:energy')"
    hours = query(tmp_path, statistics)
    assert len(hours) == 7
    of_old = next(row for row in hours if row["entity_id"] == "sensor.of_old")
    assert (of_old["unit"], of_old["source"], of_old["time"]) == ("°C", "recorder", 1_709_251_200 * 10**9)
    code, said = backfill(home, tmp_path, "--from", began)
    assert (code, figures(said)[1:]) == (0, (0, 0)), said


def test_one_that_is_killed_goes_on_where_it_was_and_doubles_nothing(home: Home, tmp_path: Path) -> None:
    began = hour(0).isoformat()
    for least in (1, 2000, 4000):
        running = begin(**words(home, tmp_path, ("--from", began), {}), output=tmp_path / "said")
        wait_until(partial(holds, tmp_path, least), "it has come so far", 60)
        running.kill()
        running.wait(20)
        assert stored(tmp_path) < 19_000
    code, said = backfill(home, tmp_path, "--from", began)
    assert code == 0, said
    assert judge(home, query(tmp_path, EVERYTHING)) == NOTHING_WRONG


def test_beside_a_running_service_it_doubles_nothing_that_was_captured(home: Home, tmp_path: Path) -> None:
    service = Ingestor(tmp_path, HA_URL=home.url, HA_TOKEN=home.token)
    with service.running():
        service.wait_connected()
        home.run(count=1000, rate=500, seed=2)
        first = backfill(home, tmp_path, "--from", hour(0).isoformat())
        home.put("sensor.burst_0", "7", friendly_name="Another name", unit_of_measurement="kW", device_class="power")
        again = backfill(home, tmp_path, "--from", hour(0).isoformat())
        empty = backfill(home, tmp_path, "--from", "2020-01-01", "--to", "2020-02-01")
        wrong = backfill(home, tmp_path, "--from", "2020-02-01", "--to", "2020-01-01")
    assert (first[0], again[0], figures(again[1])[1]) == (0, 0, 0), (first, again)
    assert figures(first[1])[1] > 19_000
    assert (empty[0], "has nothing of this span" in empty[1]) == (1, True)
    assert (wrong[0], "--from must be before --to" in wrong[1]) == (2, True)
    rows = query(tmp_path, EVERYTHING)
    found = judge(home, rows)
    assert {name: found[name] for name in ("missing", "extra", "doubled")} == dict.fromkeys(
        ("missing", "extra", "doubled"), 0
    )


@pytest.mark.parametrize("way", WAYS)
def test_in_influxdb_too_it_is_whole_and_a_second_time_adds_nothing(home: Home, tmp_path: Path, way: str) -> None:
    with any_influxdb() as influxdb:
        service = Ingestor(tmp_path, HA_URL=home.url, HA_TOKEN=home.token, **influxdb)
        if way == "beside":
            service.start()
            service.wait_connected()
        try:
            code, said = backfill(home, tmp_path, "--from", hour(0).isoformat(), **influxdb)
            assert code == 0, said
            assert figures(said)[1:] > (19_000, 7)
            code, said = backfill(home, tmp_path, "--from", hour(0).isoformat(), **influxdb)
            assert (code, figures(said)[1:]) == (0, (0, 0)), said
        finally:
            if way == "beside":
                assert service.stop() == 0
        rows = [{"caused_by": None} | row for row in events_in(influxdb)]
    found = judge(home, rows)
    assert (found["missing"], found["extra"], found["doubled"]) == (0, 0, 0)


def test_a_recorder_that_can_not_be_asked_is_told_in_a_sentence(home: Home, tmp_path: Path) -> None:
    unreachable = backfill(home, tmp_path, "--from", "2020-01-01", HA_URL="http://127.0.0.1:9")
    assert (unreachable[0], "goes on from here next time" in unreachable[1]) == (1, True)
    assert backfill(home, tmp_path, "--from", "yesterday")[0] == 2
