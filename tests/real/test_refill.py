"""What was missed is refilled, on a real Home Assistant and on the simulated one: lost, doubled and invented are 0."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trio

from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.recorder import opened
from tests.servers.any_influxdb import any_influxdb, events_in
from tests.servers.home_assistant import RealHome
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.simulated_home import SimHome
from tests.servers.truth import Key, Row, compare, expected, microseconds, refilled, since_start

pytestmark = pytest.mark.real

Home: TypeAlias = RealHome | SimHome
EVERYTHING = "SELECT * FROM home_assistant_events"
CORE = ("sun.", "zone.", "sensor.sun_", "sensor.backup_", "event.backup_", "person.owner")
"""Home Assistant's own entities, which change at its start, before our component hears the bus."""
NOTHING_WRONG = dict.fromkeys(("missing", "extra", "doubled", "different"), 0)


@pytest.fixture(scope="module", params=["real", "simulated"])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Home]:
    real = request.param == "real"
    started = RealHome(tmp_path_factory.mktemp("home"), more="  slow_seconds: 1\n") if real else SimHome()
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


def told(home: Home, rows: list[Row]) -> tuple[dict[Key, Row], list[Row]]:
    """Return what must be stored, as far as the recorder can tell it, and what is, without Home Assistant's own."""
    heard = [change for change in home.truth() if not change["entity_id"].startswith(CORE)]
    truth, stored = since_start(heard, [row for row in rows if not row["entity_id"].startswith(CORE)])
    keys = {(row["entity_id"], row["time"]) for row in stored}
    print("missing", sorted(truth.keys() - keys)[:5], "extra", sorted(keys - truth.keys())[:5])  # noqa: T201  to look at
    return refilled(truth, stored), stored


def judge(home: Home, service: Ingestor) -> dict[str, int]:
    """Stop the service and compare everything that it stored with the truth."""
    time.sleep(0.5)
    assert service.stop() == 0
    return compare(*told(home, service.query(EVERYTHING)))


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
    assert gap["cause"] in {"closed_by_home", "closed"}  # older releases end it without a word
    assert gap["state"] == "filled"
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


def test_entities_that_come_go_and_change_while_we_are_down_are_refilled_as_they_were(
    home: Home, service: Ingestor, request: pytest.FixtureRequest
) -> None:
    mark = request.node.name.replace("[", "_").strip("]")
    gone, back, young, fleeting = (f"sensor.{mark}_{word}" for word in ("gone", "back", "young", "fleeting"))
    for entity_id in (gone, back):
        home.put(entity_id, "1", friendly_name="Before", unit_of_measurement="W", device_class="power")
    home.put(fleeting, "1")
    home.put(fleeting, None)
    time.sleep(2)
    killed(service)
    home.put(gone, "2", friendly_name="Within", unit_of_measurement="kW", device_class="power")
    home.put(gone, "unavailable")
    home.put(gone, None)
    home.put(back, "3", friendly_name="Within", unit_of_measurement="W", device_class="power")
    home.put(back, None)
    home.put(young, "4", large="x" * 20_000)
    home.put(young, "5", friendly_name="Young")
    home.put(fleeting, "6")
    home.put(fleeting, None)
    service.start()
    service.wait_connected()
    time.sleep(1)
    home.put(back, "7", friendly_name="After", unit_of_measurement="W", device_class="power")
    home.put(young, "8", friendly_name="Young")
    wait_filled(service)
    [gap] = gaps(service)
    assert (gap["state"], gap["listed"], gap["refilled"]) == ("filled", [], 9)
    service.stop()
    service.start()  # nothing new is found, and nothing is written twice
    wait_filled(service, 2)
    assert [(one["state"], one["refilled"]) for one in gaps(service)] == [("filled", 9), ("filled", 0)]
    found = judge(home, service)
    assert (found["missing"], found["extra"], found["doubled"]) == (0, 0, 0)
    assert found["different"] == 2  # the recorder keeps no attributes of more than 16 KiB: they, and the name in them


async def caught_up(home: Home) -> None:
    """Wait until the recorder has worked everything off: it asks whether it is disabled as it does that, not before."""
    async with opened(Endpoint(home="home", url=home.url, token=lambda: home.token, ca_file=None)) as recorder:
        await recorder.wait_committed()


def unlisted(home: Home, service: Ingestor) -> tuple[int, list[Key], int]:
    """Stop the service; return how many changes are missing, which of them are not listed, how many were invented."""
    [gap] = gaps(service)
    service.stop()
    truth, stored = told(home, service.query(EVERYTHING))
    missing = truth.keys() - {(row["entity_id"], row["time"]) for row in stored}
    spans = [(one["entity_id"], *(_ns(one[end]) for end in ("after", "until"))) for one in gap["listed"]]
    lost = [key for key in missing if not any(key[0] == e and a < key[1] < u for e, a, u in spans)]
    assert gap["state"] == "partly"
    return len(missing), lost, compare(truth, stored)["extra"]


def test_what_a_disabled_recorder_did_not_keep_is_listed_with_entity_and_times(home: Home, service: Ingestor) -> None:
    killed(service)
    home.call("recorder", "disable")
    home.run(count=1000, rate=1000, seed=7)
    home.call("recorder", "enable")
    service.start()
    service.wait_connected()
    home.run(count=200, rate=400, seed=8)
    wait_filled(service)
    missing, lost, extra = unlisted(home, service)
    assert (missing > 500, lost, extra) == (True, [], 0)


def test_what_it_did_not_keep_is_listed_too_when_it_has_the_last_states(home: Home, service: Ingestor) -> None:
    if isinstance(home, SimHome):
        pytest.skip("its recorder does not tell when a state changed of which only attributes did later")
    killed(service)
    home.run(count=1000, rate=500, seed=17)
    trio.run(caught_up, home)
    home.call("recorder", "disable")
    home.run(count=1000, rate=500, seed=18)
    trio.run(caught_up, home)
    home.call("recorder", "enable")
    home.run(count=1000, rate=500, seed=19)
    service.start()
    service.wait_connected()
    home.run(count=200, rate=400, seed=20)
    wait_filled(service)
    missing, lost, extra = unlisted(home, service)
    assert (missing > 500, lost, extra) == (True, [], 0)


def _ns(iso: str | None) -> int:
    return 2**63 if iso is None else microseconds(iso) * 1000


def unsaid(home: Home, service: Ingestor) -> list[Key]:
    """Return the removals of what a restart did not bring back, of which the home's own bus says nothing.

    Of no such entity it says anything later.
    """
    said = expected(home.truth())
    removals = [row for row in service.query(EVERYTHING) if row["removed"] and not row["entity_id"].startswith(CORE)]
    keys = [key for row in removals if (key := (row["entity_id"], row["time"])) not in said]
    newest = dict(sorted(said, key=lambda key: key[1]))
    assert [(entity_id, at) for entity_id, at in keys if newest[entity_id] > at] == []
    return keys


def test_a_restart_of_home_assistant_loses_nothing_and_its_tail_is_called_unproven(
    home: Home, service: Ingestor
) -> None:
    restarted = isinstance(home, RealHome)
    home.truth()
    home.put("sensor.once", "there")
    home.restart()
    home.run(count=1000, rate=1000, seed=5)
    service.wait_for("it is connected again", 90, connection_status__reconnect_count=1)
    home.run(count=1000, rate=500, seed=6)
    wait_filled(service)
    [gap] = gaps(service)
    found = judge(home, service)
    once = [row for row in service.query(f"{EVERYTHING} ORDER BY time") if row["entity_id"] == "sensor.once"]
    gone = [(row["state"], row["previous_state"], row["removed"]) for row in once][1:]
    assert gone == ([(None, "there", 1)] if restarted else [])
    last = "SELECT removed FROM home_assistant_entities WHERE entity_id = 'sensor.once' ORDER BY time DESC LIMIT 1"
    assert service.query(last) == [{"removed": int(restarted)}]
    assert (found["missing"], found["extra"], found["doubled"]) == (0, len(unsaid(home, service)), 0)
    assert gap["state"] == ("tail_unproven" if restarted else "filled")
    assert gap["cause"] == ("home_restart" if restarted else "closed")


def test_what_a_recorder_does_not_have_whose_database_was_deleted_is_listed_though_it_has_the_last_states(
    home: Home, service: Ingestor
) -> None:
    if isinstance(home, SimHome):
        pytest.skip("its recorder keeps everything")
    stopped(service)
    home.run(count=600, rate=600, seed=21)
    home.stop()
    for file in home.directory.glob("home-assistant_v2.db*"):
        file.unlink()
    home.start()
    service.start()
    service.wait_connected()
    home.run(count=500, rate=500, seed=22)
    wait_filled(service)
    assert service.command("audit").returncode == 1
    missing, lost, _ = unlisted(home, service)
    assert (missing >= 600, lost) == (True, [])


def listens(home: RealHome) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", home.port)):
        return True
    return False


def is_connected_to(home: RealHome) -> bool:
    """Return whether anybody has an open connection to a home, by the second and fourth column of Linux's table."""
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(local.endswith(f":{home.port:04X}") and state == "01" for _, local, _, state, *_ in sockets)


def test_a_home_that_is_met_before_it_has_its_first_state_loses_nothing_and_what_it_does_not_bring_back_is_removed(
    home: Home, service: Ingestor
) -> None:
    if not isinstance(home, RealHome):
        pytest.skip("the simulated home serves with all its states")
    home.put("sensor.brief", "there")
    home.run(count=500, rate=500, seed=7)
    stopped(service)
    home.stop()
    home.spawn()
    wait_until(lambda: listens(home), "Home Assistant serves", 60, every_seconds=0.002)
    home.freeze()
    service.start()
    wait_until(lambda: is_connected_to(home), "the service has knocked, to be let in first")
    home.thaw()
    home.wait_started()
    home.run(count=500, rate=500, seed=8)
    service.wait_connected()
    wait_filled(service)
    home.call("truth", "register", entity_id="sensor.born", area="Nursery", state="1")
    selected = [json.loads(line)["entities"] for line in service.log.splitlines() if "EntitiesSelected" in line]
    found = judge(home, service)
    brief = [row for row in service.query(f"{EVERYTHING} ORDER BY time") if row["entity_id"] == "sensor.brief"]
    assert [(row["state"], row["removed"]) for row in brief] == [("there", None), (None, 1)]
    assert (found["missing"], found["extra"], found["doubled"]) == (0, len(unsaid(home, service)), 0)
    written = service.query(
        "SELECT DISTINCT entity_id, removed FROM home_assistant_entities ORDER BY entity_id, removed"
    )
    removals = {
        of: [row["removed"] for row in written if row["entity_id"] == of] for of in ("sensor.slow", "sensor.brief")
    }
    assert removals == {"sensor.slow": [0], "sensor.brief": [0, 1]}  # what comes late in a start was never gone
    born = [row["area"] for row in service.query(EVERYTHING) if row["entity_id"] == "sensor.born"]
    assert born == ["Nursery"]
    assert min(selected) > len(CORE)  # what a home still lacks is not said to be all that it has


def test_what_happened_during_a_kill_is_refilled_whole_in_influxdb(home: Home, tmp_path: Path) -> None:
    with any_influxdb() as influxdb:
        service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token, **influxdb)
        with service.running():
            service.wait_connected()
            home.run(count=1000, rate=500, seed=1)
            killed(service)
            home.run(count=3000, rate=1000, burst=500, bursts=2, seed=2)
            service.start()
            service.wait_connected()
            home.run(count=1000, rate=500, seed=3)
            wait_filled(service)
        rows = events_in(influxdb)
    found = compare(*told(home, rows))
    assert {name: found[name] for name in NOTHING_WRONG} == NOTHING_WRONG
