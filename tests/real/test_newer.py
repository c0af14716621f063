"""What newer releases of Home Assistant have, and that every field of all that they demonstrate is stored right."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Collection, Generator, Iterable
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
from tests.servers.demonstration import (
    ACTIONS,
    HUMID,
    PASSWORD,
    UNITS,
    act,
    arrange,
    said,
    strip_of,
    units,
    update,
)
from tests.servers.home_assistant import RealHome
from tests.servers.home_said import Row, Said, differences
from tests.servers.home_socket import ask
from tests.servers.home_template import STARTS_SECONDS
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.releases import NEWEST, demonstrated, installed, why_not_newest

pytestmark = pytest.mark.real

EXCLUDED = "  commit_interval: 1\n  exclude:\n    entity_globs: [sensor.hidden*]\n"
CHILD = "sensor.celsius_0"
HIDDEN = "sensor.hidden_1"
SENTINEL = "sensor.sentinel"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[RealHome]:
    started = RealHome(tmp_path_factory.mktemp("home"), recorder=EXCLUDED, **demonstrated())
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


def mark(home: RealHome, service: Ingestor, state: str) -> None:
    """Make a change, and wait until it is stored: so is everything before it."""
    home.put(SENTINEL, state)
    query = f"SELECT 1 FROM home_assistant_events WHERE entity_id = '{SENTINEL}' AND state = '{state}'"  # noqa: S608
    wait_until(lambda: bool(service.query(query)), "the change is stored")


def wrong_events(service: Ingestor, truth: Said, states: Iterable[Row], *, but: Collection[str] = ()) -> list[str]:
    """Return what is stored otherwise than these states say; who caused a change is known of live ones alone."""
    rows = service.query("SELECT * FROM home_assistant_events")
    by_key = {(row["entity_id"], row["time"]): row for row in rows}
    found: list[str] = []
    for expected in map(truth.event, states):
        row = by_key.get((expected["entity_id"], expected["time"]))
        if row is None:
            found.append(f"{expected['entity_id']} {expected['state']}: not stored")
            continue
        untold = ("caused_by", "caused_by_entity") if row["caused_by"] is None else ()
        found += differences({k: v for k, v in expected.items() if k not in {*untold, *but}}, row)
    return found


def wrong_entities(service: Ingestor, truth: Said) -> list[str]:
    """Return what is known otherwise of the entities than the registries say."""
    rows = {row["entity_id"]: row for row in service.query("SELECT * FROM home_assistant_entities ORDER BY time")}
    return [one for of in truth.entities for one in differences(truth.entity(of), rows.get(of, {}))]


def since(before: Said, states: Iterable[Row]) -> list[Row]:
    """Return the states that are newer than what was said before."""
    older = {(of, one["last_updated"]) for of, one in before.states.items()}
    return [one for one in states if (one["entity_id"], one["last_updated"]) not in older]


def settled(find: Callable[[], list[str]], seconds: float = 15) -> list[str]:
    """Return what is wrong once nothing is, or for long."""
    until = time.monotonic() + seconds
    while (found := find()) and time.monotonic() < until:
        time.sleep(0.2)
    return found


def test_every_field_is_right_live_and_refilled(home: RealHome, tmp_path: Path) -> None:
    if not demonstrated():
        missing("what Home Assistant's demonstrations need", required=False)
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token)
    ask(home, update("device", strip_of(said(home)), name_by_user="Strip"))
    service.start()
    try:
        service.wait_connected()
        first = said(home)
        mark(home, service, "1")
        assert "\n".join(settled(lambda: wrong_entities(service, first))) == ""
        assert "\n".join(wrong_events(service, first, first.states.values())) == ""
        arrange(home)
        assert "\n".join(settled(lambda: wrong_entities(service, said(home)))) == ""
        passed = act(home, ACTIONS, *units(0))
        home.call("device_tracker", "see", dev_id="demo_paulus", location_name="home")
        truth = said(home)
        mark(home, service, "2")
        assert "\n".join(settled(lambda: wrong_entities(service, truth))) == ""
        assert "\n".join(wrong_events(service, truth, since(first, [*passed, *truth.states.values()]))) == ""
        at_home = sum(of.startswith("person.") and one["state"] == "home" for of, one in truth.states.items())
        [[last], [renamed]] = (
            service.query(f"SELECT * FROM home_assistant_{of} ORDER BY time DESC LIMIT 1")  # noqa: S608
            for of in ("events", "entities WHERE entity_id = 'sensor.outside_humidity'")
        )
        assert (last["persons_home"], at_home, renamed["removed"]) == (1, 1, 1)

        service.stop(signal.SIGKILL)
        before, passed = truth, act(home, ACTIONS[::-1], *units(1))
        passed += [*said(home).states.values(), *act(home, ACTIONS[:9], *units(2), HUMID)]
        service.start()
        service.wait_connected()
        truth = said(home)
        mark(home, service, "3")
        wait_until(
            lambda: len(gaps := service.get("/api/gaps") or []) == 2 and gaps[0]["state"] != "open", "it is filled"
        )
        assert "\n".join(settled(lambda: wrong_entities(service, truth))) == ""
        assert "\n".join(wrong_events(service, truth, since(before, truth.states.values()))) == ""
        assert "\n".join(wrong_events(service, truth, since(before, passed), but={"brightness"})) == ""
        for entity_id in UNITS:
            rows = service.query(f"SELECT * FROM home_assistant_events WHERE entity_id = '{entity_id}'")  # noqa: S608
            assert len({row["unit"] for row in rows}) == 1, entity_id
            values = [row["value"] for row in rows]
            assert values == pytest.approx([values[0]] * len(values), rel=0.02), entity_id  # Home Assistant rounds
        assert PASSWORD not in str(service.query("SELECT * FROM home_assistant_events"))
    finally:
        service.stop()


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
