"""Every row of the matrix in its short form: outages of seconds, all at once, some with a real home."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.clock import why_not as why_no_clock
from tests.faults.load import Home
from tests.faults.matrix import ROWS, Row
from tests.faults.outcome import Outcome
from tests.faults.runner import Plan, run
from tests.faults.small_disk import why_not as why_no_disk
from tests.servers.absence import missing
from tests.servers.home_assistant import RealHome
from tests.servers.releases import why_not as why_no_home
from tests.servers.simulated_home import SimHome
from tests.servers.simulated_weather import SimWeather

pytestmark = pytest.mark.real
SEED = int(os.environ.get("SEED", "1"))
SLOWEST = "401"  # the service asks again only after a minute: it begins first
EMBEDDED = tuple(row for row in ROWS if "embedded" in row.databases and not row.name.startswith("us: crash"))
REAL = tuple(row for row in ROWS if row.name.endswith(("refusing", "crash of connection", "SIGTERM in full flow")))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Live through all that this machine permits, once, for all tests."""
    directory = tmp_path_factory.mktemp("faults")
    weather = SimWeather()
    weather.start()
    ours = SimHome()
    plans: list[tuple[Home, str, Sequence[Row]]] = [
        (ours, "influxdb", sorted(ROWS, key=lambda row: SLOWEST not in row.name)),
        (SimHome(seed=2), "embedded", EMBEDDED),
    ]
    if not why_no_home():
        plans.append((RealHome(directory / "home"), "influxdb", REAL))

    def lived(home: Home, database: str, rows: Sequence[Row]) -> list[Outcome]:
        permitted = [row for row in rows if not why_not(row)]
        plan = Plan(
            rows=permitted, databases=(database,), times=1, seed=SEED, rate=30, together=8,
            settings=weather.settings, short=True,
        )  # fmt: skip
        home.start()
        try:
            return run(plan, home, directory / f"{type(home).__name__}-{database}", print)
        finally:
            home.stop()

    with ThreadPoolExecutor() as pool:
        found = [outcome for outcomes in pool.map(lambda plan: lived(*plan), plans) for outcome in outcomes]
    weather.stop()
    merged = {outcome.name: Outcome(outcome.name) for outcome in found}
    for outcome in found:
        merged[outcome.name].add(outcome)
    return merged


def why_not(row: Row) -> str:
    """Return why a row cannot be lived through here; nothing if it can."""
    if row.needs.small_data or row.needs.small_store:
        return why_no_disk()
    return why_no_clock() if row.needs.clock else ""


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_it_costs_no_change(row: Row, outcomes: dict[str, Outcome]) -> None:
    if reason := why_not(row):
        missing(reason)
    lived = [outcome for name, outcome in outcomes.items() if name in {row.name, f"{row.name} (embedded)"}]
    assert lived
    assert [outcome for outcome in lived if not outcome.holds or outcome.times < 1] == []
    if row in REAL and (reason := why_no_home()):
        missing(reason)
