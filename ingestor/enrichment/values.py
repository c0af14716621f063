"""The number that stands for a state: total per domain, finite, and none where nothing is known."""

from __future__ import annotations

from math import isfinite

from ingestor.enrichment.units import Conversion

_NOTHING_KNOWN = {"unavailable", "unknown", ""}
_ONLY_ONE = {"person": "home", "device_tracker": "home", "lock": "locked"}
_ONLY_ZERO = {"cover": "closed", "valve": "closed", "climate": "off", "media_player": "off"}
_PAIRS = (
    ("on", "off"),
    ("open", "closed"),
    ("locked", "unlocked"),
    ("home", "not_home"),
    ("true", "false"),
    ("yes", "no"),
    ("above_horizon", "below_horizon"),
)
_FAMILY = {one: 1.0 for one, _ in _PAIRS} | {zero: 0.0 for _, zero in _PAIRS}
_FIRST_OF_A_NUMBER = frozenset("+-.0123456789")


def value(domain: str, state: str, conversion: Conversion) -> float | None:
    """Return the state's value: 1/0 by the rules of its domain, a number in its canonical unit, or none."""
    if state in _NOTHING_KNOWN:
        return None
    if one := _ONLY_ONE.get(domain):
        return float(state == one)
    if zero := _ONLY_ZERO.get(domain):
        return float(state != zero)
    if state[0] in _FIRST_OF_A_NUMBER:
        return _number(state, conversion)
    return _FAMILY.get(state)


def _number(state: str, conversion: Conversion) -> float | None:
    if "_" in state:  # Python's own way to group digits, nobody else's
        return None
    try:
        number = conversion(float(state))
    except ValueError:
        return None
    return number if isfinite(number) else None
