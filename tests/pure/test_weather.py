"""What the weather is taken from, what it can be, what is known of it at a time, and how often it may be asked for."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.homeassistant.wire import State
from ingestor.model.errors import IngestorError, Unavailable
from ingestor.model.http import retry_after_seconds
from ingestor.model.instants import SECOND_NS
from ingestor.model.records import WeatherObservation
from ingestor.weather.bounds import check
from ingestor.weather.conditions import HOME_ASSISTANT, WMO
from ingestor.weather.entity import choose, read
from ingestor.weather.observed import REMEMBERED, Weather
from ingestor.weather.requests import DAY_SECONDS, Requests
from tests.servers.samples import SAMPLES

NOW = 1_795_421_000
NOW_NS = NOW * SECOND_NS


def sample(name: str, **changes: Any) -> State:
    """Return the state of a sampled weather entity, with some attributes changed."""
    state = json.loads((SAMPLES / "weather" / f"{name}.json").read_text())
    state["attributes"] |= changes
    return msgspec.convert(state | {"attributes": msgspec.Raw(json.dumps(state["attributes"]))}, State)


def named(entity_id: str, state: str = "sunny", **attributes: Any) -> State:
    """Return the state of a weather entity of that name."""
    return msgspec.structs.replace(
        sample("home_assistant"), entity_id=entity_id, state=state, attributes=msgspec.Raw(json.dumps(attributes))
    )


def observed(at: int = NOW, location: str = "52,5", **numbers: Any) -> WeatherObservation:
    """Return an observation."""
    return WeatherObservation(location=location, observed_at=at, **({"temperature": 7.0} | numbers))


def test_homes_of_either_system_of_units_end_in_degrees_celsius_and_hectopascal() -> None:
    assert read(sample("home_assistant"), "52.52,13.42") == WeatherObservation(
        location="52.52,13.42",
        temperature=6.4,
        humidity=91,
        pressure=1011.2,
        condition="moderate rain",
        observed_at=1_795_364_467,
    )
    imperial = read(sample("home_assistant_imperial"), None)
    assert (imperial.location, imperial.temperature, imperial.humidity, imperial.pressure, imperial.condition) == (
        "weather.home",
        6.39,
        91,
        1011.18,
        "scattered clouds",
    )


@pytest.mark.parametrize(
    ("attributes", "numbers"),
    [
        ({"pressure": 758.4, "pressure_unit": "mmHg"}, (6.4, 1011.12)),
        ({"pressure": 14.66, "pressure_unit": "psi"}, (6.4, 1010.77)),
        ({"pressure": 101.12, "pressure_unit": "kPa"}, (6.4, 1011.2)),
        ({"temperature": 279.55, "temperature_unit": "K"}, (6.4, 1011.2)),
        ({"temperature": "6.4", "pressure": None}, (6.4, None)),
        ({"temperature": None}, (None, 1011.2)),
    ],
)
def test_every_unit_that_home_assistant_shows_weather_in_is_converted(
    attributes: dict[str, Any], numbers: tuple[float | None, float | None]
) -> None:
    seen = read(sample("home_assistant", **attributes), None)
    assert (seen.temperature, seen.pressure) == numbers


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (named("weather.home", "unavailable"), "no_answer"),
        (named("weather.home", "unknown"), "no_answer"),
        (named("weather.home", temperature="warm"), "protocol"),
    ],
)
def test_an_entity_without_weather_is_told(state: State, code: str) -> None:
    with pytest.raises(IngestorError, match=r"weather\.home") as raised:
        read(state, None)
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("ids", "wanted", "before", "chosen"),
    [
        (["weather.a", "weather.forecast_home", "weather.home"], None, None, "weather.home"),
        (["weather.a", "weather.forecast_home"], None, None, "weather.forecast_home"),
        (["weather.b", "weather.a"], None, None, "weather.a"),
        (["weather.cold_a", "weather.b"], None, None, "weather.b"),
        (["weather.cold_b", "weather.cold_a"], None, None, "weather.cold_a"),
        (["weather.home", "weather.b"], None, "weather.b", "weather.b"),
        (["weather.home"], None, "weather.b", "weather.home"),
        (["weather.home", "weather.b"], "weather.b", "weather.home", "weather.b"),
        (["weather.home"], "weather.b", None, None),
        ([], None, None, None),
    ],
)
def test_which_entity_is_read(ids: list[str], wanted: str | None, before: str | None, chosen: str | None) -> None:
    states = {of: named(of, temperature=None if "cold" in of else 1) for of in ids}
    found = choose(states, wanted, before)
    assert (found and found.entity_id) == chosen


def test_all_providers_speak_of_the_condition_in_one_vocabulary() -> None:
    fine = {*WMO.values()}
    own = {"hail", "windy", "exceptional", "rain and snow", "thunderstorm with rain"}
    assert {*HOME_ASSISTANT.values()} - fine == own


@pytest.mark.parametrize(
    ("observation", "words"),
    [
        (observed(temperature=999_999.0), "its temperature is 999999 °C"),
        (observed(temperature=float("nan")), "its temperature is nan °C"),
        (observed(pressure=-5.0), "its pressure is -5 hPa"),
        (observed(humidity=4000.0), "its humidity is 4000 %"),
        (observed(NOW - 3 * DAY_SECONDS), "it is 72.0 hours old"),
        (observed(NOW + 3 * DAY_SECONDS), "it is 72.0 hours ahead"),
        (observed(temperature=None), "it has neither temperature"),
    ],
)
def test_what_cannot_be_is_refused_with_a_word(observation: WeatherObservation, words: str) -> None:
    with pytest.raises(Unavailable, match=words) as raised:
        check(observation, NOW)
    assert raised.value.code == "implausible"


def test_what_the_earth_has_seen_is_taken() -> None:
    for temperature, pressure in ((-89.2, 1085.7), (56.7, 870.0), (-20.0, 540.0)):
        check(observed(temperature=temperature, pressure=pressure, humidity=100.0), NOW)
    check(observed(NOW - 9000), NOW)
    check(observed(NOW + 9000), NOW)


def test_a_time_has_the_last_weather_before_it_unless_that_is_too_old() -> None:
    weather = Weather("home", None, 15)
    weather.recollect([observed(NOW + 1800), observed(NOW)], NOW + 2000)
    weather.take(observed(NOW + 3600))
    found = {
        after: weather.at((NOW + after) * SECOND_NS) for after in (-1, 0, 1799, 1800, 3600 + 10_800, 3600 + 10_801)
    }
    assert {after: one and one.observed_at - NOW for after, one in found.items()} == {
        -1: None,
        0: 0,
        1799: 0,
        1800: 1800,
        14_400: 3600,
        14_401: None,
    }


@pytest.mark.parametrize(
    ("location", "age", "is_current"),
    [(None, 60, True), ("52,5", 60, True), ("1,2", 60, False), (None, 4 * 3600, False), (None, -60, True)],
)
def test_what_was_remembered_is_the_weather_while_it_is_recent_and_of_here(
    location: str | None, age: int, *, is_current: bool
) -> None:
    weather = Weather("home", location, 15)
    weather.recollect([observed(NOW - 7200), observed(NOW)], NOW + age)
    assert (weather.current is not None) is is_current


def test_what_is_remembered_is_bounded() -> None:
    weather = Weather("home", None, 15)
    for number in range(REMEMBERED + 5):
        weather.take(observed(NOW + number * 900))
    assert weather.at((NOW + 4 * 900) * SECOND_NS) is None
    assert weather.at((NOW + 5 * 900) * SECOND_NS) is not None


def test_a_place_is_asked_once_per_cache_time_and_another_at_once() -> None:
    asked = Requests(provider="sky").asking("52,5", 1000, NOW_NS)
    waits = {after: asked.wait_seconds("52,5", 900, NOW_NS + after * SECOND_NS) for after in (0, 800, 900, -10_000)}
    assert waits == {0: 900, 800: 100, 900: 0, -10_000: 900}
    assert asked.wait_seconds("1,2", 900, NOW_NS) == 1
    assert Requests(provider="sky").wait_seconds("52,5", 900, NOW_NS) <= 0


@given(st.integers(0, 10**6), st.integers(-(10**10), 10**10))
def test_no_clock_makes_a_service_wait_for_more_than_a_day(pause: int, moved: int) -> None:
    failed = Requests(provider="sky").asking("52,5", 1000, NOW_NS).after_failure(pause, NOW_NS)
    assert failed.wait_seconds("52,5", 900, NOW_NS + moved * SECOND_NS) <= DAY_SECONDS


def test_the_requests_of_a_day_are_counted_and_the_next_day_begins_anew() -> None:
    requests = Requests(provider="sky")
    for _ in range(3):
        requests = requests.asking("52,5", 3, NOW_NS)
    with pytest.raises(Unavailable, match="the 3 requests that sky gives away a day are used up") as raised:
        requests.asking("52,5", 3, NOW_NS)
    assert raised.value.code == "quota"
    assert raised.value.retry_after_seconds == DAY_SECONDS - NOW % DAY_SECONDS
    tomorrow = NOW_NS + DAY_SECONDS * SECOND_NS
    assert requests.asking("52,5", 3, tomorrow).requests == 1


@pytest.mark.parametrize(
    ("wished", "seconds"),
    [
        ("120", 120.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 59.0),
        ("Fri, 31 Dec 1999 23:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_a_server_names_its_pause_in_seconds_or_as_a_date(wished: str, seconds: float | None) -> None:
    assert retry_after_seconds({"Retry-After": wished}, now=946_684_740) == seconds
