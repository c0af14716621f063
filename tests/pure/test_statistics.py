"""Statistics are in the units of live numbers, whatever Home Assistant shows them in."""

from __future__ import annotations

import pytest

from ingestor.enrichment.statistics import statistic, units_of
from ingestor.homeassistant.answers import Hour, StatisticId
from ingestor.model.records import Series, Statistic


def told(unit: str | None, unit_class: str | None, device_class: str | None, **numbers: float) -> Statistic:
    """Return the record of an hour; no class is that of an unknown entity, an empty one of an entity without."""
    about = StatisticId(
        statistic_id="sensor.a", source="recorder", unit_class=unit_class, display_unit_of_measurement=unit
    )
    is_known = device_class is not None
    series = Series(home="home", entity_id="sensor.a", domain="sensor", device_class=device_class or None)
    return statistic("home", about, units_of(about, series if is_known else None), Hour(start=3_600_000, **numbers))


@pytest.mark.parametrize(
    ("unit", "unit_class", "device_class", "canonical", "expected"),
    [
        ("°F", "temperature", "temperature", "°C", 10.0),
        ("°F", None, None, "°C", 10.0),
        ("°F", "temperature_delta", "temperature_delta", "°C", 50 * 5 / 9),
        ("m³", "volume", "gas", "m³", 50.0),
        ("m³", "volume", "water", "L", 50_000.0),
        ("m³", "volume", None, "L", 50_000.0),
        ("m³", "volume", "", "m³", 50.0),
        ("cm", "distance", "precipitation", "mm", 500.0),
        ("mA", "electric_current", None, "A", 0.05),
        ("MWh", "energy", None, "kWh", 50_000.0),
        ("\u03bcg/m³", None, "pm25", "\u00b5g/m³", 50.0),
        ("lx", None, None, "lx", 50.0),
        (None, None, None, None, 50.0),
    ],
)
def test_an_hour_is_in_the_canonical_unit(
    unit: str | None, unit_class: str | None, device_class: str | None, canonical: str | None, expected: float
) -> None:
    one = told(unit, unit_class, device_class, mean=50.0, min=50.0, max=50.0, sum=50.0, state=50.0)
    assert one.unit == canonical
    assert [one.mean, one.min, one.max, one.sum, one.state] == pytest.approx([expected] * 5)


def test_of_an_inverse_unit_the_most_is_the_least() -> None:
    one = told("km/kWh", "energy_distance", "energy_distance", min=4.0, max=5.0, mean=0.0)
    assert (one.min, one.max, one.mean, one.sum) == (20.0, 25.0, None, None)
