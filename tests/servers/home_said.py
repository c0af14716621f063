"""What must be stored of a home's entities, worked out from Home Assistant's own states and registries.

Nothing of the service is used: the fields are those that docs/schema.md promises, the canonical units the ones of its
table, and the factors Home Assistant's own, as `tests/samples/units.json` has them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
Row = dict[str, Any]

_UNITS: dict[str, dict[str, list[float]]] = json.loads((ROOT / "tests/samples/units.json").read_text(encoding="utf-8"))
_TABLE = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (\S+) \| .+ \|$", (ROOT / "docs/schema.md").read_text(), re.MULTILINE)
_CANONICAL = {name: unit for names, unit in _TABLE for name in re.findall(r"`(\w+)`", names)}
_ONE = {"W": ("power", "W")}
"""Units that mean one thing also where no device class says so, of those that our homes have."""

_ON = ["on", "open", "locked", "home", "true", "yes", "above_horizon"]
_OFF = ["off", "closed", "unlocked", "not_home", "false", "no", "below_horizon"]
_ONES: dict[str, tuple[list[str], list[str]]] = {  # by domain: what is 1, else what is 0
    "person": (["home"], []),
    "device_tracker": (["home"], []),
    "lock": (["locked"], []),
    "cover": ([], ["closed"]),
    "valve": ([], ["closed"]),
    "climate": ([], ["off"]),
    "water_heater": ([], ["off"]),
    "media_player": ([], ["off", "standby"]),
    "alarm_control_panel": ([], ["disarmed"]),
    "vacuum": (["cleaning", "mowing", "returning"], []),
    "lawn_mower": (["cleaning", "mowing", "returning"], []),
    "timer": (["active"], []),
    "camera": ([], ["idle"]),
}
_MOMENTS = (
    *("date", "datetime", "event", "button", "input_button", "scene", "image", "notify", "tag"),
    *("conversation", "ai_task", "stt", "tts", "wake_word", "infrared", "radio_frequency"),
)
_TEXTS = ("text", "select", "input_text", "input_select")
_FIELDS = {  # field: attribute by domain
    "target_temperature": {"climate": "temperature", "water_heater": "temperature"},
    "current_temperature": {
        "climate": "current_temperature",
        "water_heater": "current_temperature",
        "weather": "temperature",
    },
    "current_humidity": {"climate": "current_humidity", "humidifier": "current_humidity", "weather": "humidity"},
    "target_humidity": {"climate": "humidity", "humidifier": "humidity"},
    "brightness": {"light": "brightness"},
    "position": {"cover": "current_position", "valve": "current_position"},
    "percentage": {"fan": "percentage"},
    "volume": {"media_player": "volume_level"},
    "action": {"climate": "hvac_action", "humidifier": "action"},
    "media_title": {"media_player": "media_title"},
    "source": {"media_player": "source"},
    "event_type": {"event": "event_type"},
}


class Said:
    """What a home said at one moment: its states and its registries, as its commands give them."""

    def __init__(
        self,
        states: list[Row],
        *,
        floors: list[Row],
        areas: list[Row],
        labels: list[Row],
        devices: list[Row],
        entities: list[Row],
    ) -> None:
        self.states = {one["entity_id"]: one for one in states}
        self.devices = {one["id"]: one for one in devices}
        self.entities = {one["entity_id"]: one for one in entities}
        self.areas = {one["area_id"]: one for one in areas}
        self._floors = {one["floor_id"]: one["name"] for one in floors}
        self._labels = {one["label_id"]: one["name"] for one in labels}
        self._persons = {
            one["attributes"].get("user_id"): one["entity_id"]
            for one in states
            if one["entity_id"].startswith("person.")
        }

    def event(self, state: Row) -> Row:
        """Return what must be stored of a state, but for what depends on the state before it."""
        entity_id, attributes, context = state["entity_id"], state["attributes"], state["context"]
        domain = entity_id.split(".")[0]
        unit, value = _value(domain, state["state"], attributes)
        is_secret = domain in {"text", "input_text"} and attributes.get("mode") == "password"
        return {
            "entity_id": entity_id,
            "time": _nanoseconds(state["last_updated"]),
            "domain": domain,
            **self._place(entity_id),
            **{name: attributes.get(name) for name in ("device_class", "state_class", "friendly_name")},
            "unit": unit,
            "state": "***" if is_secret else state["state"],
            "value": value,
            **{field: _typed(field, domain, attributes) for field in _FIELDS},
            "battery": _number(attributes.get("battery_level", attributes.get("battery"))),
            "caused_by": "user" if context["user_id"] else "automation" if context["parent_id"] else "device",
            "caused_by_entity": self._persons.get(context["user_id"]) if context["user_id"] else None,
            "removed": None,
        }

    def entity(self, entity_id: str) -> Row:
        """Return what must be known of a registered entity; how one is called that has no state is not."""
        entity, state = self.entities[entity_id], self.states.get(entity_id)
        device = self.devices.get(entity["device_id"], {})
        labels = {self._labels[one] for one in (*entity["labels"], *device.get("labels", []))}
        called = state and state["attributes"].get("friendly_name")
        named = {"friendly_name": called or entity["name"] or entity["original_name"]} if state else {}
        return {
            "entity_id": entity_id,
            **self._place(entity_id),
            "domain": entity_id.split(".", maxsplit=1)[0],
            **named,
            "labels": ",".join(sorted(labels)) or None,
            "integration": entity["platform"],
            "registry_id": entity["id"],
            "model": device.get("model"),
            "manufacturer": device.get("manufacturer"),
            "entity_category": entity["entity_category"],
            "disabled": int(entity["disabled_by"] is not None),
            "removed": 0,
        }

    def _place(self, entity_id: str) -> Row:
        """Return the device of an entity, and its area: its own, or that of the device, or of the device's parents."""
        entity = self.entities.get(entity_id, {})
        device = own = self.devices.get(entity.get("device_id"), {})
        area_id = entity.get("area_id")
        while not area_id and device:
            area_id, device = device["area_id"], self.devices.get(device.get("parent_device_id"), {})
        area = self.areas.get(area_id, {})
        name = own.get("name_by_user") or own.get("name")
        return {"area": area.get("name"), "floor": self._floors.get(area.get("floor_id")), "device": name}


def _typed(field: str, domain: str, attributes: Row) -> Any:
    said = attributes.get(_FIELDS[field].get(domain, ""))
    if field in {"action", "media_title", "source", "event_type"}:
        return said or None
    number = _number(said)
    if number is not None and field.endswith("_temperature"):
        return _converted(number, "temperature", attributes.get("temperature_unit", "°C"), "°C")
    return number


def _value(domain: str, state: str, attributes: Row) -> tuple[str | None, float | None]:  # noqa: PLR0911  the table
    unit, device_class = attributes.get("unit_of_measurement"), attributes.get("device_class")
    device_class, canonical = (device_class, _CANONICAL.get(device_class, unit)) if unit else (None, unit)
    if device_class not in _CANONICAL:
        device_class, canonical = _ONE.get(unit or "", (None, unit))
    canonical = canonical and canonical.replace("\u03bc", "\u00b5")
    if state in {"unknown", "unavailable"} or domain in _TEXTS:
        return canonical, None
    if domain in _MOMENTS or attributes.get("device_class") in {"timestamp", "date"}:
        at = datetime.fromisoformat(state)
        return canonical, (at if at.tzinfo else at.replace(tzinfo=datetime.now().astimezone().tzinfo)).timestamp()
    if domain == "time":
        hours, minutes, seconds = map(int, state.split(":"))
        return canonical, float(hours * 3600 + minutes * 60 + seconds)
    if domain in _ONES:
        ones, zeros = _ONES[domain]
        return canonical, float(state in ones if ones else state not in zeros)
    if state.lower() in (*_ON, *_OFF):
        return canonical, float(state.lower() in _ON)
    number = _number(state)
    if number is not None and device_class and unit and canonical:
        return canonical, _converted(number, device_class, unit, canonical)
    return canonical, number


def _converted(number: float, device_class: str, unit: str, canonical: str) -> float:
    """Return a number in another unit, along the line through two that Home Assistant has converted itself."""
    units = {name.replace("\u03bc", "\u00b5"): numbers for name, numbers in _UNITS[device_class].items()}
    (one, two), (to_one, to_two) = units[unit.replace("\u03bc", "\u00b5")], units[canonical]
    return to_one + (number - one) * (to_two - to_one) / (two - one)


def _number(said: Any) -> float | None:
    try:
        return None if isinstance(said, bool) or said is None else float(said)
    except (TypeError, ValueError):
        return None


def _nanoseconds(iso: str) -> int:
    at = datetime.fromisoformat(iso)
    return int(at.timestamp()) * 10**9 + at.microsecond * 1000


def differences(truth: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    """Return what is stored otherwise, in words; numbers may differ by rounding."""
    return [
        f"{truth.get('entity_id', '')} {name}: {stored.get(name)!r}, not {true!r}"
        for name, true in truth.items()
        if not _same(true, stored.get(name))
    ]


def _same(true: Any, stored: Any) -> bool:
    if isinstance(true, float) and isinstance(stored, (int, float)):
        return abs(true - stored) <= 1e-9 * max(1.0, abs(true))
    return bool(true == stored)
