"""Which attributes are fields of their own: the one table, by domain. Pure.

A number is a float for ever, a text a text for ever, whatever an integration sends; what is neither gives no field. A
temperature is degrees Celsius. Those of Home Assistant's own attributes are in the unit of its unit system, but for a
weather entity's, which has one of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import inf, isfinite
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Raw

from ingestor.model.fields import DETAIL_FIELDS
from ingestor.model.unreadable import UNREADABLE

CELSIUS = "°C"
FAHRENHEIT = "°F"
UNIT_OF_TEMPERATURES = "temperature_unit"
"""The attribute in which a weather entity says its own."""
LONGEST_TEXT = 16_384  # as much as Home Assistant's recorder keeps of all attributes together

_TEXT_OF_A_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_FREEZING_FAHRENHEIT = 32.0
_FAHRENHEIT_PER_KELVIN = 1.8

_number: Callable[[Raw], float | None] = msgspec.json.Decoder(float | None).decode
_text: Callable[[Raw], str | None] = msgspec.json.Decoder(
    Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)] | None
).decode
_any_text = msgspec.json.Decoder(str).decode

Reader: TypeAlias = Callable[[Raw, str | None], float | str | None]


def number(raw: Raw, _unit: str | None = None) -> float | None:
    """Return the number of an attribute, also one that is sent as text; none of a boolean or of anything else."""
    try:
        return _number(raw)
    except UNREADABLE:
        return _number_in_text(raw)


def _number_in_text(raw: Raw) -> float | None:
    try:
        given = _any_text(raw)
    except UNREADABLE:
        return None
    found = float(given) if _TEXT_OF_A_NUMBER.fullmatch(given) else inf
    return found if isfinite(found) else None


def text(raw: Raw, _unit: str | None = None) -> str | None:
    """Return the text of an attribute; none of an empty one, of one that is a document, or of anything else."""
    try:
        return _text(raw)
    except UNREADABLE:
        return None


def celsius(raw: Raw, unit: str | None) -> float | None:
    """Return the temperature of an attribute in this unit; none where the unit is unknown."""
    found = number(raw)
    if found is None or unit == CELSIUS:
        return found
    return (found - _FREEZING_FAHRENHEIT) / _FAHRENHEIT_PER_KELVIN if unit == FAHRENHEIT else None


ANY_DOMAIN = ""
FIELDS: Mapping[str, Mapping[str, str]] = {
    ANY_DOMAIN: {"battery_level": "battery", "battery": "battery"},
    "climate": {
        "current_temperature": "current_temperature",
        "temperature": "target_temperature",
        "current_humidity": "current_humidity",
        "humidity": "target_humidity",
        "hvac_action": "action",
    },
    "cover": {"current_position": "position"},
    "event": {"event_type": "event_type"},
    "fan": {"percentage": "percentage"},
    "humidifier": {"current_humidity": "current_humidity", "humidity": "target_humidity", "action": "action"},
    "light": {"brightness": "brightness"},
    "media_player": {"volume_level": "volume", "media_title": "media_title", "source": "source"},
    "valve": {"current_position": "position"},
    "water_heater": {"current_temperature": "current_temperature", "temperature": "target_temperature"},
    "weather": {"temperature": "current_temperature", "humidity": "current_humidity"},
}
"""By domain and attribute: the field of `Details`."""
READERS: Mapping[str, Reader] = {
    one.attribute: celsius if one.unit == CELSIUS else number if one.type == "float" else text for one in DETAIL_FIELDS
}
"""How each field is read, in the order of those of `Details`."""


def field_of(domain: str, attribute: str) -> str | None:
    """Return the field that an attribute becomes."""
    return FIELDS.get(domain, {}).get(attribute) or FIELDS[ANY_DOMAIN].get(attribute)
