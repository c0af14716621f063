from __future__ import annotations

from typing import Any

import pytest
from pint import UnitRegistry

from ingestor.enrichment.units import _CONVERSIONS, Conversion, conversion

PINT = {"°C": "degC", "°F": "degF", "K": "kelvin", "inH₂O": "inH2O", "BTU/h": "BTU/hour", "cal": "cal", "inHg": "inHg"}
PINT |= {"kcal": "kcal", "Mcal": "Mcal", "Gcal": "Gcal"}


@pytest.fixture(scope="module")
def units() -> UnitRegistry[Any]:
    return UnitRegistry(autoconvert_offset_to_baseunit=True)


@pytest.mark.parametrize("unit", _CONVERSIONS)
def test_every_conversion_agrees_with_pint(unit: str, units: UnitRegistry[Any]) -> None:
    _, convert = _CONVERSIONS[unit]
    for number in (-40.0, 0.0, 1.0, 21.7, 1e6):
        expected = units.Quantity(number, PINT.get(unit, unit)).to(PINT.get(convert.unit or "", convert.unit)).magnitude
        assert convert(number) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("unit", "device_class", "canonical"),
    [
        ("K", "temperature", "°C"),
        ("K", None, "K"),
        ("mmHg", "atmospheric_pressure", "hPa"),
        ("mmHg", "blood_pressure", "mmHg"),
        ("kcal", "energy", "kWh"),
        ("kcal", None, "kcal"),
        ("lx", "illuminance", "lx"),
        (None, None, None),
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
