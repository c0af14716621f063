"""What newer releases of Home Assistant have: children of devices, and a recorder that says whom it leaves out."""

from __future__ import annotations

import signal
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.recorder import opened
from ingestor.model import instants
from ingestor.model.errors import Unavailable
from tests.servers.absence import missing
from tests.servers.home_assistant import RealHome
from tests.servers.home_template import STARTS_SECONDS
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.releases import NEWEST, installed, why_not_newest

pytestmark = pytest.mark.real

EXCLUDED = "  commit_interval: 1\n  exclude:\n    entity_globs: [sensor.hidden*]\n"
CHILD = "sensor.celsius_0"
HIDDEN = "sensor.hidden_1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[RealHome]:
    started = RealHome(tmp_path_factory.mktemp("home"), recorder=EXCLUDED)
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture
def service(home: RealHome, tmp_path: Path) -> Generator[Ingestor]:
    started = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token)
    started.start()
    try:
        started.wait_connected()
        yield started
    finally:
        started.stop()


def endpoint(home: RealHome) -> Endpoint:
    return Endpoint(home="home", url=home.url, token=lambda: home.token, ca_file=None)


def test_the_newest_release_is_tried() -> None:
    if reason := why_not_newest():
        missing(f"{reason}; {installed().version} stood in for it", required=False)


def test_an_entity_of_a_child_device_is_in_the_area_of_its_parent_also_when_that_moves(
    home: RealHome, service: Ingestor
) -> None:
    for state, area in (("1", "Cellar"), ("2", "Attic")):
        home.call("truth", "move", device="celsius", area=area)
        wait_until(partial(stored, service, "entities", CHILD, area=area), "the entity has moved")
        home.put(CHILD, state)
        wait_until(partial(stored, service, "events", CHILD, state=state), "the change is stored")
    assert [row["area"] for row in rows(service, "events", CHILD)][-2:] == ["Cellar", "Attic"]


def stored(service: Ingestor, measurement: str, entity_id: str, **expected: str) -> bool:
    """Return whether the newest row says so."""
    return any(expected.items() <= row.items() for row in rows(service, measurement, entity_id)[-1:])


def rows(service: Ingestor, measurement: str, entity_id: str) -> list[dict[str, Any]]:
    stored = service.query(f"SELECT * FROM home_assistant_{measurement} ORDER BY time")  # noqa: S608  our word
    return [row for row in stored if row["entity_id"] == entity_id]


async def test_the_recorder_says_which_entities_it_leaves_out(home: RealHome) -> None:
    async with opened(endpoint(home)) as recorder:
        said = [await recorder.is_recorded(entity_id) for entity_id in (HIDDEN, CHILD)]
    assert said == ([False, True] if installed() is NEWEST else [None, None])  # an older one does not know the question


def test_what_was_missed_of_such_an_entity_is_listed_with_what_to_do(home: RealHome, service: Ingestor) -> None:
    home.put(HIDDEN, "1")
    wait_until(partial(stored, service, "events", HIDDEN, state="1"), "it is stored")
    service.stop(signal.SIGKILL)
    for state in ("2", "3"):
        home.put(HIDDEN, state)
    service.start()
    service.wait_connected()
    wait_until(lambda: bool(listed(service)), "it is listed")
    expected = "which it excludes" if installed() is NEWEST else "is it excluded from the recorder"
    assert [expected in reason for reason in listed(service)] == [True]


def listed(service: Ingestor) -> list[str]:
    gaps = service.get("/api/gaps") or []
    return [one["reason"] for gap in gaps for one in gap["listed"] if one["entity_id"] == HIDDEN]


def test_history_is_there_as_soon_as_a_start_lets_us_in(home: RealHome) -> None:
    home.stop()
    home.spawn()
    wait_until(lambda: trio.run(has_history, home), "it lets us in", STARTS_SECONDS)


async def has_history(home: RealHome) -> bool:
    """Return whether we are let in; then the recorder must answer, and not say that it does not know the command."""
    try:
        async with opened(endpoint(home)) as recorder:
            rows, _ = await recorder.history([CHILD], 0, instants.now_us())
    except Unavailable:
        return False
    return len(rows[CHILD]) > 0
