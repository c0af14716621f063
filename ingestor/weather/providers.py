"""Where the weather comes from: OpenWeatherMap's current weather (https://openweathermap.org/current)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Protocol

import httpx
import msgspec
from msgspec import Meta, Struct
from pydantic import SecretStr

from ingestor.model.errors import CredentialsRefused, RemoteProtocolError, Unavailable
from ingestor.model.http import no_answer
from ingestor.model.records import WeatherObservation
from ingestor.model.unreadable import UNREADABLE
from metrics.codes import ErrorCode

TIMEOUT_SECONDS = 10.0


class Provider(Protocol):
    """Gives the weather at a place."""

    name: str

    async def observe(self, location: str) -> WeatherObservation:
        """Return the weather at `latitude,longitude`.

        Raises `Unavailable`, `CredentialsRefused` or `RemoteProtocolError`, none of which holds the key.
        """


class _Main(Struct):
    temp: float | None = None
    humidity: float | None = None
    pressure: float | None = None


class _Weather(Struct):
    description: str | None = None
    main: str | None = None


class _Answer(Struct):
    dt: Annotated[int, Meta(ge=0, lt=2**32)]  # Unix seconds; no store holds a nonsense time in nanoseconds
    main: _Main
    weather: list[_Weather] = []


class OpenWeatherMap:
    """OpenWeatherMap's free tier: 60 requests a minute, 1,000 a day; a key is needed."""

    name = "openweathermap"

    def __init__(self, base_url: str, key: SecretStr) -> None:
        self._base_url = base_url
        self._key = key

    async def observe(self, location: str) -> WeatherObservation:
        """Ask for the current weather, in metric units."""
        latitude, _, longitude = location.partition(",")
        parameters = {"lat": latitude, "lon": longitude, "units": "metric", "appid": self._key.get_secret_value()}
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
                answer = await client.get(f"{self._base_url}/data/2.5/weather", params=parameters)
        except httpx.HTTPError as error:
            raise no_answer(self._base_url, error) from None
        return _observation(location, answer)


def _observation(location: str, answer: httpx.Response) -> WeatherObservation:
    if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise CredentialsRefused("OpenWeatherMap refused WEATHER_API_KEY", code=ErrorCode.KEY_REFUSED)
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        raise Unavailable("OpenWeatherMap says that the key's quota is used up", code=ErrorCode.QUOTA)
    if answer.status_code != HTTPStatus.OK:
        raise Unavailable(f"OpenWeatherMap answered {answer.status_code}", code=ErrorCode.SERVER_ERROR)
    try:
        found = msgspec.json.decode(answer.content, type=_Answer)
    except UNREADABLE as error:
        raise RemoteProtocolError(f"OpenWeatherMap's answer cannot be read: {error}") from None
    first = found.weather[0] if found.weather else _Weather()
    return WeatherObservation(
        location=location,
        temperature=found.main.temp,
        humidity=found.main.humidity,
        pressure=found.main.pressure,
        condition=first.description or first.main,
        observed_at=found.dt,
    )
