"""Which attributes are fields of their own: the one table, by domain. Pure.

A number is a float for ever, a text a text for ever, whatever an integration sends; what is neither gives no field. A
temperature is degrees Celsius. Those of Home Assistant's own attributes are in the unit of its unit system, but for a
weather entity's, which has one of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw

from ingestor.model.unreadable import UNREADABLE

CELSIUS = "°C"
FAHRENHEIT = "°F"
UNIT_OF_TEMPERATURES = "temperature_unit"
"""The attribute in which a weather entity says its own."""
LONGEST_TEXT = 16_384  # as much as Home Assistant's recorder keeps of all attributes together

_TEXT_OF_A_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_NUMBERS = (float, int)
_decode = msgspec.json.Decoder().decode
_FREEZING_FAHRENHEIT = 32.0
_FAHRENHEIT_PER_KELVIN = 1.8

Reader: TypeAlias = Callable[[Raw, str | None], Any]


def number(raw: Raw, _unit: str | None = None) -> float | None:
    """Return the number of an attribute, also one that is sent as text; none of a boolean or of anything else."""
    try:
        given = _decode(raw)
        if type(given) is float:  # JSON has finite ones alone
            return given
        if isinstance(given, str) and _TEXT_OF_A_NUMBER.fullmatch(given):
            given = float(given)
        if type(given) not in _NUMBERS:  # a boolean is an `int`, too
            return None
        found = float(given)
    except UNREADABLE:
        return None
    return found if isfinite(found) else None


def text(raw: Raw, _unit: str | None = None) -> str | None:
    """Return the text of an attribute; none of an empty one, of one that is a document, or of anything else."""
    try:
        given = _decode(raw)
    except UNREADABLE:
        return None
    return given if isinstance(given, str) and 0 < len(given) <= LONGEST_TEXT else None


def celsius(raw: Raw, unit: str | None) -> float | None:
    """Return the temperature of an attribute in this unit; none where the unit is unknown."""
    found = number(raw)
    if found is None or unit == CELSIUS:
        return found
    return (found - _FREEZING_FAHRENHEIT) / _FAHRENHEIT_PER_KELVIN if unit == FAHRENHEIT else None


ANY_DOMAIN = ""
FIELDS: Mapping[str, Mapping[str, tuple[str, Reader]]] = {
    ANY_DOMAIN: {"battery_level": ("battery", number), "battery": ("battery", number)},
    "climate": {
        "current_temperature": ("current_temperature", celsius),
        "temperature": ("target_temperature", celsius),
        "current_humidity": ("current_humidity", number),
        "humidity": ("target_humidity", number),
        "hvac_action": ("action", text),
    },
    "cover": {"current_position": ("position", number)},
    "event": {"event_type": ("event_type", text)},
    "fan": {"percentage": ("percentage", number)},
    "humidifier": {
        "current_humidity": ("current_humidity", number),
        "humidity": ("target_humidity", number),
        "action": ("action", text),
    },
    "light": {"brightness": ("brightness", number)},
    "media_player": {
        "volume_level": ("volume", number),
        "media_title": ("media_title", text),
        "source": ("source", text),
    },
    "valve": {"current_position": ("position", number)},
    "water_heater": {
        "current_temperature": ("current_temperature", celsius),
        "temperature": ("target_temperature", celsius),
    },
    "weather": {"temperature": ("current_temperature", celsius), "humidity": ("current_humidity", number)},
}
"""By domain and attribute: the field of `Details`, and how it is read."""


def field_of(domain: str, attribute: str) -> tuple[str, Reader] | None:
    """Return the field that an attribute becomes."""
    return FIELDS.get(domain, {}).get(attribute) or FIELDS[ANY_DOMAIN].get(attribute)
