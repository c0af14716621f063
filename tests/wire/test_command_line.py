"""The command line as a user meets it: processes, their words and their exit codes."""

from __future__ import annotations

import json
import re
import signal
import socket
import sqlite3
import time
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest

from ingestor.commands.check import OF_A_HOME, OF_THIS_MACHINE
from tests.servers.commands import command
from tests.servers.influxdb2.parser import parse
from tests.servers.influxdb2.server import ORG, ROOT, influxdb2
from tests.servers.influxdb2.storage import Answer, Bucket
from tests.servers.ingestor import Ingestor
from tests.servers.processes import free_port, wait_until
from tests.servers.simulated_home import SimHome
from tests.servers.truth import compare, expected


def table(said: str) -> dict[str, tuple[bool, str]]:
    """Return the findings of `check` by what was tried."""
    found: dict[str, tuple[bool, str]] = {}
    for line in said.splitlines()[1:]:
        first, *rest = re.split(r"\s{2,}", line)
        if first in {"ok", "warns", "FAILS"}:
            found[rest[0]] = (first != "FAILS", rest[1])
        else:
            name, (works, detail) = list(found.items())[-1]
            found[name] = (works, f"{detail} | {line.strip()}")
    return found


def test_the_version_is_that_of_the_package_and_needs_no_setting(tmp_path: Path) -> None:
    assert command(tmp_path, "--version") == (0, f"ingestor {version('ha-ingestor')}\n")


@pytest.mark.parametrize("name", ["run", "check"])
def test_a_wrong_configuration_is_told_whole_and_ends_with_2(name: str, tmp_path: Path) -> None:
    assert command(tmp_path, name) == (2, "ingestor: HA_URL: is not set\ningestor: HA_TOKEN: is not set\n")
    wrong = {"HA_URL": "ftp://home.local", "HA_TOKEN_FILE": "/nowhere", "API_PORT": "x", "LOG_LEVEL": "y"}
    code, said = command(tmp_path, name, **wrong)
    assert code == 2
    assert [line.split(": ")[1] for line in said.splitlines()] == ["HA_URL", "HA_TOKEN", "API_PORT", "LOG_LEVEL"]


def test_a_port_that_is_taken_is_told_and_ends_with_2(home: SimHome, tmp_path: Path) -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        told = command(tmp_path, "run", HA_URL=home.url, HA_TOKEN=home.token, API_PORT=str(port))
    sentence = f"API_HOST, API_PORT: cannot listen on 127.0.0.1:{port}: another program uses it: set another API_PORT"
    assert told == (2, f"ingestor: {sentence}\n")


AWAY = {"INFLUXDB_URL": "http://127.0.0.1:9", "INFLUXDB_TOKEN": "t", "INFLUXDB_ORG": "o"}


@pytest.mark.parametrize(("name", "influxdb"), [("events", {}), ("state", {}), ("spool", AWAY)])
def test_a_file_of_a_newer_version_is_told_and_ends_with_2(
    name: str, influxdb: dict[str, str], home: SimHome, tmp_path: Path
) -> None:
    file = tmp_path / f"{name}.sqlite3"
    with closing(sqlite3.connect(file)) as newer:
        newer.execute("PRAGMA user_version = 99")
    settings = {"HA_URL": home.url, "HA_TOKEN": home.token, "DATA_DIR": str(tmp_path), "API_PORT": "0", **influxdb}
    for style, traced in (("json", '"exception"'), ("console", "Traceback")):
        code, said = command(tmp_path, "run", **settings, LOG_FORMAT=style)
        assert (code, "Traceback" in said, traced in said) == (2, False, False)
        assert said.splitlines()[-1].startswith(f"ingestor: {file} was written by a newer version")


def test_a_second_run_on_the_same_data_is_refused(home: SimHome, tmp_path: Path) -> None:
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token)
    with service.running():
        service.wait_connected()
        settings = {"HA_URL": home.url, "HA_TOKEN": home.token, "DATA_DIR": str(service.directory), "API_PORT": "0"}
        told = command(tmp_path, "run", **settings)
        sentence = f"ingestor: DATA_DIR: another run of the ingestor uses {service.directory}\n"
        assert told == (2, f"{sentence}  hint: stop that one, or give each a DATA_DIR of its own\n")
        code, said = command(tmp_path, "check", **settings | {"API_PORT": service.url.rpartition(":")[2]})
        found = table(said)
        assert (code, found["API"]) == (0, (True, f"{service.url}, where the service runs now"))
        assert found["database"][1].endswith("; a point was written, read back and undone; it keeps for ever")
        assert service.get("/health")["status"] == "healthy"


def test_a_wrong_token_is_one_sentence_and_unhealthy(home: SimHome, tmp_path: Path) -> None:
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN="a-token-that-nobody-knows")  # noqa: S106  as it says
    with service.running():
        sentence = "Home Assistant refused HA_TOKEN: Invalid access token or password"
        service.wait_for("it says why", problems__websocket_client=sentence)
        assert service.get("/health")["status"] == "unhealthy"
    assert service.log.count("ConnectFailed") == 1
    assert '"retry_seconds":900' in service.log
    assert "Traceback" not in service.log


def test_check_tells_in_one_table_what_works(home: SimHome, tmp_path: Path) -> None:
    code, said = command(tmp_path, "check", HA_URL=home.url, HA_TOKEN=home.token, DATA_DIR=str(tmp_path / "data"))
    found = table(said)
    assert (code, list(found)) == (0, [*OF_A_HOME, *OF_THIS_MACHINE])
    assert all(works for works, _ in found.values())
    assert list(tmp_path.iterdir()) == []


def test_check_gives_a_hint_for_each_failure(home: SimHome, tmp_path: Path) -> None:
    dead = f"http://127.0.0.1:{free_port()}"
    weather = {"WEATHER_PROVIDER": "auto", "WEATHER_API_KEY": "s3cret-weather", "WEATHER_BASE_URL": dead}
    code, said = command(tmp_path, "check", HA_URL=home.url, HA_TOKEN="s3cret-token", DATA_DIR="/proc/no", **weather)  # noqa: S106  as it says
    found = table(said)
    assert (code, [name for name, (works, _) in found.items() if works]) == (1, ["Home Assistant", "settings", "API"])
    assert "long-lived access token" in found["token"][1]
    assert "DATA_DIR" in found["database"][1]
    assert "s3cret" not in said
    code, said = command(tmp_path, "check", HA_URL=dead, HA_TOKEN="t")  # noqa: S106  as it says
    untried = "not tried: first Home Assistant has to answer"
    assert (code, table(said)["Home Assistant"][0], table(said)["token"][1]) == (1, False, untried)


def test_check_tries_influxdb_and_its_bucket(home: SimHome, tmp_path: Path) -> None:
    with influxdb2() as double:
        double.make_bucket("events")
        settings = {"INFLUXDB_URL": double.url, "INFLUXDB_ORG": ORG, "INFLUXDB_BUCKET": "events"}
        settings |= {"HA_URL": home.url, "HA_TOKEN": home.token}
        results = [command(tmp_path, "check", INFLUXDB_TOKEN=token, **settings) for token in (ROOT, "nobody-s-token")]
    found = [(code, table(said)["database"][0], table(said)["bucket"][0]) for code, said in results]
    assert found == [(0, True, True), (1, True, False)]
    assert [measurement for measurement, _, _ in double.buckets["events"].points] == ["ingestor_check"]


def test_a_home_that_is_away_is_tried_again_and_nothing_breaks(tmp_path: Path) -> None:
    away = SimHome()
    away.server.port = free_port()
    service = Ingestor(tmp_path / "data", HA_URL=away.url, HA_TOKEN=away.token)
    service.start()
    try:
        wait_until(lambda: service.log.count("ConnectFailed") >= 3, "it tries again", 15)
        assert service.get("/health")["status"] == "unhealthy"
        away.start()
        service.wait_for("it connects by itself", connection_status__connected=True, problems={})
    finally:
        code = service.stop()
        away.stop()
    assert (code, "Traceback" in service.log) == (0, False)


def test_a_signal_in_full_flow_stores_everything_received(tmp_path: Path) -> None:
    flowing = SimHome()
    flowing.start()
    service = Ingestor(tmp_path / "data", HA_URL=flowing.url, HA_TOKEN=flowing.token)
    service.start()
    try:
        service.wait_connected()
        flowing.run(count=4000, rate=4000)
        code = service.stop(signal.SIGTERM)
        truth = expected(flowing.truth())
    finally:
        flowing.stop()
    found = compare(truth, service.query("SELECT * FROM home_assistant_events"))
    assert (code, found["missing"], found["extra"], found["doubled"], found["different"]) == (0, 0, 0, 0, 0)


def test_what_the_database_never_took_waits_in_the_spool(home: SimHome, tmp_path: Path) -> None:
    service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token, **AWAY)
    snapshot = len(home.server.home.states)
    service.start()
    service.wait_connected()
    home.run(count=50, rate=1000)
    assert service.stop() == 0
    with closing(sqlite3.connect(tmp_path / "data" / "spool.sqlite3")) as connection:
        assert connection.execute("SELECT sum(events) FROM batches").fetchone() == (snapshot + 50,)


def test_a_full_spool_pauses_the_home_until_the_database_is_back(home: SimHome, tmp_path: Path) -> None:
    with influxdb2() as double:
        double.fault = lambda _: Answer(503, "unavailable", "later")
        influxdb = {"INFLUXDB_URL": double.url, "INFLUXDB_TOKEN": ROOT, "INFLUXDB_ORG": ORG}
        service = Ingestor(
            tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token, SPOOL_MAX_BYTES=str(2**20), **influxdb
        )
        service.start()
        service.wait_connected()
        began_ns = time.time_ns()
        while not home_is_left_alone(service):
            home.run(count=4000, rate=8000)
        assert "SPOOL_MAX_BYTES" in service.get("/health")["problems"]["websocket_client"]
        double.fault = None
        service.wait_for("the home is back", seconds=60, connection_status__connected=True)
        home.run(count=100, rate=1000)
        wait_until(lambda: exposed(service, 'ingestor_gaps{state="filled"}') > 0, "what it missed is refilled")
        wait_until(lambda: exposed(service, "ingestor_pending_events") == 0, "everything is written")
        assert service.stop() == 0
        [bucket] = double.buckets.values()
        stored = events_in(bucket)
        made = [at for _, at in expected(home.truth()) if at >= began_ns]
        assert sorted(at for at in stored if at >= began_ns) == sorted(made)
        assert len(made) > 4000


def events_in(bucket: Bucket) -> list[int]:
    """Return the times of the stored events."""
    return [at for measurement, _, at in bucket.points if measurement == "home_assistant_events"]


def exposed(service: Ingestor, sample: str) -> float:
    [line] = [line for line in service.text("/metrics").splitlines() if line.startswith(f"{sample} ")]
    return float(line.split()[-1])


def home_is_left_alone(service: Ingestor) -> bool:
    said = service.get("/health")["problems"].get("websocket_client", "")
    return str(said).startswith("paused")


def test_what_the_database_refuses_is_listed_shown_replayed_and_dropped(home: SimHome, tmp_path: Path) -> None:
    with influxdb2() as double:
        bucket = double.make_bucket("home_assistant")
        bucket.write(parse('home_assistant_events value="another program writes text here"', "ns"))
        influxdb = {"INFLUXDB_URL": double.url, "INFLUXDB_TOKEN": ROOT, "INFLUXDB_ORG": ORG}
        settings = {"HA_URL": home.url, "HA_TOKEN": home.token, "DATA_DIR": str(tmp_path / "data"), **influxdb}
        service = Ingestor(tmp_path / "data", **settings)
        service.start()
        service.wait_connected()
        home.run(count=60, rate=1000)
        wait_until(lambda: exposed(service, "ingestor_quarantine_records") > 10, "numbers are refused")
        wait_until(lambda: exposed(service, "ingestor_pending_events") == 0, "the others are stored")
        _, listed = command(tmp_path, "quarantine", "list", **settings)
        assert "field_conflict" in listed
        code, shown = command(tmp_path, "quarantine", "show", "1", **settings)
        assert (code, "does another program write it?" in json.loads(shown)["message"]) == (0, True)
        assert command(tmp_path, "quarantine", "drop", "1", **settings) == (0, "dropped: 1\n")
        code, said = command(tmp_path, "quarantine", "replay", "all", **settings)
        assert (code, said.splitlines()[0]) == (1, "replayed: 0")
        assert all(": refused again, as " in line for line in said.splitlines()[1:])
        bucket.points.clear()
        bucket._kinds.clear()
        code, said = command(tmp_path, "quarantine", "replay", "all", **settings)
        replayed = int(said.removeprefix("replayed: "))
        wait_until(lambda: len(events_in(bucket)) == replayed > 10, "what was replayed is stored")
        assert service.stop() == 0
        assert command(tmp_path, "quarantine", "list", **settings) == (0, "the quarantine is empty\n")
        code, said = command(tmp_path, "quarantine", "drop", "x", **settings)
        assert (code, said) == (2, "ingestor: give ids as numbers, or `all`\n")


def test_what_is_quarantined_is_exposed_again_after_a_restart(home: SimHome, tmp_path: Path) -> None:
    with influxdb2() as double:
        bucket = double.make_bucket("home_assistant")
        bucket.write(parse('home_assistant_events value="another program writes text here"', "ns"))
        influxdb = {"INFLUXDB_URL": double.url, "INFLUXDB_TOKEN": ROOT, "INFLUXDB_ORG": ORG}
        service = Ingestor(tmp_path / "data", HA_URL=home.url, HA_TOKEN=home.token, **influxdb)
        service.start()
        service.wait_connected()
        home.run(count=60, rate=1000)
        wait_until(lambda: exposed(service, "ingestor_quarantine_records") > 10, "numbers are refused")
        wait_until(lambda: exposed(service, "ingestor_pending_events") == 0, "the others are stored")
        held = exposed(service, "ingestor_quarantine_records")
        assert service.stop() == 0
        double.fault = lambda _: Answer(503, "unavailable", "so that nothing more is refused")
        service.start()
        service.wait_connected()
        wait_until(lambda: exposed(service, "ingestor_quarantine_records") == held, "it is exposed again", 10)
        assert service.stop() == 0
