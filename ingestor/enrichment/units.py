"""One unit per quantity, and one spelling per unit: what a user changes in Home Assistant's units changes no number.

A row for each quantity: its canonical unit, the device classes that are measured in it, and how many canonical units
each of the others is. These are the units that Home Assistant converts for these classes, by its own factors
(`homeassistant/util/unit_conversion.py`), so that a number which it has converted before comes to the same. What that
takes for psi and inHg is not quite what they are by their definitions (NIST SP 811, appendix B): 2e-7 less.

    sensor.tap      class water     50 gal    ->  189.27 L    by the device class
    sensor.rain     no class        3 in      ->  3 in        may be rain or a distance, and they have two units
    sensor.heater   no class        2 kW      ->  2000 W      can mean one thing only
    sensor.air      no class        3 ug/m3   ->  3 µg/m³     nothing to convert, but its spelling
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import nan, pow  # noqa: A004  this one never answers with a complex number
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a number becomes one in the canonical `unit`: (number + shift) ** power * multiplier / divisor."""

    unit: str | None
    shift: float = 0.0
    multiplier: float = 1.0
    divisor: float = 1.0
    power: float = 1.0

    @property
    def changes_nothing(self) -> bool:
        """Whether numbers are in the canonical unit."""
        return (self.shift, self.multiplier, self.divisor, self.power) == (0.0, 1.0, 1.0, 1.0)

    def __call__(self, number: float) -> float:
        """Return the number in the canonical unit. Raises `ArithmeticError` or `ValueError` when there is none."""
        shifted = number + self.shift
        if self.power != 1.0:
            shifted = pow(shifted, self.power)
        return shifted * self.multiplier / self.divisor


@dataclass(frozen=True, slots=True)
class Other:
    """A unit of which a number, shifted and raised to a power, is `factor` times as many canonical ones."""

    factor: Fraction
    shift: float = 0.0
    power: float = 1.0


Others: TypeAlias = Mapping[str | None, Fraction | Other]


@dataclass(frozen=True, slots=True)
class Quantity:
    """What the device `classes` measure: its canonical `unit`, and the `others` that become it."""

    unit: str
    classes: tuple[str, ...]
    others: Others

    def conversions(self) -> dict[str | None, Conversion]:
        """Return how numbers in each of its units become canonical."""
        found: dict[str | None, Conversion] = {self.unit: Conversion(self.unit)}
        for name, given in self.others.items():
            if name != self.unit:
                one = given if isinstance(given, Other) else Other(given)
                multiplier, divisor = map(float, one.factor.as_integer_ratio())
                found[name] = Conversion(self.unit, one.shift, multiplier, divisor, one.power)
        return found


UNKNOWN_UNIT = Conversion(None, multiplier=nan)
"""Of a number that may have been converted or not: no number comes out of it."""

_PREFIXES = {"m": Fraction(1, 10**3), "µ": Fraction(1, 10**6)}
_PREFIXES |= {prefix: Fraction(1000**power) for power, prefix in enumerate("kMGTPEZY", 1)}
_PREFIXES |= {f"{prefix}i": Fraction(1024**power) for power, prefix in enumerate("KMGTPEZY", 1)}


def _prefixed(unit: str, prefixes: str, factor: Fraction = Fraction(1)) -> dict[str | None, Fraction | Other]:
    """Return a unit, which is `factor` canonical ones, and it with each of the prefixes."""
    return {unit: factor, **{prefix + unit: _PREFIXES[prefix] * factor for prefix in prefixes.split()}}


def _in(canonical: Fraction, units: Mapping[str, Fraction]) -> dict[str | None, Fraction | Other]:
    """Return units of which the table says how many of something they are, as they are in `canonical` ones."""
    return {name: factor / canonical for name, factor in units.items()}


_INCH = Fraction("0.0254")
_FOOT, _MILE, _NAUTICAL_MILE = 12 * _INCH, 63_360 * _INCH, Fraction(1852)
_DAY, _HOUR, _MINUTE = Fraction(86_400), Fraction(3600), Fraction(60)
_METRES = {"mm": Fraction(1, 1000), "cm": Fraction(1, 100), "m": Fraction(1), "km": Fraction(1000)}
_METRES |= {"in": _INCH, "ft": _FOOT, "yd": 3 * _FOOT, "mi": _MILE, "nmi": _NAUTICAL_MILE}
_SECONDS = {"s": Fraction(1), "min": _MINUTE, "h": _HOUR, "d": _DAY}
_METRES_PER_SECOND = {
    unit: _METRES[unit.split("/")[0]] / _SECONDS[unit.split("/")[1]]
    for unit in ("mm/s", "mm/h", "mm/d", "in/s", "in/h", "in/d", "ft/s", "m/s", "m/min", "km/h")
}
_METRES_PER_SECOND |= {"mph": _MILE / _HOUR, "kn": _NAUTICAL_MILE / _HOUR}
_BEAUFORT = Fraction("0.836")  # m/s, times the number ** 1.5
_SQUARE_METRES = {f"{length}²": metres**2 for length, metres in _METRES.items()}
_SQUARE_METRES |= {"ac": 66 * 660 * _FOOT**2, "ha": Fraction(10_000)}
_GALLON = 231 * _INCH**3  # of the USA
_LITRE = Fraction(1, 1000)
_CUBIC_METRES = {"m³": Fraction(1), "L": _LITRE, "mL": _LITRE / 1000, "gal": _GALLON, "fl. oz.": _GALLON / 128}
_CUBIC_METRES |= {"ft³": _FOOT**3, "CCF": 100 * _FOOT**3, "MCF": 1000 * _FOOT**3}
_FLOWS = {
    f"{volume}/{time}": _CUBIC_METRES[volume] / _SECONDS[time]
    for volume in ("m³", "L", "mL", "gal", "ft³")
    for time in _SECONDS
}
_POUND = Fraction("0.45359237")  # kg
_KWH = Fraction(3_600_000)  # J
_CALORIE = Fraction("4.184")  # J
_BTU_PER_HOUR = Fraction("0.29307107")  # W
_MERCURY = Fraction("9.80665") * Fraction("13.5951")  # Pa of a millimetre
_GRAMS = {"g/m³": Fraction(1), "mg/m³": Fraction(1, 10**3), "µg/m³": Fraction(1, 10**6)}
_SHARES: Others = {"%": Fraction(10_000), "ppm": Fraction(1), "ppb": Fraction(1, 1000), None: Fraction(10**6)}
_MOLE = Fraction("8.31446261815324") * Fraction("293.15") / 101_325  # m³ of a gas at 20 °C and 1 atm


def _gas(molar_mass: str) -> Others:
    """Return the units of a gas in µg/m³; a mole of it has that mass in grams."""
    per_ppb = Fraction(molar_mass) / _MOLE / 1000
    return {"ppb": per_ppb, "ppm": 1000 * per_ppb, "mg/m³": Fraction(1000)}


_FAHRENHEIT = Other(Fraction(5, 9), shift=-32.0)
_CARBON_MONOXIDE = 1000 * _MOLE / Fraction("28.01")  # ppm of a mg/m³

QUANTITIES = (
    Quantity("°C", ("temperature",), {"°F": _FAHRENHEIT, "K": Other(Fraction(1), shift=-273.15),
                                      "C": Fraction(1), "F": _FAHRENHEIT}),
    Quantity("°C", ("temperature_delta",), {"°F": Fraction(5, 9), "K": Fraction(1),
                                            "C": Fraction(1), "F": Fraction(5, 9)}),
    Quantity("hPa", ("pressure", "atmospheric_pressure"), {
        "mPa": Fraction(1, 10**5), "Pa": Fraction(1, 100), "kPa": Fraction(10), "mbar": Fraction(1),
        "cbar": Fraction(10), "bar": Fraction(1000), "atm": Fraction("1013.25"), "psi": Fraction("68.94757"),
        "mmHg": _MERCURY / 100, "inHg": _MERCURY * Fraction("25.4") / 100, "inH₂O": Fraction("2.490889083333348")}),
    Quantity("W", ("power",), {**_prefixed("W", "m k M G T"), "BTU/h": _BTU_PER_HOUR}),
    Quantity("kWh", ("energy", "energy_storage"), {
        **_prefixed("Wh", "m M G T", Fraction(1, 1000)), **_prefixed("J", "k M G", 1 / _KWH),
        **_prefixed("cal", "k M G", _CALORIE / _KWH), "thm": Fraction(105_480_400) / _KWH}),
    Quantity("kWh/100km", ("energy_distance",), {
        "Wh/km": Fraction(1, 10), "km/kWh": Other(Fraction(100), power=-1.0),
        "mi/kWh": Other(100_000 / _MILE, power=-1.0)}),
    Quantity("L", ("water", "volume", "volume_storage"), _in(_LITRE, _CUBIC_METRES)),
    Quantity("m³", ("gas",), _in(Fraction(1), _CUBIC_METRES)),
    Quantity("m³/h", ("volume_flow_rate",), _in(1 / _HOUR, _FLOWS)),
    Quantity("m/s", ("speed", "wind_speed"), {
        **_in(Fraction(1), _METRES_PER_SECOND), "Beaufort": Other(_BEAUFORT, power=1.5)}),
    Quantity("mm/h", ("precipitation_intensity",), {
        **_in(_METRES["mm"] / _HOUR, _METRES_PER_SECOND),
        "Beaufort": Other(_BEAUFORT * _HOUR / _METRES["mm"], power=1.5)}),
    Quantity("mm", ("precipitation",), _in(_METRES["mm"], _METRES)),
    Quantity("m", ("distance",), _in(Fraction(1), _METRES)),
    Quantity("m²", ("area",), _in(Fraction(1), _SQUARE_METRES)),
    Quantity("kg", ("weight",), {
        **_prefixed("g", "m µ", Fraction(1, 1000)), "lb": _POUND, "oz": _POUND / 16, "st": 14 * _POUND}),
    Quantity("s", ("duration",), {**_prefixed("s", "m µ"), **_in(Fraction(1), _SECONDS), "w": 7 * _DAY}),
    Quantity("A", ("current",), _prefixed("A", "m µ")),
    Quantity("V", ("voltage",), _prefixed("V", "m µ k M")),
    Quantity("VA", ("apparent_power",), _prefixed("VA", "m k")),
    Quantity("var", ("reactive_power",), _prefixed("var", "m k")),
    Quantity("varh", ("reactive_energy",), _prefixed("varh", "k")),
    Quantity("Hz", ("frequency",), _prefixed("Hz", "m k M G")),
    Quantity("B", ("data_size",), {
        **_prefixed("B", "k M G T P E Z Y Ki Mi Gi Ti Pi Ei Zi Yi"), **_prefixed("bit", "k M G", Fraction(1, 8))}),
    Quantity("bit/s", ("data_rate",), {
        **_prefixed("bit/s", "k M G"), **_prefixed("B/s", "k M G Ki Mi Gi", Fraction(8))}),
    Quantity("W/m²", ("irradiance",), {"BTU/(h⋅ft²)": _BTU_PER_HOUR / _FOOT**2}),
    Quantity("g/m³", ("absolute_humidity",), _in(Fraction(1), _GRAMS)),
    Quantity("µg/m³", ("volatile_organic_compounds",), _in(_GRAMS["µg/m³"], _GRAMS)),
    Quantity("µg/m³", ("nitrogen_dioxide",), _gas("46.0055")),
    Quantity("µg/m³", ("nitrogen_monoxide",), _gas("30.0061")),
    Quantity("µg/m³", ("ozone",), _gas("48")),
    Quantity("µg/m³", ("sulphur_dioxide",), _gas("64.066")),
    Quantity("ppm", ("carbon_monoxide",), {
        "ppb": Fraction(1, 1000), "mg/m³": _CARBON_MONOXIDE, "µg/m³": _CARBON_MONOXIDE / 1000}),
    Quantity("ppm", ("volatile_organic_compounds_parts",), _SHARES),
    Quantity("%", ("power_factor",), {
        None: Fraction(100), "ppm": Fraction(1, 10**4), "ppb": Fraction(1, 10**7)}),
    Quantity("mmol/L", ("blood_glucose_concentration",), {"mg/dL": 1 / Fraction("18.016")}),
    Quantity("µS/cm", ("conductivity",), {"mS/cm": Fraction(1000), "S/cm": Fraction(10**6)}),
    Quantity("Bq/m³", ("radon",), {"pCi/L": Fraction(37)}),
)  # fmt: skip

_SAYS_TOO_LITTLE = frozenset({
    "K", "C", "F", "mmHg", "BTU/h", "J", "kJ", "MJ", "GJ", "cal", "kcal", "Mcal", "Gcal",
    "µs", "ms", "s", "min", "h", "d", "w", "g", "oz", "st", "ac",
})  # fmt: skip
"""Also the colour of a light, the pressure of blood, the energy of food, an age, an acceleration ..."""

_BY_CLASS = {name: quantity.conversions() for quantity in QUANTITIES for name in quantity.classes}


def _unambiguous() -> dict[str | None, Conversion]:
    """Return the units that all device classes convert alike, but for the differences of temperatures."""
    meanings: dict[str | None, set[Conversion]] = {}
    for device_class, conversions in _BY_CLASS.items():
        for unit, one in conversions.items() if device_class != "temperature_delta" else ():
            meanings.setdefault(unit, set()).add(one)
    return {unit: one for unit, (one, *more) in meanings.items() if not more and unit not in _SAYS_TOO_LITTLE}


_ALONE = _unambiguous()

_SIGNS = str.maketrans({"μ": "µ", "º": "°", "⁰": "°", "˚": "°", "℃": "°C", "℉": "°F", "\u212a": "K", "\u2126": "Ω"})
_EXPONENT = re.compile(r"\b([cdkm]?m|ft|in|yd|mi)\^?([23])\b")
_MICRO = re.compile(r"^u(?=(?:g|S|A|V|s|Sv)\b)")
_LITRE_SIGN = re.compile(r"^(m?)l\b")
_REACTIVE = re.compile(r"^([mk]?)VAr(h?)$")


@lru_cache(1000)  # of units that integrations make up there is no end
def conversion(unit: str | None, device_class: str | None) -> Conversion:
    """Return how numbers in this unit, however it is spelled, become canonical; an ambiguous one wants its class."""
    of_class = _BY_CLASS.get(device_class or "", _ALONE)
    unit = unit and spelled(unit)
    return of_class.get(unit) or _ALONE.get(unit) or Conversion(unit)


def spelled(unit: str) -> str:
    """Return the one spelling of a unit: signs that look the same, exponents, the letters beside them."""
    unit = unit.strip().translate(_SIGNS)
    unit = _EXPONENT.sub(lambda found: found[1] + "²³"[found[2] == "3"], unit)
    unit = _LITRE_SIGN.sub(r"\1L", _MICRO.sub("µ", unit))
    return _REACTIVE.sub(r"\1var\2", unit)


def may_be_converted(unit: str | None, device_class: str | None) -> bool:
    """Return whether numbers in another unit would have become numbers in this one."""
    tables = _BY_CLASS.get(device_class or "", {}), _ALONE
    return any(one.unit == unit and other != unit for table in tables for other, one in table.items())
