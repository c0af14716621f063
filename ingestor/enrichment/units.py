"""One unit per quantity: temperature in °C, pressure in hPa, power in W, energy in kWh; every other unit stays.

Factors follow from the definitions of the units (SI brochure; NIST SP 811, appendix B).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a number becomes one in the canonical `unit`: (number + shift) * multiplier / divisor."""

    unit: str | None
    shift: float = 0.0
    multiplier: float = 1.0
    divisor: float = 1.0

    def __call__(self, number: float) -> float:
        """Return the number in the canonical unit."""
        return (number + self.shift) * self.multiplier / self.divisor


UNKNOWN_UNIT = Conversion(None, multiplier=nan)
"""Of a number that may have been converted or not: no number comes out of it."""

_TEMPERATURE = frozenset({"temperature"})
_PRESSURE = frozenset({"pressure", "atmospheric_pressure"})
_POWER = frozenset({"power"})
_ENERGY = frozenset({"energy", "energy_storage"})
_ALWAYS: frozenset[str] = frozenset()

_JOULES_PER_KWH = 3_600_000.0
_CONVERSIONS = {
    "°C": (_ALWAYS, Conversion("°C")),
    "°F": (_ALWAYS, Conversion("°C", shift=-32.0, multiplier=5.0, divisor=9.0)),
    "K": (_TEMPERATURE, Conversion("°C", shift=-273.15)),  # a light's colour is in kelvin too
    "hPa": (_ALWAYS, Conversion("hPa")),
    "mbar": (_ALWAYS, Conversion("hPa")),
    "Pa": (_ALWAYS, Conversion("hPa", divisor=100.0)),
    "kPa": (_ALWAYS, Conversion("hPa", multiplier=10.0)),
    "cbar": (_ALWAYS, Conversion("hPa", multiplier=10.0)),
    "bar": (_ALWAYS, Conversion("hPa", multiplier=1000.0)),
    "psi": (_ALWAYS, Conversion("hPa", multiplier=68.94757293168)),
    "inHg": (_ALWAYS, Conversion("hPa", multiplier=33.86388640341)),
    "mmHg": (_PRESSURE, Conversion("hPa", multiplier=1.33322387415)),  # blood pressure is in mmHg too
    "inH₂O": (_ALWAYS, Conversion("hPa", multiplier=2.4908891)),
    "W": (_ALWAYS, Conversion("W")),
    "mW": (_ALWAYS, Conversion("W", divisor=1e3)),
    "kW": (_ALWAYS, Conversion("W", multiplier=1e3)),
    "MW": (_ALWAYS, Conversion("W", multiplier=1e6)),
    "GW": (_ALWAYS, Conversion("W", multiplier=1e9)),
    "TW": (_ALWAYS, Conversion("W", multiplier=1e12)),
    "BTU/h": (_POWER, Conversion("W", multiplier=1055.05585262, divisor=3600.0)),
    "kWh": (_ALWAYS, Conversion("kWh")),
    "mWh": (_ALWAYS, Conversion("kWh", divisor=1e6)),
    "Wh": (_ALWAYS, Conversion("kWh", divisor=1e3)),
    "MWh": (_ALWAYS, Conversion("kWh", multiplier=1e3)),
    "GWh": (_ALWAYS, Conversion("kWh", multiplier=1e6)),
    "TWh": (_ALWAYS, Conversion("kWh", multiplier=1e9)),
    "J": (_ENERGY, Conversion("kWh", divisor=_JOULES_PER_KWH)),
    "kJ": (_ENERGY, Conversion("kWh", multiplier=1e3, divisor=_JOULES_PER_KWH)),
    "MJ": (_ENERGY, Conversion("kWh", multiplier=1e6, divisor=_JOULES_PER_KWH)),
    "GJ": (_ENERGY, Conversion("kWh", multiplier=1e9, divisor=_JOULES_PER_KWH)),
    "cal": (_ENERGY, Conversion("kWh", multiplier=4.184, divisor=_JOULES_PER_KWH)),  # food and gas meters count these
    "kcal": (_ENERGY, Conversion("kWh", multiplier=4184.0, divisor=_JOULES_PER_KWH)),
    "Mcal": (_ENERGY, Conversion("kWh", multiplier=4.184e6, divisor=_JOULES_PER_KWH)),
    "Gcal": (_ENERGY, Conversion("kWh", multiplier=4.184e9, divisor=_JOULES_PER_KWH)),
}
CANONICAL = frozenset(conversion.unit for _, conversion in _CONVERSIONS.values())
"""Units that a number may have been converted to."""


def conversion(unit: str | None, device_class: str | None) -> Conversion:
    """Return how numbers in this unit become canonical; a unit that is ambiguous wants its device class."""
    classes, found = _CONVERSIONS.get(unit or "", (_ALWAYS, None))
    if found is None or (classes and device_class not in classes):
        return Conversion(unit)
    return found
