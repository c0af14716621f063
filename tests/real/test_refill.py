"""What was missed is refilled, on a real Home Assistant and on the simulated one: lost, doubled and invented are 0."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from tests.servers.home_assistant import RealHome
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.simulated_home import SimHome
from tests.servers.truth import compare, refilled, since_start

pytestmark = pytest.mark.real

Home: TypeAlias = RealHome | SimHome
EVERYTHING = "SELECT * FROM home_assistant_events"
CORE = ("sun.", "sensor.sun_", "sensor.backup_", "event.backup_")
"""Home Assistant's own entities, which change at its start, before our component hears the bus."""
NOTHING_WRONG = dict.fromkeys(("missing", "extra", "doubled", "different"), 0)


@pytest.fixture(scope="module", params=["real", "simulated"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    started = RealHome(tmp_path_factory.mktemp("home")) if request.param == "real" else SimHome()
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture
def service(home: Home, tmp_path: Path) -> Generator[Ingestor]:
    """Give a service that has captured something, so that what comes next can be missed."""
    started = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token)
    started.start()
    try:
        started.wait_connected()
        home.run(count=1000, rate=500, seed=1)
        yield started
    finally:
        started.stop()


def gaps(service: Ingestor) -> list[dict[str, Any]]:
    """Return the ledger but for the first start, the oldest gap first."""
    return [gap for gap in reversed(service.get("/api/gaps") or []) if gap["state"] != "since"]


def wait_filled(service: Ingestor, count: int = 1) -> None:
    wait_until(lambda: len(gaps(service)) >= count, "the gap is in the ledger")
    wait_until(lambda: all(gap["state"] != "open" for gap in gaps(service)), "the gap is closed")


def judge(home: Home, service: Ingestor) -> dict[str, int]:
    """Stop the service and compare everything that it stored with the truth."""
    time.sleep(0.5)
    assert service.stop() == 0
    stored = [row for row in service.query(EVERYTHING) if not row["entity_id"].startswith(CORE)]
    heard = [change for change in home.truth() if not change["entity_id"].startswith(CORE)]
    truth, stored = since_start(heard, stored)
    return compare(refilled(truth, stored), stored)


def killed(service: Ingestor) -> None:
    service.stop(signal.SIGKILL)


def stopped(service: Ingestor) -> None:
    assert service.stop() == 0


@pytest.mark.parametrize("end", [killed, stopped])
def test_what_happened_while_the_service_was_down_is_refilled_whole(
    home: Home, service: Ingestor, end: Callable[[Ingestor], None]
) -> None:
    end(service)
    home.run(count=3000, rate=1000, burst=500, bursts=2, seed=2)
    service.start()
    service.wait_connected()
    home.run(count=1000, rate=500, seed=3)
    wait_filled(service)
    [gap] = gaps(service)
    found = judge(home, service)
    assert {name: found[name] for name in NOTHING_WRONG} == NOTHING_WRONG
    assert (gap["cause"], gap["state"], gap["listed"]) == ("service_down", "filled", [])
    assert gap["refilled"] >= 3000


def test_a_burst_for_which_home_assistant_cuts_us_off_is_refilled_whole(home: Home, service: Ingestor) -> None:
    home.run(count=6000, rate=1000, burst=5000, bursts=1, seed=4)
    service.wait_for("it is connected again", connection_status__reconnect_count=1)
    wait_filled(service)
    [gap] = gaps(service)
    found = judge(home, service)
    assert {name: found[name] for name in NOTHING_WRONG} == NOTHING_WRONG
    assert (gap["cause"], gap["state"]) == ("closed", "filled")
    assert gap["refilled"] >= 4000


def test_kills_during_the_refill_of_one_another_lose_and_double_nothing(home: Home, service: Ingestor) -> None:
    for seed in range(10, 14):
        killed(service)
        home.run(count=3000, rate=2000, seed=seed)
        service.start()
        service.wait_connected()
        home.run(count=200, rate=400, seed=seed)
        wait_until(lambda: "RefillReady" in service.log, "the refill has begun")
    wait_filled(service, count=1)
    states = [gap["state"] for gap in gaps(service)]
    found = judge(home, service)
    assert {name: found[name] for name in NOTHING_WRONG} == NOTHING_WRONG
    assert set(states) == {"filled"}


def test_a_restart_of_home_assistant_loses_nothing_and_its_tail_is_called_unproven(
    home: Home, service: Ingestor
) -> None:
    home.truth()
    home.restart()
    home.run(count=1000, rate=1000, seed=5)
    service.wait_for("it is connected again", 90, connection_status__reconnect_count=1)
    home.run(count=1000, rate=500, seed=6)
    wait_filled(service)
    [gap] = gaps(service)
    found = judge(home, service)
    assert (found["missing"], found["extra"], found["doubled"]) == (0, 0, 0)
    restarted = isinstance(home, RealHome)
    assert gap["state"] == ("tail_unproven" if restarted else "filled")
    assert gap["cause"] == ("home_restart" if restarted else "closed")
