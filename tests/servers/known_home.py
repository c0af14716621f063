"""A day in a small home of which everything is known: what the dashboard "Home" has to say of it can be told by hand.

The day begins at `FROM`, and it is six in the afternoon. What began earlier goes on: a lamp that burns for three days.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from ingestor.model.instants import SECOND_NS
from ingestor.model.records import Details, EntityRecord, Event, Series, WeatherObservation

FROM = datetime(2026, 11, 24, tzinfo=UTC)
TO = FROM + timedelta(hours=18)
HOME = "Müller's home"

ENTITIES: dict[str, dict[str, str]] = {
    "sensor.kitchen_temperature": {
        "area": "Kitchen",
        "device": "Kitchen sensor",
        "device_class": "temperature",
        "unit": "°C",
    },
    "sensor.fridge_side_temperature": {"area": "Kitchen", "device_class": "temperature", "unit": "°C"},
    "sensor.bedroom_temperature": {"area": "Bed/room", "device_class": "temperature", "unit": "°C"},
    "sensor.kitchen_humidity": {
        "area": "Kitchen",
        "device": "Kitchen sensor",
        "device_class": "humidity",
        "unit": "%",
    },
    "sensor.boiler_power": {"area": "Cellar", "device": "Boiler", "device_class": "power", "unit": "W"},
    "sensor.boiler_energy": {"area": "Cellar", "device": "Boiler", "device_class": "energy", "unit": "kWh"},
    "sensor.solar_energy": {"area": "Roof", "device": "Solar", "device_class": "energy", "unit": "kWh"},
    "climate.bedroom": {"area": "Bed/room", "device": "Thermostat"},
    "light.kitchen": {"area": "Kitchen"},
    "light.hall": {"area": "Hall"},
    "light.old": {"area": "Hall"},
    "media_player.tv": {"area": "Kitchen", "device": "TV"},
    "cover.bedroom": {"area": "Bed/room", "device_class": "blind"},
    "binary_sensor.window": {"area": "Bed/room", "device_class": "window"},
    "binary_sensor.door": {"area": "Hall", "device_class": "door"},
    "binary_sensor.old_window": {"area": "Hall", "device_class": "window"},
    "lock.front": {"area": "Hall", "device": "Front door"},
    "switch.pump": {"area": "Cellar", "device": "Pump"},
    "sensor.remote_battery": {"area": "Kitchen", "device": "Remote", "device_class": "battery", "unit": "%"},
    "sensor.phone_battery": {"device": "Phone", "device_class": "battery", "unit": "%"},
    "binary_sensor.smoke_battery": {"area": "Hall", "device": "Smoke detector", "device_class": "battery"},
    "vacuum.robot": {"area": "Hall", "device": "Robot"},
    "person.ada": {},
    "person.bob": {},
}

WEATHER = {
    -24: WeatherObservation(location="52,5", temperature=-3.5, humidity=81.0, observed_at=0),
    6: WeatherObservation(location="52,5", temperature=2.0, humidity=70.0, observed_at=1),
}

DAY = 24
CHANGES: list[tuple[float, str, str | None, dict[str, Any]]] = [
    (-3 * DAY, "light.kitchen", "on", {"value": 1.0}),
    (-4 * DAY, "person.bob", "Work", {"value": 0.0}),
    (-2 * DAY, "lock.front", "locked", {"value": 1.0}),
    (-2 * DAY, "binary_sensor.old_window", "on", {"value": 1.0}),
    (-1 * DAY, "binary_sensor.window", "off", {"value": 0.0}),
    (-10, "person.ada", "home", {"value": 1.0}),
    (-9, "sensor.solar_energy", "10", {"value": 10.0}),
    (-8, "sensor.solar_energy", "12", {"value": 12.0}),
    (-3, "sensor.remote_battery", "8", {"value": 8.0}),
    (-3, "sensor.phone_battery", "80", {"value": 80.0}),
    (-3, "climate.bedroom", "heat", {"value": 1.0, "action": "heating", "current_temperature": 17.0}),
    (-2, "sensor.kitchen_temperature", "20", {"value": 20.0}),
    (-1, "sensor.fridge_side_temperature", "18", {"value": 18.0}),
    (-1, "sensor.kitchen_humidity", "40", {"value": 40.0}),
    (-1, "sensor.boiler_energy", "100", {"value": 100.0}),
    (-0.5, "sensor.boiler_power", "100", {"value": 100.0}),
    (-0.5, "switch.pump", "on", {"value": 1.0}),
    (40 / 60, "climate.bedroom", "heat", {"value": 1.0, "action": "idle", "current_temperature": 19.0}),
    (1, "sensor.bedroom_temperature", "-1", {"value": -1.0}),
    (1, "sensor.boiler_energy", "101", {"value": 101.0}),
    (2, "sensor.boiler_power", "1500", {"value": 1500.0}),
    (2, "sensor.remote_battery", "unavailable", {}),
    (2, "sensor.boiler_energy", "103.5", {"value": 103.5}),
    (2.5, "sensor.boiler_power", "100", {"value": 100.0}),
    (3, "switch.pump", "unavailable", {}),
    (3, "sensor.boiler_energy", "0.2", {"value": 0.2}),
    (4, "sensor.boiler_energy", "1", {"value": 1.0}),
    (5, "binary_sensor.old_window", None, {}),
    (5, "sensor.boiler_energy", "0.95", {"value": 0.95}),
    (5 + 30 / 3600, "climate.bedroom", "heat", {"value": 1.0, "action": "heating", "current_temperature": 18.0}),
    (6, "climate.bedroom", "heat", {"value": 1.0, "action": "idle", "current_temperature": 19.0}),
    (6, "sensor.boiler_energy", "1.2", {"value": 1.2}),
    (6 + 20 / 3600, "sensor.kitchen_temperature", "21", {"value": 21.0}),
    (7, "cover.bedroom", "open", {"value": 1.0, "position": 60.0}),
    (8, "light.hall", "on", {"value": 1.0, "brightness": 255.0}),
    (8, "person.ada", "not_home", {"value": 0.0}),
    (8.5, "light.hall", "on", {"value": 1.0, "brightness": 128.0}),
    (9, "sensor.kitchen_humidity", "55", {"value": 55.0}),
    (9, "binary_sensor.door", "on", {"value": 1.0}),
    (9 + 5 / 60, "binary_sensor.door", "off", {"value": 0.0}),
    (9.25, "light.hall", "off", {"value": 0.0}),
    (10, "light.old", "on", {"value": 1.0}),
    (10, "media_player.tv", "playing", {"value": 1.0, "volume": 0.3}),
    (10.5, "media_player.tv", "off", {"value": 0.0}),
    (11, "light.old", None, {}),
    (12, "sensor.kitchen_temperature", "unavailable", {}),
    (12, "lock.front", "unlocked", {"value": 0.0}),
    (12, "binary_sensor.smoke_battery", "on", {"value": 1.0}),
    (13, "sensor.kitchen_temperature", "22", {"value": 22.0}),
    (14, "binary_sensor.window", "on", {"value": 1.0}),
    (15, "binary_sensor.window", "on", {"value": 1.0, "area": "Attic"}),
    (15.5, "vacuum.robot", "docked", {"value": 0.0, "battery": 15.0}),
    (
        16,
        "climate.bedroom",
        "heat",
        {"value": 1.0, "action": "heating", "current_temperature": 18.5, "target_temperature": 20.0},
    ),
    (16.5, "media_player.tv", "standby", {"value": 0.0}),
    (17, "light.hall", "on", {"value": 1.0, "brightness": 10.0, "friendly_name": "Hall lamp"}),
    (17, "person.ada", "home", {"value": 1.0}),
    (17.5, "cover.bedroom", "closed", {"value": 0.0, "position": 0.0}),
]
"""Hours since the day began, entity, state (none: it was removed), and what else the event says."""


def events() -> list[Event]:
    """Return the events of that home, and one of another home that has a lamp of the same name."""
    made, before, tags = [], dict[str, tuple[float, str | None]](), deepcopy(ENTITIES)
    for hours, entity_id, state, said in CHANGES:
        told = dict(said)
        tags[entity_id] |= {tag: told.pop(tag) for tag in ("area", "friendly_name") if tag in told}
        since, previous = before.get(entity_id, (hours, None))
        before[entity_id] = hours, state
        made.append(
            Event(
                time_ns=time_ns(hours),
                series=_series(HOME, entity_id, tags[entity_id]),
                state=state,
                value=told.pop("value", None),
                previous_state=previous,
                previous_duration_seconds=(hours - since) * 3600 if previous else None,
                details=Details(**told) if told else None,
                weather=next(one for start, one in reversed(WEATHER.items()) if hours >= start or start < 0),
                persons_home=int(before.get("person.ada", (0, ""))[1] == "home"),
                caused_by="device",
                removed=state is None,
            )
        )
    lamp = _series("cabin", "light.kitchen", {"area": "Kitchen"})
    return [*made, Event(time_ns=time_ns(1), series=lamp, state="on", value=1.0, persons_home=7)]


def entities() -> list[EntityRecord]:
    """Return what is known of its entities."""
    return [
        EntityRecord(time_ns=time_ns(0), home=HOME, entity_id=one, domain=one.partition(".")[0], area=said.get("area"))
        for one, said in ENTITIES.items()
    ]


def time_ns(hours: float) -> int:
    """Return the time so many hours after the day began, to the second."""
    return (round(FROM.timestamp()) + round(hours * 3600)) * SECOND_NS


def _series(home: str, entity_id: str, tags: dict[str, str]) -> Series:
    domain, _, name = entity_id.partition(".")
    named = {"friendly_name": name.replace("_", " ")} | tags
    return Series(home=home, entity_id=entity_id, domain=domain, **named)
