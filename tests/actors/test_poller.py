"""The weather poller with a provider written by hand, by a clock that jumps."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest
import trio
from pydantic import SecretStr
from trio.testing import MockClock

from ingestor.model.channels import Outbox
from ingestor.model.errors import CredentialsRefused, IngestorError, RemoteProtocolError, Unavailable
from ingestor.model.gaps import Kept
from ingestor.model.instants import SECOND_NS
from ingestor.model.records import WeatherObservation
from ingestor.simulator.weather import serve_weather
from ingestor.weather.memory import Memory
from ingestor.weather.observed import Weather
from ingestor.weather.poller import Sources, WeatherPoller
from ingestor.weather.providers import OpenMeteo, OpenWeatherMap, Provider
from ingestor.weather.requests import Requests
from metrics import facts
from metrics.codes import ErrorCode
from tests.actors.heard import Heard
from tests.actors.homes import listening
from tests.servers.processes import free_port
from tests.servers.records import START_NS

KEY = "s3cret-weather-key"


class Sky:
    """A provider that gives a new observation each time, or the error that it was told to give."""

    name = "sky"
    daily = 1000

    def __init__(self) -> None:
        self.error: IngestorError | None = None
        self.asked: list[tuple[float, str]] = []

    async def observe(self, location: str) -> WeatherObservation:
        self.asked.append((trio.current_time(), location))
        if self.error:
            raise self.error
        return WeatherObservation(location=location, temperature=7.0, observed_at=clock_ns() // SECOND_NS)


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
        self, location: str | None = "52,5", memory: Remembered | None = None, *, listens: bool = False
    ) -> None:
        self.sky = Sky()
        self.heard = Heard()
        self.weather = Weather("home", location, cache_minutes=15)
        self.memory = memory or Remembered()
        send, self.records = trio.open_memory_channel[list[Kept]](100)
        sources = Sources(service=self.sky, listens=listens)
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


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        ("401 Unauthorized", b"{}", CredentialsRefused, "key_refused"),
        ("429 Too Many Requests", b"{}", Unavailable, "quota"),
        ("500 Oops", b"{}", Unavailable, "server_error"),
        ("200 OK", b"<html>", RemoteProtocolError, "protocol"),
        ("200 OK", b'{"dt": 99999999999999, "main": {}}', RemoteProtocolError, "protocol"),
        ("200 OK", b'{"dt": 1, "main": {"temp": "warm"}}', RemoteProtocolError, "protocol"),
        ("200 OK", b'{"dt": 1, "main": {"more": ' + b"[" * 100_000, RemoteProtocolError, "protocol"),
        ("200 OK", b'{"dt": 1, "main": {"temp": \xff}}', RemoteProtocolError, "protocol"),
    ],
)
async def test_each_failure_of_the_provider_is_told_without_the_key(
    status: str, body: bytes, kind: type[IngestorError], code: str
) -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)

    async with listening(answer) as url:
        provider = OpenWeatherMap(url, SecretStr(KEY))
        with pytest.raises(kind) as raised:
            await provider.observe("52,5")
    assert raised.value.code == code
    assert KEY not in f"{raised.value} {raised.value!r} {provider!r} {vars(provider)}"


async def test_a_provider_that_is_not_there_is_told_without_the_key() -> None:
    with pytest.raises(Unavailable) as raised:
        await OpenWeatherMap(f"http://127.0.0.1:{free_port()}", SecretStr(KEY)).observe("52,5")
    assert (raised.value.code, KEY in str(raised.value), raised.value.__cause__) == ("no_answer", False, None)


async def test_an_answer_is_read_in_metric_units(nursery: trio.Nursery) -> None:
    url = await nursery.start(serve_weather)
    seen = await OpenWeatherMap(url, SecretStr(KEY)).observe("52,5")
    async with httpx.AsyncClient() as client:
        raw = (await client.get(f"{url}/data/2.5/weather")).json()
    assert seen == WeatherObservation(
        location="52,5",
        temperature=raw["main"]["temp"],
        humidity=71,
        pressure=1016,
        condition="scattered clouds",
        observed_at=raw["dt"],
    )
