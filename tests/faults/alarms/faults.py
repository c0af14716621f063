"""The faults, each with the alerts that have to be told of it: all of them are made for real."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from random import Random

from ingestor.simulator.weather import openweathermap
from tests.faults.alarms import surroundings
from tests.faults.alarms.fault import LOAD, MAY, NOTHING, Fault, Stages, Told
from tests.faults.alarms.watch import ITSELF
from tests.faults.committed import SPOOL
from tests.faults.proxy import Proxy
from tests.faults.replies import Reply
from tests.faults.situation import CONNECTED_SECONDS, Needs, Situation
from tests.faults.store_rows import CONFLICT, EVENTS, LARGE, LARGE_BYTES
from tests.servers.home_assistant import RealHome
from tests.servers.home_socket import asked
from tests.servers.processes import wait_until
from tests.servers.simulated_weather import SimWeather

BETWEEN_KILLS_SECONDS = 4.5
OLD_WEATHER_SECONDS = 1000  # of the three hours, which are 1,080 s here
DISK_PACE_BYTES = 300_000  # a second, of 64 MiB
NEARLY_FULL = 0.04
OFTEN = 500  # changes a second; ten times as many as of a home where it takes ten times as long
BACKLOG_PACE = 60  # events a second
QUIET_SECONDS = 60.0
YOUNG: Told = {"CapturedTooLittle": MAY, "CapturedTooLittleSlowly": MAY}
"""What a missed second is much of: the hour and the day of a service that is minutes old."""
RECORDER, HISTORY = "recorder:\n", "history:\n"


def _away(s: Situation) -> None:
    """Stop the database."""
    assert s.store
    assert s.front
    s.front.refuse()
    s.store.stop()


def _back(s: Situation) -> None:
    assert s.store
    assert s.front
    s.store.start()
    s.front.accept()


def _real(s: Situation) -> RealHome:
    assert isinstance(s.home, RealHome)
    return s.home


def database_stopped(s: Situation) -> Stages:
    _away(s)
    yield {"DatabaseDown": "does not answer"}
    _back(s)


def database_refuses_the_token(s: Situation) -> Stages:
    assert s.store
    s.store.revoke()
    yield {"DatabaseDown": "The token is refused"}
    s.store.grant()  # which is tried again every minute


def home_stopped(s: Situation) -> Stages:
    s.link.refuse()
    _real(s).stop()
    yield {"HomeAssistantDisconnected": "does not answer"}
    _real(s).start()
    s.link.accept()
    s.service.wait_connected(CONNECTED_SECONDS)


def home_frozen(s: Situation) -> Stages:
    _real(s).freeze()
    yield {"HomeAssistantDisconnected": "does not answer"}
    _real(s).thaw()
    s.service.wait_connected(2 * CONNECTED_SECONDS)


def token_revoked(s: Situation) -> Stages:
    file = s.data_dir.parent / "token"
    file.write_text(asked(_real(s), "auth/long_lived_access_token", client_name="to be revoked", lifespan=1))
    s.service.change({"HA_TOKEN": "", "HA_TOKEN_FILE": str(file)})
    s.service.start()
    s.service.wait_connected(CONNECTED_SECONDS)
    time.sleep(QUIET_SECONDS / 4)
    tokens = asked(_real(s), "auth/refresh_tokens")
    [made] = [one["id"] for one in tokens if one["client_name"] == "to be revoked"]
    asked(_real(s), "auth/delete_refresh_token", refresh_token_id=made)
    yield {"CredentialsRefused": "refuses the token"}
    file.write_text(_real(s).token)
    s.service.wait_connected(CONNECTED_SECONDS)


def token_wrong_from_the_start(s: Situation) -> Stages:
    file = s.data_dir.parent / "token"
    file.write_text("a-token-that-is-none")
    s.service.change({"HA_TOKEN": "", "HA_TOKEN_FILE": str(file)})
    s.service.start()
    yield {"CredentialsRefused": "refuses the token"}
    file.write_text(_real(s).token)
    s.service.wait_connected(CONNECTED_SECONDS)


def killed(s: Situation) -> Stages:
    s.kill()
    yield {"IngestorDown": ""}
    s.start()


@contextmanager
def _killed_again_and_again(s: Situation) -> Generator[None]:
    ending = threading.Event()

    def loop() -> None:
        while not ending.wait(BETWEEN_KILLS_SECONDS):
            s.service.stop(signal.SIGKILL)
            s.service.start()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def crash_loop(s: Situation) -> Stages:
    with _killed_again_and_again(s):
        yield {"IngestorRestarts": ""}


def crash_loop_with_an_outage(s: Situation) -> Stages:
    with _killed_again_and_again(s):
        yield {"IngestorRestarts": ""}
        _away(s)
        yield {"IngestorRestarts": "", "DatabaseDown": "does not answer"}
        _back(s)
        yield {"IngestorRestarts": ""}


def everything_refused(s: Situation) -> Stages:
    assert s.front
    reply = Reply(422, CONFLICT)
    s.front.judge = lambda request: reply if request.writes and EVENTS in request.body else None
    yield {"RecordsQuarantined": ""}
    yield {"MostIsQuarantined": ""}
    s.front.clear()
    s.replay()


def disk_full(s: Situation) -> Stages:
    assert s.disk
    s.disk.fill()
    yield {"CommitsFail": "disk_full"}
    s.disk.free()


def dropped_at_the_end(s: Situation) -> Stages:
    assert s.disk
    s.disk.fill()
    wait_until(lambda: "spool" in (s.service.get("/health") or {}).get("codes", {}), "the disk takes nothing", 30)
    time.sleep(2)
    assert s.service.stop() == 1
    s.disk.free()
    s.service.start()
    yield {"RecordsLost": "shutdown", "CommitsFail": MAY}
    s.service.command("losses", "acknowledge").check_returncode()


def files_deleted(s: Situation) -> Stages:
    s.service.stop()
    for file in (*s.data_dir.glob("spool.sqlite3*"), *s.data_dir.glob("state.sqlite3*")):
        file.unlink()
    s.service.start()
    yield {"LossNoticed": "spool_lost"}


@contextmanager
def weather_answers(s: Situation, reply: Reply, **more: str) -> Generator[Proxy]:
    """Start the service on a weather provider that gives every question this reply."""
    provider = SimWeather()
    provider.start()
    front = Proxy(int(provider.settings["WEATHER_BASE_URL"].rpartition(":")[2]), http=True)
    front.start()
    front.judge = lambda _request: reply
    try:
        s.service.change(provider.settings | {"WEATHER_BASE_URL": front.url, **more})
        s.service.start()
        yield front
    finally:
        front.stop()
        provider.stop()


def weather_key_refused(s: Situation) -> Stages:
    with weather_answers(s, Reply(401, '{"cod":401, "message": "Invalid API key."}')) as front:
        yield {"WeatherMissing": "key_refused"}
        front.clear()
        yield NOTHING


def excluded_more(s: Situation) -> Stages:
    s.service.change({"EXCLUDE": "sensor.*"})
    s.service.stop()
    s.service.start()
    yield NOTHING


def stopped_with_an_open_alert(s: Situation) -> Stages:
    _away(s)
    yield {"DatabaseDown": "does not answer"}
    s.service.stop()
    yield {"IngestorDown": ""}
    _back(s)
    s.service.start()


def spool_full(s: Situation) -> Stages:
    assert s.front
    s.front.refuse()
    with _swelling(s):
        yield {"DatabaseDown": "does not answer", "SpoolFullSoon": ""}
        yield {"DatabaseDown": "does not answer", "SpoolFullSoon": "", "SpoolFilling": ""}
        yield {"DatabaseDown": "does not answer", "HomePaused": "spool_full"}
    s.front.accept()


@contextmanager
def _swelling(s: Situation) -> Generator[None]:
    """Let the home make large changes meanwhile."""
    numbers, ending, random = count(), threading.Event(), Random(1)

    def swell() -> None:
        while not ending.wait(0.25):
            s.home.put(LARGE, str(next(numbers)), text=random.randbytes(LARGE_BYTES // 2).hex())

    thread = threading.Thread(target=swell)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def spool_damaged(s: Situation) -> Stages:
    assert s.front
    s.front.refuse()
    time.sleep(5)
    s.kill()
    _zero_a_batch(s.data_dir / SPOOL)
    s.front.accept()
    s.start()
    yield {"RecordsLost": "spool_damaged"}
    s.service.command("losses", "acknowledge").check_returncode()


def _zero_a_batch(spool: Path) -> None:
    """Let the file have zeros where the first of its batches was, as after a torn write."""
    with closing(sqlite3.connect(spool)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        [(body,)] = connection.execute("SELECT substr(body, 1, 100) FROM batches ORDER BY id LIMIT 1")
    spool.write_bytes(spool.read_bytes().replace(body, bytes(len(body))))


def recorder_disabled(s: Situation) -> Stages:
    s.home.call("recorder", "disable")
    _missed(s)
    s.service.wait_connected(CONNECTED_SECONDS)
    s.home.call("recorder", "enable")
    yield {"ChangesListed": "", **YOUNG}


def recorder_disabled_for_longer(s: Situation) -> Stages:
    s.home.call("recorder", "disable")
    _missed(s, seconds=4)
    s.service.wait_connected(CONNECTED_SECONDS)
    s.home.call("recorder", "enable")
    yield {"ChangesListed": "", **YOUNG}
    yield {"ChangesListed": "", **YOUNG, "CapturedTooLittle": ""}


def selects_nothing(s: Situation) -> Stages:
    s.service.change({"INCLUDE": "sensor.of_nobody"})
    s.service.start()
    yield {"IngestorSelectsNothing": ""}
    s.service.change({"INCLUDE": ""})
    s.service.stop()
    s.service.start()


def actor_crashes(s: Situation) -> Stages:
    for _ in range(5):
        s.service.crash("writer", s.random)
        time.sleep(4)
    yield {"ActorKeepsCrashing": "writer"}


def history_not_loaded(s: Situation) -> Stages:
    _missed(s)
    yield {"RecorderRefuses": "unknown_command"}
    _configured(s, HISTORY)


def recorder_gone(s: Situation) -> Stages:
    _missed(s)
    yield {"RecorderRefuses": ""}
    _configured(s, RECORDER + HISTORY)  # which holds nothing older
    yield {"ChangesListed": "", **YOUNG}


def _missed(s: Situation, seconds: float = 1) -> None:
    s.link.refuse()
    time.sleep(seconds)
    s.link.accept()


def _configured(s: Situation, lines: str) -> None:
    """Restart the home with more in its configuration."""
    home = _real(s)
    s.link.refuse()
    home.stop()
    with (home.directory / "configuration.yaml").open("a") as file:
        file.write(lines)
    home.start()
    s.link.accept()


def told_by_the_service_itself(s: Situation) -> Stages:
    _away(s)
    yield {"DatabaseDown": "does not answer"}
    yield {"DatabaseDown": "does not answer", f"{ITSELF}database": "no_answer"}
    _back(s)


def weather_falls_silent(s: Situation) -> Stages:
    observed = openweathermap(time.time()) | {"dt": int(time.time()) - OLD_WEATHER_SECONDS}
    with weather_answers(s, Reply(200, body=json.dumps(observed)), WEATHER_CACHE_MINUTES="1") as front:
        wait_until(lambda: s.service.log.count("WeatherUpdated") > 0, "the weather is there", CONNECTED_SECONDS)
        front.refuse()
        yield {"WeatherStale": "no_answer"}
        front.clear()
        front.accept()
        yield NOTHING


def home_silent(s: Situation) -> Stages:
    """Only the sun would move in a home without load."""
    [sun] = asked(_real(s), "config_entries/get", domain="sun")
    asked(_real(s), "config_entries/disable", entry_id=sun["entry_id"], disabled_by="user")
    yield {"HomeSilent": ""}
    s.home.put("sensor.again", "1")


def loses_one_without_a_word(s: Situation) -> Stages:
    s.service.lose()
    yield {"Unaccounted": ""}
    s.service.stop()
    s.service.start()


def disk_fills(s: Situation) -> Stages:
    assert s.disk
    disk, ending = s.disk, threading.Event()

    def fill() -> None:
        while disk.free_share > NEARLY_FULL and not ending.wait(0.25):
            disk.add(DISK_PACE_BYTES // 4)

    thread = threading.Thread(target=fill)
    thread.start()
    try:
        yield {"DiskFullIn4h": ""}
        yield {"DiskFullIn4h": "", "DiskNearlyFull": ""}
    finally:
        ending.set()
        thread.join()
    disk.free()


def database_slow(s: Situation) -> Stages:
    assert s.front
    s.front.to_server.delay_seconds = 4  # ten events in each write: half of what comes
    yield {"WrittenLate": "", "WrittenLateSlowly": MAY}
    yield {"DataIsStale": ""}
    s.front.clear()
    yield {"WrittenLate": MAY, "WrittenLateSlowly": MAY}
    yield {"WrittenLate": MAY, "WrittenLateSlowly": ""}  # of the half hour


def backlog_grows(s: Situation) -> Stages:
    """The database takes nearly what comes, so that what is stored is not old, and yet more and more waits."""
    assert s.front
    front, ending, began = s.front, threading.Event(), time.monotonic()
    front.to_server.delay_seconds = 0.1  # a hundred events in each write: no more than twice of what comes

    def brake() -> None:
        while not ending.wait(0.5):
            [waits] = re.findall(r"^ingestor_pending_events (\d+)", s.service.text("/metrics"), re.MULTILINE)
            front.to_server.stopped = int(waits) < BACKLOG_PACE * (time.monotonic() - began)

    thread = threading.Thread(target=brake)
    thread.start()
    try:
        yield {"WrittenLate": "", "WrittenLateSlowly": MAY}
        yield {"WrittenLate": "", "BacklogGrows": "", "WrittenLateSlowly": MAY}
    finally:
        ending.set()
        thread.join()
    front.clear()
    yield {"WrittenLate": MAY, "WrittenLateSlowly": MAY}


def connection_flaps(s: Situation) -> Stages:
    for _ in range(8):
        s.link.cut()
        s.service.wait_connected(CONNECTED_SECONDS)
        time.sleep(QUIET_SECONDS / 4)  # long enough for the next reconnection to be a first one
    yield {"ConnectionFlaps": ""}


def quarantine_full(s: Situation) -> Stages:
    assert s.front
    reply = Reply(422, CONFLICT)
    s.front.judge = lambda request: reply if request.writes and EVENTS in request.body else None
    with _swelling(s):
        yield {"RecordsQuarantined": ""}
        yield {"MostIsQuarantined": ""}
        yield {"MostIsQuarantined": "", "QuarantineFilling": ""}
        yield {"MostIsQuarantined": MAY, "RecordsQuarantined": MAY, "HomePaused": "quarantine_full"}
    s.front.clear()
    s.replay()


def never_audited(s: Situation) -> Stages:
    """Nothing was missed, so nobody else asks the recorder."""
    yield {"AuditOverdue": "13 hours"}
    _configured(s, HISTORY)  # which takes ten minutes, where a minute is a second
    s.service.wait_connected(CONNECTED_SECONDS)
    s.service.command("audit", "--from", "2026-01-01").check_returncode()
    yield {"AuditOverdue": MAY, "HomeAssistantDisconnected": MAY, **YOUNG}


def _spool(mebibytes: int) -> Needs:
    return Needs(settings={"SPOOL_MAX_BYTES": str(mebibytes * 2**20)})


_SMALL_DISK = Needs(small_data=True)
HOUR_SECONDS = 400.0
FAULTS = (
    Fault(
        name="recorder gone",
        act=recorder_gone,
        own_home=True,
        without=RECORDER + HISTORY,
        patience_seconds=HOUR_SECONDS,
        at_the_end=YOUNG,
    ),
    Fault(name="recorder refuses", act=history_not_loaded, own_home=True, without=HISTORY),
    Fault(
        name="recorder disabled, link cut",
        act=recorder_disabled,
        own_home=True,
        patience_seconds=HOUR_SECONDS,
        at_the_end=YOUNG,
    ),
    Fault(
        name="recorder disabled, link cut for longer",
        act=recorder_disabled_for_longer,
        own_home=True,
        patience_seconds=HOUR_SECONDS,
        at_the_end=YOUNG,
    ),
    Fault(name="spool and state deleted", act=files_deleted, patience_seconds=HOUR_SECONDS),
    Fault(name="damaged spool found at a start", act=spool_damaged, patience_seconds=HOUR_SECONDS),
    Fault(name="Home Assistant stopped", act=home_stopped, own_home=True),
    Fault(name="Home Assistant frozen", act=home_frozen, own_home=True),
    Fault(name="database stopped", act=database_stopped),
    Fault(name="database refuses the token", act=database_refuses_the_token),
    Fault(name="every event refused by the bucket", act=everything_refused),
    Fault(name="spool fills, then is full", act=spool_full, needs=_spool(1)),
    Fault(name="token revoked while running", act=token_revoked, from_the_start=True),
    Fault(name="first start with a wrong token", act=token_wrong_from_the_start, from_the_start=True),
    Fault(name="killed, and stays down", act=killed),
    Fault(name="killed again and again", act=crash_loop),
    Fault(name="killed again and again, database stopped", act=crash_loop_with_an_outage),
    Fault(name="stopped with an open alert", act=stopped_with_an_open_alert),
    Fault(name="one actor crashes again and again", act=actor_crashes),
    Fault(name="disk full", act=disk_full, needs=_SMALL_DISK, quiet_seconds=QUIET_SECONDS),
    Fault(name="SIGTERM with the disk full", act=dropped_at_the_end, needs=_SMALL_DISK),
    Fault(name="weather key refused", act=weather_key_refused, from_the_start=True),
    Fault(name="INCLUDE selects nothing", act=selects_nothing, from_the_start=True),
    Fault(name="only EXCLUDE changed", act=excluded_more, quiet_seconds=QUIET_SECONDS),
    Fault(
        name="database stopped, NOTIFY=home_assistant",
        act=told_by_the_service_itself,
        needs=Needs(settings={"NOTIFY": "home_assistant"}),
    ),
    Fault(name="weather service falls silent", act=weather_falls_silent, from_the_start=True, patience_seconds=200),
    Fault(
        name="home in which nothing changes",
        act=home_silent,
        own_home=True,
        load=None,
        patience_seconds=HOUR_SECONDS,
    ),
    Fault(name="an event lost without a word", act=loses_one_without_a_word),
    Fault(name="disk fills", act=disk_fills, needs=_SMALL_DISK, patience_seconds=300),
    Fault(
        name="database takes half of what comes",
        act=database_slow,
        needs=Needs(settings={"BATCH_MAX_EVENTS": "10"}),
        patience_seconds=HOUR_SECONDS,
    ),
    Fault(
        name="database takes nearly what comes",
        act=backlog_grows,
        own_home=True,
        load={**LOAD, "count": 60 * OFTEN, "rate": OFTEN},
        needs=Needs(settings={"BATCH_MAX_EVENTS": "100"}),
        patience_seconds=HOUR_SECONDS,
    ),
    Fault(name="connection cut again and again", act=connection_flaps, patience_seconds=300),
    Fault(name="quarantine fills, then is full", act=quarantine_full, needs=_spool(2)),
    Fault(
        name="recorder refuses for hours, and nothing is missed",
        act=never_audited,
        own_home=True,
        without=HISTORY,
        least_factor=60,
        patience_seconds=1000,
        at_the_end=YOUNG,
    ),
    Fault(name="InfluxDB stopped, then the service", befalls=surroundings.database_then_service_stopped),
    Fault(name="InfluxDB stopped, and scraped", befalls=surroundings.only_the_database_stopped),
    Fault(name="Alertmanager stopped", befalls=surroundings.alertmanager_stopped),
    Fault(name="one of two receivers refuses", befalls=surroundings.one_of_two_ways_refuses),
    Fault(name="rule of the user fails", befalls=surroundings.rule_of_the_user_breaks),
)
