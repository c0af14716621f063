from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.enrichment.units import conversion
from ingestor.enrichment.values import reading_of, value
from ingestor.model.records import Series

NOON = 1_764_072_000.0  # 2025-11-25 12:00 UTC


def read(
    domain: str,
    state: str,
    unit: str | None = None,
    device_class: str | None = None,
    state_class: str | None = None,
    timestamp: object = None,
) -> float | None:
    """Return the value of a state of such an entity."""
    units = conversion(unit, device_class)
    series = Series(
        home="home",
        entity_id=f"{domain}.a",
        domain=domain,
        unit=units.unit,
        device_class=device_class,
        state_class=state_class,
    )
    return value(state, reading_of(series, units, timestamp))


@pytest.mark.parametrize(
    ("domain", "ones", "zeros"),
    [
        ("binary_sensor", "on On TRUE True true yes open", "off False false NO closed"),
        ("switch", "on", "off"),
        ("sun", "above_horizon", "below_horizon"),
        ("person", "home", "not_home Work"),
        ("device_tracker", "home", "Work"),
        ("lock", "locked", "unlocked jammed"),
        ("cover", "open opening", "closed"),
        ("valve", "open", "closed"),
        ("climate", "heat_cool", "off"),
        ("water_heater", "eco", "off"),
        ("media_player", "playing idle", "off standby"),
        ("alarm_control_panel", "armed_away armed_night triggered pending", "disarmed"),
        ("vacuum", "cleaning returning", "docked idle paused error"),
        ("lawn_mower", "mowing returning", "docked paused error"),
        ("timer", "active", "idle paused"),
        ("camera", "recording streaming", "idle"),
    ],
)
def test_a_domain_says_what_is_one_and_what_is_zero(domain: str, ones: str, zeros: str) -> None:
    assert {read(domain, state) for state in ones.split()} == {1.0}
    assert {read(domain, state) for state in zeros.split()} == {0.0}
    assert {read(domain, state) for state in ("unknown", "unavailable", "")} == {None}


@pytest.mark.parametrize("domain", ["text", "input_text", "select", "input_select"])
@pytest.mark.parametrize("state", ["007", "1e3", "on", "21.5"])
def test_a_text_is_no_number(domain: str, state: str) -> None:
    assert read(domain, state) is None


@pytest.mark.parametrize(
    ("state", "measured", "bare"),
    [
        ("21.5", 21.5, 21.5),
        ("-3", -3.0, -3.0),
        ("5.0", 5.0, 5.0),
        (" 21.5", 21.5, 21.5),
        ("21.5 ", 21.5, 21.5),
        ("+4", 4.0, None),
        ("1e3", 1000.0, None),
        (".5", 0.5, None),
        ("007", 7.0, None),
        ("0.20", 0.2, 0.2),
        ("2024.10", 2024.1, None),
        ("2024.9", 2024.9, None),
        ("2024.125", 2024.125, 2024.125),
        ("123e45", 1.23e47, None),
        ("21,5", 21.5, None),
        ("-0,123", -0.123, None),
        ("1,234", None, None),
        ("1,234.5", None, None),
        ("1_000", None, None),
        ("1\u0662", None, None),
        ("nan", None, None),
        ("inf", None, None),
        ("1e999", None, None),
        ("2026-11-24", None, None),
        ("some text", None, None),
    ],
)
def test_a_number_is_one_if_it_has_a_unit_or_a_class_and_else_only_in_its_plain_form(
    state: str, measured: float | None, bare: float | None
) -> None:
    assert read("sensor", state) == bare
    assert [
        read("sensor", state, "lx"),
        read("sensor", state, state_class="measurement"),
        read("sensor", state, device_class="aqi"),
        read("input_number", state),
    ] == [measured] * 4


@pytest.mark.parametrize(
    ("domain", "device_class", "state", "expected"),
    [
        ("sensor", "timestamp", "2025-11-25T12:00:00+00:00", NOON),
        ("sensor", "timestamp", "2025-11-25T13:00:00.5+01:00", NOON + 0.5),
        ("sensor", "timestamp", "2025-11-25T12:00:00", None),
        ("sensor", "timestamp", "soon", None),
        ("sensor", "date", "2025-11-25", NOON - 43_200),
        ("date", None, "2025-11-25", NOON - 43_200),
        ("datetime", None, "2025-11-25T12:00:00+00:00", NOON),
        ("time", None, "01:00:05", 3605.0),
        ("button", None, "2025-11-25T12:00:00+00:00", NOON),
        ("event", None, "2025-11-25T12:00:00.000+00:00", NOON),
        ("conversation", None, "2025-11-25T12:00:00.000001+00:00", NOON + 1e-6),
        ("notify", None, "2025-11-25T12:00:00+00:00", NOON),
        ("sensor", "enum", "3", None),
    ],
)
def test_a_moment_is_its_unix_time(domain: str, device_class: str | None, state: str, expected: float | None) -> None:
    assert read(domain, state, device_class=device_class) == expected


@pytest.mark.parametrize(("timestamp", "expected"), [(NOON, NOON), (None, None), ("soon", None), (math.inf, None)])
def test_a_local_time_is_what_home_assistant_makes_of_it(timestamp: object, expected: float | None) -> None:
    assert read("input_datetime", "2025-11-25 13:00:00", timestamp=timestamp) == expected
    assert read("input_datetime", "unknown", timestamp=timestamp) is None


def test_a_number_is_given_in_its_canonical_unit() -> None:
    assert read("sensor", "212", "°F", "temperature") == 100.0
    assert read("sensor", "1.5", "kW", "power") == 1500.0
    assert read("sensor", "250", "Wh", "energy") == 0.25


@pytest.mark.parametrize(
    ("state", "unit", "device_class", "expected"),
    [
        ("50", "km/kWh", "energy_distance", 2.0),
        ("0", "km/kWh", "energy_distance", None),
        ("4", "Beaufort", "wind_speed", 6.688),
        ("-1", "Beaufort", "wind_speed", None),
        ("1e300", "Beaufort", "wind_speed", None),
    ],
)
def test_a_number_that_has_no_place_in_the_canonical_unit_is_none(
    state: str, unit: str, device_class: str, expected: float | None
) -> None:
    assert read("sensor", state, unit, device_class) == pytest.approx(expected)


@given(st.text(), st.sampled_from(["°F", "Beaufort", "mi/kWh", None]))
def test_a_value_is_finite_whatever_the_state(state: str, unit: str | None) -> None:
    number = read("sensor", state, unit)
    assert number is None or math.isfinite(number)
