from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.enrichment.units import conversion
from ingestor.enrichment.values import value

NONE = conversion(None, None)


@pytest.mark.parametrize(
    ("domain", "state", "expected"),
    [
        ("sensor", "21.5", 21.5),
        ("sensor", "-3", -3.0),
        ("sensor", "1e3", 1000.0),
        ("sensor", ".5", 0.5),
        ("sensor", "1_000", None),
        ("sensor", "nan", None),
        ("sensor", "inf", None),
        ("sensor", "1e999", None),
        ("sensor", "2026-11-24", None),
        ("sensor", "", None),
        ("sensor", "unknown", None),
        ("sensor", "unavailable", None),
        ("sensor", "some text", None),
        ("binary_sensor", "on", 1.0),
        ("switch", "off", 0.0),
        ("lock", "locked", 1.0),
        ("lock", "unlocked", 0.0),
        ("lock", "jammed", 0.0),
        ("person", "home", 1.0),
        ("person", "not_home", 0.0),
        ("person", "Work", 0.0),
        ("device_tracker", "Work", 0.0),
        ("device_tracker", "unavailable", None),
        ("cover", "closed", 0.0),
        ("cover", "opening", 1.0),
        ("valve", "open", 1.0),
        ("climate", "off", 0.0),
        ("climate", "heat_cool", 1.0),
        ("media_player", "playing", 1.0),
        ("media_player", "unknown", None),
        ("sun", "above_horizon", 1.0),
    ],
)
def test_the_value_of_a_state(domain: str, state: str, expected: float | None) -> None:
    assert value(domain, state, NONE) == expected


def test_a_number_is_given_in_its_canonical_unit() -> None:
    assert value("sensor", "212", conversion("°F", "temperature")) == 100.0
    assert value("sensor", "1.5", conversion("kW", "power")) == 1500.0
    assert value("sensor", "250", conversion("Wh", "energy")) == 0.25


@given(st.text())
def test_a_value_is_finite_whatever_the_state(state: str) -> None:
    number = value("sensor", state, NONE)
    assert number is None or math.isfinite(number)
