"""Home Assistant's own weather: which of its weather entities is read, and what its state says. Pure.

Its numbers are in the units that its attributes name, as the user has them shown; they become °C and hPa.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from ingestor.enrichment.units import conversion
from ingestor.homeassistant.wire import State
from ingestor.model.errors import RemoteProtocolError, Unavailable
from ingestor.model.records import WeatherObservation
from ingestor.model.unreadable import UNREADABLE
from ingestor.weather.conditions import HOME_ASSISTANT
from metrics.codes import ErrorCode

DOMAIN = "weather."
NAME = "home_assistant"
FIRST = ("weather.home", "weather.forecast_home")  # as Home Assistant names the one that it sets up by itself
_NOTHING = ("unavailable", "unknown")


class _Attributes(Struct):
    temperature: float | None = None
    temperature_unit: str | None = None
    humidity: float | None = None
    pressure: float | None = None
    pressure_unit: str | None = None


_decode = msgspec.json.Decoder(_Attributes, strict=False).decode  # some integrations send numbers as text


def choose(states: Mapping[str, State], wanted: str | None, before: str | None) -> State | None:
    """Return the state that is read: of the entity that the user wants, else of the one before.

    Else of the one that Home Assistant sets up by itself, else of the first by name: one with a temperature goes first.
    """
    if wanted is not None:
        return states.get(wanted)
    known = (before or "", *FIRST, *sorted(states, key=lambda entity_id: (not _is_warm(states[entity_id]), entity_id)))
    return next((states[entity_id] for entity_id in known if entity_id in states), None)


def no_entity(wanted: str | None) -> Unavailable:
    """Return the error of a home that has not the entity that the user wants, or none at all."""
    return Unavailable(f"there is no {wanted or 'weather entity'} in Home Assistant", code=ErrorCode.NO_ENTITY)


def read(state: State, location: str | None) -> WeatherObservation:
    """Return the observation. Raises `Unavailable` where there is none, `RemoteProtocolError` for one without sense."""
    if state.state in _NOTHING:
        raise Unavailable(f"{state.entity_id} is {state.state} in Home Assistant", code=ErrorCode.NO_ANSWER)
    try:
        said = _decode(state.attributes)
    except UNREADABLE as error:
        raise RemoteProtocolError(f"the attributes of {state.entity_id} cannot be read: {error}") from None
    return WeatherObservation(
        location=location or state.entity_id,
        temperature=_in_canonical(said.temperature, said.temperature_unit or "°C", "temperature"),
        humidity=said.humidity,
        pressure=_in_canonical(said.pressure, said.pressure_unit or "hPa", "pressure"),
        condition=HOME_ASSISTANT.get(state.state, state.state),
        observed_at=int(state.last_updated.timestamp()),
    )


def _in_canonical(number: float | None, unit: str, device_class: str) -> float | None:
    return None if number is None else round(conversion(unit, device_class)(number), 2)


def _is_warm(state: State) -> bool:
    try:
        return _decode(state.attributes).temperature is not None
    except UNREADABLE:
        return False
