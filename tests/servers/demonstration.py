"""What a user does in a home with Home Assistant's own demonstrations, `demo` and `kitchen_sink`.

They show an entity of nearly every domain, devices with children, and persons. Areas, floors, labels, names, ids and
units are changed by the commands that the user's browser sends.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.servers.asking import CLIENT
from tests.servers.home_assistant import RealHome
from tests.servers.home_said import Row, Said
from tests.servers.home_socket import ask

LISTS = {"floors": "floor", "areas": "area", "labels": "label", "devices": "device", "entities": "entity"}
PASSWORD = "s3cret"  # noqa: S105  of a demonstration
ACTIONS: list[tuple[str, str, Row]] = [
    ("light.turn_on", "light.bed_light", {"brightness": 77}),
    ("light.turn_off", "light.kitchen_lights", {}),
    ("climate.set_temperature", "climate.heatpump", {"temperature": 23.5}),
    ("climate.set_humidity", "climate.hvac", {"humidity": 55}),
    ("climate.set_hvac_mode", "climate.hvac", {"hvac_mode": "off"}),
    ("cover.set_cover_tilt_position", "cover.living_room_window", {"tilt_position": 33}),
    ("media_player.volume_set", "media_player.bedroom", {"volume_level": 0.25}),
    ("media_player.turn_off", "media_player.walkman", {}),
    ("media_player.select_source", "media_player.lounge_room", {"source": "dvd"}),
    ("fan.turn_on", "fan.percentage_full_fan", {"percentage": 66}),
    ("humidifier.set_humidity", "humidifier.hygrostat", {"humidity": 44}),
    ("humidifier.turn_off", "humidifier.dehumidifier", {}),
    ("water_heater.set_temperature", "water_heater.demo_water_heater", {"temperature": 52}),
    ("water_heater.set_operation_mode", "water_heater.demo_water_heater_celsius", {"operation_mode": "off"}),
    ("lawn_mower.start_mowing", "lawn_mower.mower_can_mow", {}),
    ("alarm_control_panel.alarm_arm_home", "alarm_control_panel.security", {"code": "1234"}),
    ("siren.turn_off", "siren.siren_with_all_features", {}),
    ("number.set_value", "number.volume", {"value": 12.5}),
    ("select.select_option", "select.speed", {"option": "light_speed"}),
    ("text.set_value", "text.password", {"value": PASSWORD}),
    ("text.set_value", "text.text", {"value": "007"}),
    ("date.set_value", "date.date", {"date": "2026-05-06"}),
    ("time.set_value", "time.time", {"time": "07:08:09"}),
    ("datetime.set_value", "datetime.date_and_time", {"datetime": "2026-05-06T07:08:09+02:00"}),
    ("button.press", "button.push", {}),
    ("switch.toggle", "switch.ac", {}),
    ("remote.turn_on", "remote.remote_one", {}),
    ("camera.turn_off", "camera.demo_camera", {}),
]
UNITS: dict[str, tuple[str, ...]] = {  # what each entity is changed to, one after the other
    "sensor.outside_temperature": ("°F", "K", "°C"),
    "sensor.total_energy_kwh": ("MWh", "kcal", "GJ"),
    "sensor.total_energy_mwh": ("Wh", "MJ", "TWh"),
    "sensor.total_gas_m3": ("ft³", "CCF", "L"),
    "sensor.power_consumption": ("kW", "BTU/h", "TW"),
    "sensor.carbon_monoxide": ("ppb", "mg/m³", "μg/m³"),
    "number.temperature_setting": ("°F", "K", "°F"),
}
HUMID = {
    "type": "config/entity_registry/update",
    "entity_id": "sensor.damp",
    "new_entity_id": "sensor.humid",
}
WEATHER = [{"temperature_unit": unit, "wind_speed_unit": "mph"} for unit in ("°F", "°C", "°F")]


def said(home: RealHome) -> Said:
    names = [{"type": f"config/{word}_registry/list"} for word in LISTS.values()]
    states, *lists = ask(home, {"type": "get_states"}, *names)
    return Said(states, **dict(zip(LISTS, lists, strict=True)))


def update(kind: str, id_: str, **changes: Any) -> Row:
    return {"type": f"config/{kind}_registry/update", f"{kind}_id": id_, **changes}


def units(turn: int) -> list[Row]:
    """Return the commands by which a user changes units."""
    chosen = [
        update("entity", of, options_domain=of.partition(".")[0], options={"unit_of_measurement": all_[turn]})
        for of, all_ in UNITS.items()
    ]
    return [*chosen, update("entity", "weather.demo_weather_south", options_domain="weather", options=WEATHER[turn])]


def strip_of(home: Said) -> str:
    """Return the id of a device that has children."""
    outlet = home.entities["sensor.power_strip_with_2_sockets_outlet_1_power"]["device_id"]
    return str(home.devices[outlet]["parent_device_id"])


def arrange(home: RealHome) -> None:
    """Give entities and devices their places, labels, names and ids, as a user does."""
    before = said(home)
    floor, of_entity, of_device, person = ask(
        home,
        {"type": "config/floor_registry/create", "name": 'Cellar, "deep"'},
        {"type": "config/label_registry/create", "name": "Kritisch"},
        {"type": "config/label_registry/create", "name": "Of a device"},
        {"type": "person/create", "name": "Paulus", "device_trackers": ["device_tracker.demo_paulus"]},
    )
    assert person
    vault, roof = ask(
        home,
        {"type": "config/area_registry/create", "name": "Vault", "floor_id": floor["floor_id"]},
        {"type": "config/area_registry/create", "name": "Roof"},
    )
    labels, hvac = [of_device["label_id"]], before.entities["climate.hvac"]["device_id"]
    ask(
        home,
        update("device", strip_of(before), area_id=vault["area_id"], labels=labels),
        update("device", hvac, area_id=roof["area_id"], labels=labels),
        update("entity", "light.bed_light", area_id=vault["area_id"], labels=[of_entity["label_id"]], name="Night"),
        update("entity", "sensor.outside_humidity", new_entity_id="sensor.damp"),
        update("entity", "number.pwm_1", disabled_by="user"),
    )


def act(home: RealHome, actions: Iterable[tuple[str, str, Row]], *more: Row) -> list[Row]:
    """Do it all; return the states that there were on the way."""
    seen: list[Row] = []
    headers = {"Authorization": f"Bearer {home.token}"}
    for action, entity_id, data in actions:
        home.call(*action.split("."), entity_id=entity_id, **data)
        seen.append(CLIENT.get(f"{home.url}/api/states/{entity_id}", headers=headers).json())
    ask(home, *more)
    return seen
