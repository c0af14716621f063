"""`ingestor check` tells what is so on a real Home Assistant: what its answers look like is not for us to say."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.clock import SteppedClock
from tests.servers.commands import command
from tests.servers.home_assistant import RealHome
from tests.servers.simulated_weather import SimWeather

pytestmark = pytest.mark.real

OFF_SECONDS = 60


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Generator[RealHome]:
    started = RealHome(tmp_path_factory.mktemp("home"))
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def weather() -> Generator[SimWeather]:
    started = SimWeather()
    started.start()
    yield started
    started.stop()


def found(home: RealHome, directory: Path, **settings: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the exit code of `check`, and its findings by their subject."""
    code, said = command(directory, "check", "--json", HA_URL=home.url, HA_TOKEN=home.token, **settings)
    return code, {one["subject"]: one for one in json.loads(said)}


def failures(told: dict[str, dict[str, Any]]) -> list[str]:
    return [subject for subject, one in told.items() if not one["works"]]


def test_all_is_well_and_told_as_it_is(home: RealHome, weather: SimWeather, tmp_path: Path) -> None:
    code, told = found(home, tmp_path, INCLUDE="sun.*,light.nowhere", **weather.settings)
    assert (code, failures(told)) == (0, [])
    warned = {subject: one["hint"] for subject, one in told.items() if one["hint"]}
    assert warned["entities"].startswith("INCLUDE: light.nowhere matches none of the home's ")
    assert warned.keys() == {"entities"}
    assert told["entities"]["detail"].startswith("1 of ")
    assert told["recorder"]["detail"] == "records, and may be asked"
    assert told["clock"]["detail"] == "agrees with this machine's"
    assert told["weather"]["detail"].endswith(" at 52,5")


def test_a_place_that_nobody_has_set_is_told(home: RealHome, weather: SimWeather, tmp_path: Path) -> None:
    home.call("homeassistant", "set_location", latitude=0, longitude=0)
    try:
        code, told = found(home, tmp_path, **weather.settings)
    finally:
        home.call("homeassistant", "set_location", latitude=52.0, longitude=5.0)
    assert (code, failures(told)) == (1, ["weather"])
    assert "does not know where it is" in told["weather"]["detail"]


def test_a_clock_that_differs_is_told(home: RealHome, tmp_path: Path) -> None:
    clock = SteppedClock(tmp_path / "clock")
    clock.step(OFF_SECONDS)
    code, told = found(home, tmp_path, **clock.environment)
    assert (code, told["clock"]["detail"]) == (0, f"{OFF_SECONDS} s behind this machine's")
