"""`ingestor check` tries what a run needs, and tells each thing that would keep one from its work, and no other."""

from __future__ import annotations

import json
import socket
from argparse import Namespace
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trio

from ingestor.assembly.files import state_database
from ingestor.assembly.lock import locked
from ingestor.assembly.run import Exit
from ingestor.commands import check
from ingestor.commands.checks import machine, visit
from ingestor.config import Settings, load
from ingestor.homeassistant import endpoint
from ingestor.simulator.server import SimulatedServer
from ingestor.simulator.weather import serve_weather
from ingestor.storage.settings import SettingsStore
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.store import Finding
from tests.actors.homes import TOKEN, listening, serving, simulated

EVERYTHING = [*check.OF_A_HOME, *check.OF_THIS_MACHINE]
LOGIN = ["token", "entities", "recorder", "clock"]
"""What cannot be tried where nobody comes in."""


@asynccontextmanager
async def settled(directory: Path, **given: Any) -> AsyncGenerator[tuple[SimulatedServer, Settings]]:
    """Hold a home with a past, the weather there, and settings that work, but for those that are given."""
    server = simulated()
    async with serving(server) as nursery:
        server.make_changes(200)
        weather = {
            "weather_provider": "openweathermap",
            "weather_api_key": "key",
            "weather_base_url": await nursery.start(serve_weather),
        }
        fixed = {"_env_file": None, "ha_url": server.url, "ha_token": TOKEN, "data_dir": directory, "api_port": 0}
        yield server, load(**(fixed | weather | given))


def words(found: list[Finding], *, works: bool) -> dict[str, str]:
    """Return what was told of what fails, or only warns."""
    return {one.subject: f"{one.detail} | {one.hint}" for one in found if one.hint and one.works is works}


def contents(directory: Path) -> list[Path]:
    return list(directory.rglob("*"))


async def test_all_is_well_and_nothing_is_left_behind(tmp_path: Path) -> None:
    async with settled(tmp_path / "data") as (server, settings):
        found = await check.find(settings)
        assert [(one.subject, one.works, one.hint) for one in found] == [(name, True, "") for name in EVERYTHING]
        told = {one.subject: one.detail for one in found}
        kept = len(server.home.states)
        assert told["entities"] == f"{kept} of {kept} are stored"
        assert told["weather"].endswith("°C at 52,5")
    assert contents(tmp_path) == []


Home = Callable[[SimulatedServer], object]


class Case(NamedTuple):
    """What is done to a home that works, or set; and what is told of it, in words of the detail and of the hint."""

    subject: str
    words: tuple[str, ...]
    home: Home = lambda _server: None
    given: dict[str, Any] = {}  # noqa: RUF012  never changed
    more: tuple[str, ...] = ()
    """What fails with it."""


def which(**values: object) -> Home:
    """Return what makes a home one that has these attributes."""
    return lambda server: server.home.__dict__.update(values)


def whose_recorder(**values: object) -> Home:
    """Return what makes its recorder one that has these attributes."""
    return lambda server: server.home.recorder.__dict__.update(values)


FAILURES = {
    "nobody there": Case(
        "Home Assistant", ("no connection", "does Home Assistant run"), given={"ha_url": "http://127.0.0.1:9"},
        more=(*LOGIN, "weather"),
    ),
    "wrong token": Case(
        "token", ("refused HA_TOKEN", "long-lived access token"), given={"ha_token": "x"}, more=(*LOGIN, "weather"),
    ),
    "nothing is included": Case(
        "entities", ("none of ", "INCLUDE: sensor.nothing_* matches none"), given={"include": "sensor.nothing_*"},
    ),
    "everything is excluded": Case("entities", ("none of ", "EXCLUDE"), given={"exclude": "*"}),
    "no recorder": Case(
        "recorder", ("unknown_command", "are `recorder` and `history` loaded"),
        whose_recorder(refusal="unknown_command"), more=("clock",),
    ),
    "a recorder that may not be asked": Case(
        "recorder", ("unauthorized", "token of an administrator"),
        whose_recorder(refusal="unauthorized"), more=("clock",),
    ),
    "a recorder that came to grief": Case(
        "recorder", ("does not record", "the log of Home Assistant"), whose_recorder(running=False),
    ),
    "Home Assistant starts up": Case(
        "recorder", ("is starting up", "a few minutes"), which(running=False), more=("clock",),
    ),
    "Home Assistant is in recovery mode": Case(
        "recorder", ("its configuration cannot be used", "restart it"), which(recovery_mode=True), more=("clock",),
    ),
    "a place that was never set": Case(
        "weather", ("does not know where it is", "set WEATHER_LOCATION"), which(place=(0, 0)),
    ),
    "no place": Case("weather", ("does not know where it is",), which(place=(None, None))),
    "no weather": Case(
        "weather", ("no answer from OpenWeatherMap", "without weather"),
        given={"weather_base_url": "http://127.0.0.1:9"},
    ),
    "a file for a directory": Case(
        "DATA_DIR", ("is a file", "must be a directory"), given={"data_dir": Path(__file__)}, more=("database",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
async def test_what_would_keep_a_run_from_its_work_fails_alone(case: str, tmp_path: Path) -> None:
    subject, said, change, given, more = FAILURES[case]
    async with settled(tmp_path, **given) as (server, settings):
        change(server)
        found = await check.find(settings)
        failed = {one.subject: one for one in found if not one.works}
        assert list(failed) == [name for name in EVERYTHING if name in {subject, *more}]
        for part in said:
            assert part in f"{failed[subject].detail} | {failed[subject].hint}"
        for name in {*more, subject} & {*LOGIN}:
            assert (name == subject) is ("not tried: first" not in failed[name].detail)
        assert await check.check(settings, Namespace(json=True)) == Exit.FAILED


WARNINGS = {
    "a glob without a match": Case(
        "entities", ("are stored", "INCLUDE: light.attic_* matches none of the home's"),
        given={"include": "sensor.*,light.attic_*", "exclude": "sensor.no"},
    ),
    "an old Home Assistant": Case("Home Assistant", ("2024.2.5 at", "2024.3 is the old"), which(version="2024.2.5")),
    "a new Home Assistant": Case("Home Assistant", ("2026.11 is the newest",), which(version="2026.12.0b1")),
    "a clock behind": Case("clock", ("60 s behind", "NTP"), lambda server: server.home.step_clock(-60)),
    "a clock ahead": Case("clock", ("60 s ahead of", "NTP"), lambda server: server.home.step_clock(60)),
}  # fmt: skip


@pytest.mark.parametrize("case", WARNINGS)
async def test_what_should_be_known_is_a_warning_and_no_failure(case: str, tmp_path: Path) -> None:
    subject, said, change, given, _ = WARNINGS[case]
    async with settled(tmp_path, **given) as (server, settings):
        change(server)
        found = await check.find(settings)
        assert (list(words(found, works=True)), words(found, works=False)) == ([subject], {})
        for part in said:
            assert part in words(found, works=True)[subject]
        assert await check.check(settings, Namespace(json=True)) == Exit.DONE


@pytest.mark.parametrize("version", ["2024.3.0", "2025.4.4", "2026.11.2", "2026.2.0.dev20260101", "built here"])
async def test_a_version_that_is_known_is_no_reason_to_warn(version: str, tmp_path: Path) -> None:
    async with settled(tmp_path) as (server, settings):
        server.home.version = version
        assert words(await check.find(settings), works=True) == {}


async def test_a_clock_that_is_a_little_off_is_right(tmp_path: Path) -> None:
    async with settled(tmp_path) as (server, settings):
        server.home.step_clock(3)
        assert words(await check.find(settings), works=True) == {}


async def test_a_place_of_the_users_own_is_asked_for_the_weather_whatever_the_home_says(tmp_path: Path) -> None:
    async with settled(tmp_path, weather_location="48,11") as (server, settings):
        server.home.place = None, None
        found = {one.subject: one for one in await check.find(settings)}
        assert (found["weather"].works, found["weather"].detail[-8:]) == (True, "at 48,11")


async def test_names_that_may_be_meant_for_us_are_told(tmp_path: Path) -> None:
    async with settled(tmp_path) as (_, settings):
        settings.warnings.append("INCLUD: is no setting; is INCLUDE meant?")
        told = words(await check.find(settings), works=True)
        assert told["settings"].startswith("INCLUD: is no setting; is INCLUDE meant? | ")


@pytest.mark.parametrize(("days", "kept"), [(30, "7 days"), (90, "90 days")])
async def test_the_retention_is_that_of_a_run_which_an_earlier_change_may_rule(
    days: int, kept: str, tmp_path: Path
) -> None:
    async with settled(tmp_path, retention_days=30) as (_, settings):
        state = state_database(settings, lambda _fact: None)
        await SettingsStore(settings, state, print).change({"retention_days": 7})
        await state.aclose()
        async with aclosing(SQLiteStore(tmp_path, 7)) as store:
            await store.prepare()
        told = {one.subject: one for one in await check.find(settings.model_copy(update={"retention_days": days}))}
    assert told["database"].detail.endswith(f"; it keeps {kept}")
    is_changed = "RETENTION_DAYS is as it was changed through the API" in told["settings"].detail
    assert (is_changed, told["settings"].hint) == (days == 30, "")


async def test_little_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "LEAST_FREE_BYTES", 2**62)  # no disk has it
    async with settled(tmp_path) as (_, settings):
        assert "make room" in words(await check.find(settings), works=True)["DATA_DIR"]


@contextmanager
def taken() -> Generator[int]:
    """Hold a port that a program listens on."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        yield other.getsockname()[1]


@contextmanager
def serves(data_dir: Path, port: int) -> Generator[None]:
    """Stand for a service that has the data directory, and says that it listens there."""
    with locked(data_dir) as tell:
        tell(f"http://127.0.0.1:{port}")
        yield


@pytest.mark.parametrize("is_ours", [True, False])
async def test_a_port_is_free_or_ours_or_is_told(tmp_path: Path, *, is_ours: bool) -> None:
    with taken() as port:
        running: AbstractContextManager[None] = serves(tmp_path, port) if is_ours else nullcontext()
        async with settled(tmp_path, api_port=port) as (_, settings):
            with running:
                found = {one.subject: one for one in await check.find(settings)}
        said = "where the service runs now" if is_ours else "another program uses it: set another API_PORT"
        assert (found["API"].works, said in found["API"].detail) == (is_ours, True)
        assert [name for name, one in found.items() if not one.works] == ([] if is_ours else ["API"])


async def test_what_does_not_answer_is_told_at_once_and_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoint, "CLOSE_SECONDS", 0.1)
    monkeypatch.setattr(visit, "LOGIN_SECONDS", 0.2)
    monkeypatch.setattr(check, "SECONDS", 1.0)

    async def listen(_stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with listening(listen) as silent:
        influxdb = {"influxdb_url": silent, "influxdb_token": "t", "influxdb_org": "o"}
        given = {"weather_base_url": silent, "weather_location": "48,11", **influxdb}
        async with settled(tmp_path, **given) as (server, settings):
            server.mute = True
            found = {one.subject: one for one in await check.find(settings)}
    for subject in ("Home Assistant", "weather", "database"):
        assert (found[subject].works, " within " in found[subject].detail) == (False, True)
    assert not any(found[subject].works for subject in LOGIN)


async def test_no_secret_is_printed_and_a_table_or_json_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with settled(tmp_path, ha_token="s3cret-token") as (_, settings):  # noqa: S106  as it says
        await check.check(settings, Namespace(json=True))
        found = json.loads(capsys.readouterr().out)
        assert [set(one) for one in found] == [{"subject", "works", "detail", "hint"}] * len(EVERYTHING)
        await check.check(settings, Namespace(json=False))
        said = capsys.readouterr().out
        assert said.splitlines()[1].split() == ["ok", "Home", "Assistant", "answers", "at", settings.ha_url]
        assert "FAILS  token" in said
        assert "s3cret" not in said
