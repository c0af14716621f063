"""What must be in the database, worked out from what Home Assistant's bus said, independently of the service."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Row = dict[str, Any]
Key = tuple[str, int]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TAGS = {"device_class": "device_class", "state_class": "state_class", "friendly_name": "friendly_name"}
_UNITS: dict[Any, tuple[str, Callable[[float], float]]] = {
    "°F": ("°C", lambda number: (number - 32) / 1.8),
    "K": ("°C", lambda number: number - 273.15),
    "kW": ("W", lambda number: number * 1000),
    "Wh": ("kWh", lambda number: number / 1000),
    "inHg": ("hPa", lambda number: number * 33.863886403),
    "MiB": ("B", lambda number: number * 2**20),
}
_PAIRS = {
    "on": 1.0,
    "off": 0.0,
    "open": 1.0,
    "closed": 0.0,
    "locked": 1.0,
    "unlocked": 0.0,
    "above_horizon": 1.0,
    "below_horizon": 0.0,
    "home": 1.0,
    "not_home": 0.0,
}
_LEFT_OUT = {
    "": "attribution restored supported_features entity_picture access_token latitude longitude gps_accuracy",
    "climate": "hvac_modes preset_modes fan_modes swing_modes min_temp max_temp target_temp_step",
    "light": "brightness color_mode color_temp color_temp_kelvin effect effect_list hs_color rgb_color"
    " supported_color_modes xy_color",
    "person": "device_trackers",
    "select": "options",
    "sensor": "options",
    "sun": "azimuth elevation next_dawn next_dusk next_midnight next_noon next_rising next_setting rising",
}
"""Attributes that are not stored, by domain: Home Assistant's recorder leaves them out, or they tell a place."""


def expected(heard: Iterable[Row], home: str = "home") -> dict[Key, Row]:
    """Return the rows by (entity, time in nanoseconds); two changes in one microsecond are a nanosecond apart."""
    rows: dict[Key, Row] = {}
    tags: dict[str, Row] = {}
    for change in heard:
        row = expected_row(change, rows, tags, home)
        rows[row["entity_id"], row["time"]] = row
    return rows


def expected_row(change: Row, rows: Mapping[Key, object], tags: dict[str, Row], home: str = "home") -> Row:
    """Return the row of the next change. `rows` are those before it, `tags` the last ones of every entity."""
    entity_id, new, old = change["entity_id"], change["new"], change["old"]
    at_us = microseconds(new[2] if new else change["time_fired"])
    time_ns = at_us * 1000
    while (entity_id, time_ns) in rows:
        time_ns += 1
    if new and new[0] != "unavailable":
        tags[entity_id] = _tags(entity_id, new[1], change["area"])
    carried = tags.setdefault(entity_id, _tags(entity_id, new[1] if new else {}, change["area"]))
    return {
        "home": home,
        "entity_id": entity_id,
        "time": time_ns,
        **carried,
        "state": new[0] if new else None,
        "value": _value(carried["domain"], new[0], new[1]) if new else None,
        "previous_state": old[0] if old else None,
        "previous_duration_seconds": (at_us - microseconds(old[1])) / 1e6 if old else None,
        "attributes": _kept(carried["domain"], new[1]) if new else None,
        "persons_home": change["persons_home"],
        "caused_by": _caused_by(*change["context"]),
        "removed": None if new else 1,
    }


def since_start(heard: Iterable[Row], stored: list[Row]) -> tuple[dict[Key, Row], list[Row]]:
    """Return what must be there since the first live event, and what is.

    What is older came with the snapshot of the first start: states whose changes nobody saw, known by what they lack.
    """
    first = min(row["time"] for row in stored if row["persons_home"] is not None)
    truth = {key: row for key, row in expected(heard).items() if key[1] >= first}
    return truth, [row for row in stored if row["time"] >= first]


def refilled(truth: dict[Key, Row], stored: Iterable[Row]) -> dict[Key, Row]:
    """Return the truth without what the recorder cannot tell of the rows that it gave: who caused a change."""
    untold = [(row["entity_id"], row["time"]) for row in stored if row["caused_by"] is None]
    return truth | {key: truth[key] | {"caused_by": None} for key in untold if key in truth}


def compare(truth: dict[Key, Row], stored: Iterable[Row]) -> dict[str, int]:
    """Return, and print, how many rows are missing, extra, doubled or different."""
    keys = Counter((row["entity_id"], row["time"]) for row in stored)
    by_key = {(row["entity_id"], row["time"]): row for row in stored}
    different = [
        (name, truth[key][name], row.get(name), *key)
        for key, row in by_key.items()
        if key in truth
        for name in truth[key]
        if not same(name, truth[key][name], row.get(name))
    ]
    found = {
        "changes": len(truth),
        "stored": sum(keys.values()),
        "missing": len(truth.keys() - keys.keys()),
        "extra": len(keys.keys() - truth.keys()),
        "doubled": sum(keys.values()) - len(keys),
        "different": len(different),
    }
    print("  ".join(f"{name} {number}" for name, number in found.items()), *different[:5], sep="\n")  # noqa: T201  the figures
    return found


def microseconds(iso: str) -> int:
    """Return Unix microseconds."""
    return (datetime.fromisoformat(iso) - _EPOCH) // timedelta(microseconds=1)


def _kept(domain: str, attributes: Row) -> Row:
    left_out = {*_LEFT_OUT[""].split(), *_LEFT_OUT.get(domain, "").split()}
    return {name: said for name, said in attributes.items() if name not in left_out}


def _tags(entity_id: str, attributes: Row, area: str | None) -> Row:
    tags = {tag: attributes.get(name) if isinstance(attributes.get(name), str) else None for tag, name in _TAGS.items()}
    unit = attributes.get("unit_of_measurement")
    return {"domain": entity_id.split(".", maxsplit=1)[0], "area": area, "unit": _UNITS.get(unit, (unit,))[0], **tags}


def _value(domain: str, state: str, attributes: Row) -> float | None:  # noqa: PLR0911  the table of the data model
    if state in {"unavailable", "unknown", ""}:
        return None
    if attributes.get("device_class") == "timestamp":
        return datetime.fromisoformat(state).timestamp()
    if domain in {"person", "device_tracker"}:
        return float(state == "home")
    if domain in {"cover", "valve"}:
        return float(state != "closed")
    if domain in {"climate", "media_player"}:
        return float(state != "off")
    if state in _PAIRS:
        return _PAIRS[state]
    try:
        number = float(state.replace("_", "no number"))
    except ValueError:
        return None
    unit = attributes.get("unit_of_measurement")
    number = _UNITS[unit][1](number) if unit in _UNITS else number
    return number if math.isfinite(number) else None


def _caused_by(_id: str, parent_id: str | None, user_id: str | None) -> str:
    return "user" if user_id else "automation" if parent_id else "device"


def same(name: str, true: Any, stored: Any) -> bool:
    """Return whether a stored value is the true one; numbers may differ by rounding."""
    if name == "attributes":
        return bool(true == (json.loads(stored) if stored is not None else None))
    if isinstance(true, float) and isinstance(stored, (int, float)):
        return math.isclose(true, stored, rel_tol=1e-6, abs_tol=1e-6)
    return bool(true == stored)
