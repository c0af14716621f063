"""Services that give the weather at a place: OpenWeatherMap with a key, Open-Meteo without one.

Each is told the place to two decimals, a kilometre or so: the weather is no other there, and nobody's address is given
away. Sources: https://openweathermap.org/current and https://open-meteo.com/en/docs.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Protocol, TypeVar

import httpx
import msgspec
from msgspec import Meta, Struct
from pydantic import SecretStr

from ingestor.model.errors import CredentialsRefused, RemoteProtocolError, Unavailable
from ingestor.model.http import no_answer, retry_after_seconds
from ingestor.model.records import WeatherObservation
from ingestor.model.unreadable import UNREADABLE
from ingestor.weather.conditions import WMO
from metrics.codes import ErrorCode

TIMEOUT_SECONDS = 10.0
DECIMALS = 2
_WHERE = "is WEATHER_BASE_URL right?"
_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}

UnixSeconds = Annotated[int, Meta(ge=0, lt=2**32)]  # no store holds a nonsense time in nanoseconds
T = TypeVar("T")


class Provider(Protocol):
    """Gives the weather at a place; `daily` requests a day are free."""

    name: str
    daily: int

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


class _OpenWeatherMapAnswer(Struct):
    dt: UnixSeconds
    main: _Main
    weather: list[_Weather] = []


class OpenWeatherMap:
    """OpenWeatherMap's free tier: 60 requests a minute, 1,000 a day; a key is needed."""

    name = "openweathermap"
    daily = 1000

    def __init__(self, base_url: str | None, key: SecretStr | None) -> None:
        self._base_url = base_url or "https://api.openweathermap.org"
        self._key = key

    async def observe(self, location: str) -> WeatherObservation:
        """Ask for the current weather, in metric units."""
        if self._key is None:
            raise CredentialsRefused("OpenWeatherMap needs WEATHER_API_KEY", code=ErrorCode.KEY_REFUSED)
        latitude, longitude = _rounded(location)
        parameters = {"lat": latitude, "lon": longitude, "units": "metric", "appid": self._key.get_secret_value()}
        found = await _ask("OpenWeatherMap", f"{self._base_url}/data/2.5/weather", parameters, _OpenWeatherMapAnswer)
        first = found.weather[0] if found.weather else _Weather()
        return WeatherObservation(
            location=location,
            temperature=found.main.temp,
            humidity=found.main.humidity,
            pressure=found.main.pressure,
            condition=first.description or first.main,
            observed_at=found.dt,
        )


class _Current(Struct):
    time: UnixSeconds
    temperature_2m: float | None = None
    relative_humidity_2m: float | None = None
    pressure_msl: float | None = None
    weather_code: int | None = None


class _OpenMeteoAnswer(Struct):
    current: _Current


class OpenMeteo:
    """Open-Meteo: no key, 10,000 requests a day, free where no money is made."""

    name = "open-meteo"
    daily = 10_000

    def __init__(self, base_url: str | None) -> None:
        self._base_url = base_url or "https://api.open-meteo.com"

    async def observe(self, location: str) -> WeatherObservation:
        """Ask for the current weather, in its own units, which are ours; the pressure is that at sea level."""
        latitude, longitude = _rounded(location)
        names = ",".join(name for name in _Current.__struct_fields__ if name != "time")
        parameters = {"latitude": latitude, "longitude": longitude, "timeformat": "unixtime", "current": names}
        found = (await _ask("Open-Meteo", f"{self._base_url}/v1/forecast", parameters, _OpenMeteoAnswer)).current
        return WeatherObservation(
            location=location,
            temperature=found.temperature_2m,
            humidity=found.relative_humidity_2m,
            pressure=found.pressure_msl,
            condition=None if found.weather_code is None else WMO.get(found.weather_code, f"WMO {found.weather_code}"),
            observed_at=found.time,
        )


def _rounded(location: str) -> list[str]:
    return [f"{round(float(degrees), DECIMALS):g}" for degrees in location.split(",")]


async def _ask(who: str, url: str, parameters: dict[str, str], kind: type[T]) -> T:
    """Return a service's answer. Nothing of it is quoted, since it may say the key again."""
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            answer = await client.get(url, params=parameters)
    except httpx.HTTPError as error:
        raise no_answer(who, error) from None
    status, patience = answer.status_code, retry_after_seconds(answer.headers)
    if status in _REFUSED:
        raise CredentialsRefused(f"{who} refused WEATHER_API_KEY", code=ErrorCode.KEY_REFUSED)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        said = f"{who} says that too much was asked for"
        raise Unavailable(said, code=ErrorCode.QUOTA, retry_after_seconds=patience)
    if status == HTTPStatus.NOT_FOUND:
        raise Unavailable(f"{who} is not at {url} (404)", code=ErrorCode.HTTP_404, hint=_WHERE)
    if answer.is_client_error:
        raise Unavailable(f"{who} refused the question ({status})", code=ErrorCode.REFUSED, hint=_WHERE)
    if status != HTTPStatus.OK:
        said = f"{who} answered {status}"
        raise Unavailable(said, code=ErrorCode.SERVER_ERROR, retry_after_seconds=patience)
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except UNREADABLE as error:
        raise RemoteProtocolError(f"{who}'s answer cannot be read: {error}") from None
