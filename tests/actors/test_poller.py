"""The weather poller with a provider written by hand, by a clock that jumps."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import trio
from pydantic import SecretStr
from trio.testing import MockClock

from ingestor.assembly.files import STATE
from ingestor.homeassistant.wire import State
from ingestor.model.channels import Outbox
from ingestor.model.errors import CredentialsRefused, IngestorError, RemoteProtocolError, Unavailable
from ingestor.model.gaps import Kept
from ingestor.model.instants import SECOND_NS
from ingestor.model.records import WeatherObservation
from ingestor.simulator.weather import serve_weather
from ingestor.storage.database import Database
from ingestor.weather.memory import Memory
from ingestor.weather.observed import REMEMBERED, Weather
from ingestor.weather.poller import Sources, WeatherPoller
from ingestor.weather.providers import OpenMeteo, OpenWeatherMap, Provider
from ingestor.weather.requests import Requests
from metrics import facts
from metrics.codes import ErrorCode
from tests.actors.heard import Heard
from tests.actors.homes import listening
from tests.servers.processes import free_port
from tests.servers.records import START_NS
from tests.servers.samples import SAMPLES

KEY = "s3cret-weather-key"


class Sky:
    """A provider that gives a new observation each time, or the error that it was told to give."""

    name = "sky"
    daily = 1000

    def __init__(self) -> None:
        self.error: IngestorError | None = None
        self.temperature = 7.0
        self.asked: list[tuple[float, str]] = []

    async def observe(self, location: str) -> WeatherObservation:
        self.asked.append((trio.current_time(), location))
        if self.error:
            raise self.error
        return WeatherObservation(location=location, temperature=self.temperature, observed_at=clock_ns() // SECOND_NS)


class Remembered(Memory):
    """A memory that outlives a station, without a disk."""

    def __init__(self) -> None:
        self.requests: Requests | None = None
        self.observations: list[WeatherObservation] = []

    async def load(self) -> tuple[list[WeatherObservation], Requests | None]:
        return list(self.observations), self.requests

    async def keep(self, requests: Requests | None = None, observation: WeatherObservation | None = None) -> None:
        self.requests = requests or self.requests
        self.observations += [observation] if observation else []


def clock_ns() -> int:
    """Return the time by the clock that jumps."""
    return START_NS + round(trio.current_time() * SECOND_NS)


class Station:
    """A poller with its surroundings."""

    def __init__(
        self,
        location: str | None = "52,5",
        memory: Remembered | None = None,
        *,
        listens: bool = False,
        serviced: bool = True,
    ) -> None:
        self.sky = Sky()
        self.heard = Heard()
        self.weather = Weather("home", location, cache_minutes=15)
        self.memory = memory or Remembered()
        send, self.records = trio.open_memory_channel[list[Kept]](100)
        sources = Sources(service=self.sky if serviced else None, listens=listens)
        self.poller = WeatherPoller(self.weather, sources, self.memory, Outbox(send), self.heard, clock_ns)

    @asynccontextmanager
    async def polling(self) -> AsyncGenerator[float]:
        async with trio.open_nursery() as nursery:
            await nursery.start(self.poller.run)
            yield trio.current_time()
            self.poller.drain()

    def minutes(self, began: float) -> list[float]:
        return [round((at - began) / 60, 1) for at, _ in self.sky.asked]


async def test_the_provider_is_asked_once_per_cache_time_and_each_observation_is_stored(
    autojump_clock: MockClock,
) -> None:
    station = Station()
    async with station.polling() as began:
        await trio.sleep(46 * 60)
    stored = [record async for part in station.records for record in part]
    assert station.minutes(began) == [0, 15, 30, 45]
    times = [one.observed_at for one in stored if isinstance(one, WeatherObservation)]
    assert [time - times[0] for time in times] == [0, 900, 1800, 2700]


async def test_nobody_is_asked_until_the_place_is_known(autojump_clock: MockClock) -> None:
    station = Station(location=None)
    async with station.polling() as began:
        await trio.sleep(120)
        station.weather.set_home("1,2")
        await trio.sleep(60)
        station.weather.set_home("1,2")
        await trio.sleep(60)
        station.weather.configure("3,4", 5)
        await trio.sleep(360)
    assert station.minutes(began) == [2, 4, 9]
    assert [location for _, location in station.sky.asked] == ["1,2", "3,4", "3,4"]


async def test_while_the_provider_fails_the_last_value_serves_and_the_breaker_spares_it(
    autojump_clock: MockClock,
) -> None:
    station = Station()
    async with station.polling() as began:
        await trio.sleep(60)
        before = station.weather.current
        station.sky.error = Unavailable("away", code=ErrorCode.NO_ANSWER)
        await trio.sleep(30 * 60)
        assert station.weather.current == before is not None
        station.sky.error = None
        await trio.sleep(20 * 60)
        assert station.weather.current != before
    assert station.minutes(began) == [0, 15, 15.5, 16, 17, 19, 23, 31, 46]
    states = [changed.state for changed in station.heard.of(facts.BreakerChanged)]
    assert states == ["open", "half_open"] * 4 + ["closed"]
    assert len(station.heard.of(facts.WeatherFailed)) == 6


async def test_a_restart_asks_no_sooner_and_has_the_weather_at_once(autojump_clock: MockClock) -> None:
    memory, asked = Remembered(), 0
    for _ in range(10):
        station = Station(memory=memory)
        async with station.polling():
            await trio.sleep(60)
            assert station.weather.current is not None
        asked += len(station.sky.asked)
    assert asked == 1
    assert [record async for part in station.records for record in part] == []
    station = Station(memory=memory)
    async with station.polling() as began:
        await trio.sleep(10 * 60)
    assert station.minutes(began) == [5]


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (Unavailable("slower", code=ErrorCode.QUOTA, retry_after_seconds=7200.0), [0, 120]),
        (CredentialsRefused("no", code=ErrorCode.KEY_REFUSED), [0, 1, 2, 3]),
    ],
)
async def test_a_service_that_wants_patience_gets_it_over_restarts_and_a_new_key_is_tried_at_once(
    autojump_clock: MockClock, error: IngestorError, asked: list[float]
) -> None:
    memory, began, found = Remembered(), trio.current_time(), []
    for number in range(4):
        station = Station(memory=memory)
        station.sky.error = error
        async with station.polling():
            await trio.sleep(29 if number < 3 else 7150)
        await trio.sleep(31)
        found += station.minutes(began)
    assert found[: len(asked)] == asked


async def test_what_cannot_be_is_refused_and_the_last_observation_serves(autojump_clock: MockClock) -> None:
    station = Station()
    async with station.polling():
        await trio.sleep(60)
        before = station.weather.current
        station.sky.temperature = 999_999.0
        await trio.sleep(20 * 60)
        assert station.weather.current == before is not None
    assert {failed.code for failed in station.heard.of(facts.WeatherFailed)} == {"implausible"}


async def test_a_place_that_was_never_set_is_not_asked_and_told_once(autojump_clock: MockClock) -> None:
    station = Station(location=None)
    async with station.polling():
        for _ in range(3):
            station.weather.set_home(None)
            await trio.sleep(3600)
    assert station.sky.asked == []
    assert [failed.code for failed in station.heard.of(facts.WeatherFailed)] == ["no_place"]


async def test_home_assistants_own_weather_is_heard_and_nobody_asked(autojump_clock: MockClock) -> None:
    station = Station(listens=True)
    async with station.polling():
        await trio.sleep(60)
        for minute in (0, 1, 2, 14):
            station.weather.hear({"weather.home": weather_state(minute)})
            await trio.sleep(60)
        await trio.sleep(15 * 60)
        station.weather.hear({"weather.home": weather_state(30, "unavailable")})
        await trio.sleep(15 * 60)
        station.weather.hear({"weather.home": weather_state(31)})
        await trio.sleep(15 * 60)
        station.weather.hear({})
        await trio.sleep(60)
    stored = [record async for part in station.records for record in part]
    assert [one.temperature for one in stored if isinstance(one, WeatherObservation)] == [0, 14, 31, 7]
    assert [failed.code for failed in station.heard.of(facts.WeatherFailed)] == ["no_answer"]
    assert len(station.sky.asked) == 1


async def test_a_place_that_is_set_anew_costs_a_home_with_a_weather_entity_nothing(autojump_clock: MockClock) -> None:
    station = Station(listens=True)
    async with station.polling():
        station.weather.hear({"weather.home": weather_state(3)})
        await trio.sleep(60)
        station.weather.configure("1,2", 15)
        await trio.sleep(1)
        assert station.weather.current is not None
        assert (station.weather.current.temperature, station.weather.current.location) == (3, "1,2")


async def test_a_home_without_a_weather_entity_asks_the_service_and_one_that_only_listens_says_so(
    autojump_clock: MockClock,
) -> None:
    station = Station(listens=True)
    async with station.polling() as began:
        await trio.sleep(60)
        station.weather.hear({})
        await trio.sleep(60)
    assert station.minutes(began) == [1]
    station = Station(listens=True, serviced=False)
    async with station.polling():
        station.weather.hear({})
        await trio.sleep(60)
    assert [failed.code for failed in station.heard.of(facts.WeatherFailed)] == ["no_entity"]


def weather_state(minute: int, state: str = "sunny") -> State:
    """Return the state of a weather entity, whose temperature is the minute at which it was said."""
    at = datetime.fromtimestamp(clock_ns() // SECOND_NS, UTC)
    attributes = msgspec.Raw(json.dumps({"temperature": minute, "temperature_unit": "°C"}))
    return State(entity_id="weather.home", state=state, last_updated=at, attributes=attributes)


CURRENT = "current=temperature_2m%2Crelative_humidity_2m%2Cpressure_msl%2Cweather_code"
SERVICES: list[tuple[Callable[[str], Provider], str]] = [
    (lambda url: OpenWeatherMap(url, SecretStr(KEY)), "OpenWeatherMap"),
    (OpenMeteo, "Open-Meteo"),
]


@pytest.mark.parametrize(("service", "who"), SERVICES)
@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        ("401 Unauthorized", b"{}", CredentialsRefused, "key_refused"),
        ("429 Too Many Requests", b"{}", Unavailable, "quota"),
        ("400 Bad Request", (SAMPLES / "weather" / "open-meteo-refusal.json").read_bytes(), Unavailable, "refused"),
        ("404 Not Found", b"{}", Unavailable, "http_404"),
        ("500 Oops", b"{}", Unavailable, "server_error"),
        ("200 OK", b"<html>", RemoteProtocolError, "protocol"),
        ("200 OK", b'{"dt": 99999999999999, "main": {}, "current": {"time": -1}}', RemoteProtocolError, "protocol"),
        (
            "200 OK",
            b'{"dt": 1, "main": {"temp": "warm"}, "current": {"time": 1, "temperature_2m": "warm"}}',
            RemoteProtocolError,
            "protocol",
        ),
        ("200 OK", b'{"dt": 1, "main": {"more": ' + b"[" * 100_000, RemoteProtocolError, "protocol"),
        ("200 OK", b'{"dt": 1, "main": {"temp": \xff}, "current": {"time": \xff}}', RemoteProtocolError, "protocol"),
    ],
)
async def test_each_failure_of_the_provider_is_told_without_the_key(
    status: str, body: bytes, kind: type[IngestorError], code: str, service: Callable[[str], Provider], who: str
) -> None:
    async with answering(status, body) as (url, _):
        provider = service(url)
        with pytest.raises(kind, match=who) as raised:
            await provider.observe("52,5")
    assert raised.value.code == code
    assert KEY not in f"{raised.value} {raised.value!r} {provider!r} {vars(provider)}"


async def test_a_provider_that_is_not_there_is_told_without_the_key() -> None:
    with pytest.raises(Unavailable) as raised:
        await OpenWeatherMap(f"http://127.0.0.1:{free_port()}", SecretStr(KEY)).observe("52,5")
    assert (raised.value.code, KEY in str(raised.value), raised.value.__cause__) == ("no_answer", False, None)


@asynccontextmanager
async def answering(status: str, body: bytes) -> AsyncGenerator[tuple[str, list[str]]]:
    """Serve one answer to every request; yield the address, and the requests by their first lines."""
    asked: list[str] = []

    async def answer(stream: trio.SocketStream) -> None:
        asked.append((await stream.receive_some()).decode().partition(" HTTP/")[0])
        head = f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nretry-after: 77\r\n\r\n"
        await stream.send_all(head.encode() + body)

    async with listening(answer) as url:
        yield url, asked


@pytest.mark.parametrize(
    ("service", "name", "request_line", "seen"),
    [
        (
            SERVICES[0][0],
            "openweathermap",
            f"GET /data/2.5/weather?lat=52.52&lon=-13.42&units=metric&appid={KEY}",
            ("light rain", 6.48, 93, 1011, 1_795_421_000),
        ),
        (
            SERVICES[1][0],
            "open-meteo",
            "GET /v1/forecast?latitude=52.52&longitude=-13.42&timeformat=unixtime&" + CURRENT,
            ("light rain", 6.3, 91, 1011.4, 1_795_421_700),
        ),
    ],
)
async def test_the_recorded_answer_of_each_service_is_read_and_asked_for_with_a_rounded_place(
    service: Callable[[str], Provider], name: str, request_line: str, seen: tuple[object, ...]
) -> None:
    async with answering("200 OK", (SAMPLES / "weather" / f"{name}.json").read_bytes()) as (url, asked):
        found = await service(url).observe("52.5219,-13.41771")
    assert asked == [request_line]
    assert (found.condition, found.temperature, found.humidity, found.pressure, found.observed_at) == seen
    assert found.location == "52.5219,-13.41771"


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_the_pause_that_a_service_wants_is_read(status: str) -> None:
    async with answering(status, b"") as (url, _):
        with pytest.raises(Unavailable) as raised:
            await OpenMeteo(url).observe("52,5")
    assert raised.value.retry_after_seconds == 77


async def test_a_service_that_needs_a_key_is_not_asked_without_one() -> None:
    async with answering("200 OK", b"{}") as (url, asked):
        with pytest.raises(CredentialsRefused, match="needs WEATHER_API_KEY"):
            await OpenWeatherMap(url, None).observe("52,5")
    assert asked == []


async def test_both_services_of_the_simulator_give_the_same_weather(nursery: trio.Nursery) -> None:
    url = await nursery.start(serve_weather)
    first, second = [await service(url).observe("52,5") for service, _ in SERVICES]
    assert abs((first.temperature or 0) - (second.temperature or 0)) < 0.1
    assert (first.humidity, first.pressure, first.condition) == (71, 1016, "scattered clouds")
    assert (second.humidity, second.pressure, second.condition) == (71, 1016, "scattered clouds")


async def test_the_disk_remembers_the_weather_and_the_requests(tmp_path: Path) -> None:
    database = Database(tmp_path / "state.sqlite3", STATE)
    warnings: list[str] = []
    requests = Requests(provider="sky").asking("52,5", 1000, START_NS)
    seen = [WeatherObservation(location="52,5", temperature=1.0, observed_at=at) for at in range(REMEMBERED + 10)]
    for home in ("home", "barn"):
        await Memory(database, home, warnings.append).keep(requests, seen[0])
    await database.run(lambda one: one.execute("DELETE FROM observations WHERE home = 'home'"))
    rows = [("home", one.observed_at, msgspec.json.encode(one).decode()) for one in seen[:-1]]
    await database.run(lambda one: one.executemany("INSERT INTO observations VALUES (?, ?, ?)", rows))
    await Memory(database, "home", warnings.append).keep(observation=seen[-1])
    await database.aclose()
    memory = Memory(database, "home", warnings.append)
    assert await memory.load() == (seen[-REMEMBERED:], requests)
    assert warnings == []
    await database.run(lambda one: one.execute("UPDATE weather_requests SET body = '{'"))
    assert await memory.load() == ([], None)
    assert "what is remembered of the weather" in warnings[0]
    await database.aclose()
