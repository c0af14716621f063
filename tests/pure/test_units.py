"""A unit that a user changes in Home Assistant changes no number: by what Home Assistant 2026.11 makes of units."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pint import DimensionalityError, UndefinedUnitError, UnitRegistry

from ingestor.enrichment.units import QUANTITIES, Conversion, conversion, may_be_converted, spelled
from tests.servers.samples import SAMPLES

CONVERTED: dict[str, dict[str, list[float]]] = json.loads((SAMPLES / "units.json").read_text(encoding="utf-8"))
PINT = {"°C": "degC", "°F": "degF", "K": "kelvin", "inH₂O": "inH2O", "mi": "mile", "in": "inch", "thm": "therm_US"}
PINT |= {"ac": "acre", "kn": "knot", "st": "stone", "var": "VA", "kvar": "kVA", "mvar": "mVA", "nmi": "nautical_mile"}
PINT |= {"BTU/h": "BTU/hour", "w": "week", "d": "day", "h": "hour", "min": "minute"}


@pytest.mark.parametrize("device_class", CONVERTED)
def test_a_unit_that_a_user_changes_changes_no_number(device_class: str) -> None:
    conversions = {unit: conversion(unit or None, device_class) for unit in CONVERTED[device_class]}
    assert len({one.unit for one in conversions.values()}) == 1
    first, *others = (
        [conversions[unit](number) for number in numbers] for unit, numbers in CONVERTED[device_class].items()
    )
    for numbers in others:
        assert numbers == pytest.approx(first, rel=1e-9)


@pytest.fixture(scope="module")
def units() -> UnitRegistry[Any]:
    return UnitRegistry(autoconvert_offset_to_baseunit=True)


PHYSICAL = {
    (unit, one)
    for quantity in QUANTITIES
    if "temperature_delta" not in quantity.classes
    for unit, one in quantity.conversions().items()
    if unit is not None and one.power == 1.0
}


def test_every_factor_is_what_the_definitions_say(units: UnitRegistry[Any]) -> None:
    compared = 0
    for unit, convert in PHYSICAL:
        for number in (-40.0, 21.7):
            try:
                given = units.Quantity(number, PINT.get(unit, unit))
                expected = given.to(PINT.get(convert.unit or "", convert.unit)).magnitude
            except (UndefinedUnitError, DimensionalityError, ValueError):
                continue  # what pint has no name for is Home Assistant's word alone
            compared += 1
            assert convert(number) == pytest.approx(expected, rel=5e-6), unit
    assert compared > 250


@pytest.mark.parametrize(
    ("unit", "device_class", "canonical"),
    [
        ("K", "temperature", "°C"),
        ("K", None, "K"),
        ("C", "temperature", "°C"),
        ("C", None, "C"),
        ("mmHg", "atmospheric_pressure", "hPa"),
        ("mmHg", "blood_pressure", "mmHg"),
        ("kcal", "energy", "kWh"),
        ("kcal", None, "kcal"),
        ("m³", "water", "L"),
        ("m³", "gas", "m³"),
        ("m³", None, "m³"),
        ("in", "distance", "m"),
        ("in", "precipitation", "mm"),
        ("in", None, "in"),
        ("h", "duration", "s"),
        ("h", None, "h"),
        ("kW", None, "W"),
        ("kWh", "water", "kWh"),
        (None, "power_factor", "%"),
        (None, None, None),
        ("lx", "illuminance", "lx"),
    ],
)
def test_an_ambiguous_unit_is_converted_only_with_its_device_class(
    unit: str | None, device_class: str | None, canonical: str | None
) -> None:
    assert conversion(unit, device_class).unit == canonical


def test_an_unknown_unit_leaves_the_number_as_it_is() -> None:
    assert conversion("lx", None)(12.5) == 12.5
    assert conversion("°F", None) == Conversion("°C", -32.0, 5.0, 9.0)
    assert conversion("°F", None)(212.0) == 100.0


def test_a_difference_of_temperatures_is_not_shifted() -> None:
    assert conversion("°F", "temperature_delta")(9) == 5
    assert conversion("K", "temperature_delta")(9) == 9


@pytest.mark.parametrize(
    ("one", "spellings"),
    [
        ("µg/m³", "\u03bcg/m³ \u00b5g/m3 ug/m³ ug/m3 \u00b5g/m^3"),
        ("°C", "ºC ⁰C ˚C ℃"),
        ("°F", "ºF ℉"),
        ("m³", "m3 m^3"),
        ("m³/h", "m3/h"),
        ("W/m²", "W/m2"),
        ("L", "l"),
        ("L/min", "l/min"),
        ("kvarh", "kVArh"),
        ("var", "VAr"),
        ("µSv/h", "\u03bcSv/h uSv/h"),
        ("Ω", "\u2126"),
        ("lx", "lx"),
        ("um", "um"),
        ("CO2", "CO2"),
    ],
)
def test_a_unit_has_one_spelling(one: str, spellings: str) -> None:
    assert one == "\u00b5g/m³" or "\u03bc" not in one
    for spelling in spellings.split():
        assert spelled(spelling) == one
        assert conversion(f" {spelling} ", None) == conversion(one, None)


@pytest.mark.parametrize("unit", ["℉", "ºF", "F"])
def test_a_spelling_that_is_new_to_home_assistant_is_converted(unit: str) -> None:
    assert conversion(unit, "temperature")(70) == pytest.approx(21.111111)


def test_a_number_may_have_been_converted_where_another_unit_becomes_its_unit() -> None:
    assert may_be_converted("W", "power")
    assert may_be_converted("W", None)
    assert may_be_converted("%", "power_factor")
    assert not may_be_converted("%", "humidity")
    assert not may_be_converted("lx", "illuminance")
    assert not may_be_converted(None, None)
