"""A simulated home: entities of many kinds that change, registries, states. Pure and repeatable by its seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from msgspec import Struct

from ingestor.model import instants
from ingestor.simulator.recorder import KEPT_ROWS, SimulatedRecorder

Json = dict[str, Any]
VERSION = "2025.4.4"
_MODIFIED_AT = 1_795_421_403.005485
_TEXTS = ['say "hello"', "comma, and = sign", "two\nlines", "Café 漢字 😀", "back\\slash", "", "plain"]
_ROOMS = ("Living room", "Kitchen", 'Café, "front"', "Garage")


class Kind(Struct, frozen=True):
    """A kind of entity: its domain, attributes that stay, and how its next state is drawn."""

    name: str
    domain: str
    attributes: Json
    draw: Callable[[Random, int], str]
    more: Callable[[Random, int], Json] = lambda _random, _number: {}


def _number(low: float, high: float, digits: int = 2) -> Callable[[Random, int], str]:
    return lambda random, _number: f"{random.uniform(low, high):.{digits}f}"


def _one_of(*states: str) -> Callable[[Random, int], str]:
    return lambda _random, number: states[number % len(states)]


def _measured(unit: str, device_class: str) -> Json:
    return {"unit_of_measurement": unit, "device_class": device_class, "state_class": "measurement"}


KINDS = (
    Kind("temperature", "sensor", _measured("°C", "temperature"), _number(-10, 35)),
    Kind("outdoor", "sensor", _measured("°F", "temperature"), _number(10, 95)),
    Kind("pressure", "sensor", _measured("inHg", "atmospheric_pressure"), _number(29, 31)),
    Kind("power", "sensor", _measured("kW", "power"), _number(0, 9, 3)),
    Kind("energy", "sensor", _measured("Wh", "energy"), lambda _random, number: str(number)),
    Kind("motion", "binary_sensor", {"device_class": "motion"}, _one_of("on", "off")),
    Kind(
        "lamp",
        "light",
        {"supported_color_modes": ["xy", "brightness"]},
        _one_of("on", "off"),
        lambda random, number: {"rgb_color": [number % 256, 7, 9], "brightness": random.randrange(256)},
    ),
    Kind("cover", "cover", {"device_class": "shutter"}, _one_of("closed", "opening", "open", "closing")),
    Kind("lock", "lock", {}, _one_of("locked", "unlocked")),
    Kind("climate", "climate", {"hvac_modes": ["off", "heat"]}, _one_of("heat", "off")),
    Kind("player", "media_player", {}, _one_of("playing", "paused", "off")),
    Kind("person", "person", {}, _one_of("home", "not_home", "Work")),
    Kind("text", "sensor", {}, _one_of(*_TEXTS)),
    Kind("steady", "sensor", {}, lambda _random, _number: "steady", lambda _random, number: {"seq": number}),
    Kind(
        "morphing", "sensor", {}, _number(0, 1), lambda _random, n: {"morph": [n, str(n), [n], None, {"n": n}][n % 5]}
    ),
    Kind("flaky", "sensor", _measured("W", "power"), _one_of("1", "unavailable", "2", "unknown")),
    Kind("fleeting", "sensor", {"unit_of_measurement": "hPa"}, _one_of("1", "2", "removed", "3")),
)


class SimulatedHome:
    """The home's present. `change` brings the next change, as Home Assistant's bus would tell it.

    `zones` are entities that never change, as every real home has some; `recorded` rows are kept by its recorder.
    """

    def __init__(
        self,
        *,
        entities: int = 100,
        seed: int = 1,
        zones: int = 0,
        recorded: int = KEPT_ROWS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._stepped_seconds = 0.0
        self.recorder = SimulatedRecorder(self.now, recorded)
        self.running = True
        self.recovery_mode = False
        self.version = VERSION
        self.place: tuple[float | None, float | None] = (52.0, 5.0)
        self.states: dict[str, Json] = {}
        self.ids = [f"{_kind(n).domain}.sim_{_kind(n).name}_{n // len(KINDS)}" for n in range(entities)]
        self._random = Random(seed)  # noqa: S311  a simulation
        self._changes = 0
        self._last_us = 0
        self._turns = self._next_turn()
        zone = {"friendly_name": "Simulated zone"}
        self.born = [self._fire(f"zone.sim_{number}", ("0", zone)) for number in range(zones)]
        self.notifications: dict[str, Json] = {}

    def notify(self, service: str, data: Json) -> None:
        """Show a persistent notification, or take it away."""
        if service == "dismiss":
            self.notifications.pop(data["notification_id"], None)
        else:
            self.notifications[data["notification_id"]] = data

    def change(self) -> Json:
        """Return the next state change, as the `event` of a message, and keep the new state."""
        while True:
            number, turn = next(self._turns)
            entity_id, kind = self.ids[number], _kind(number)
            state = kind.draw(self._random, turn)
            if state == "removed" and entity_id not in self.states:
                continue
            return self._fire(entity_id, None if state == "removed" else (state, self._attributes(number, turn)))

    def put(self, entity_id: str, state: str | None, attributes: Json) -> Json:
        """Give an entity a state, or remove it; return that change."""
        return self._fire(entity_id, None if state is None else (state, attributes))

    def step_clock(self, seconds: float) -> None:
        """Set its clock forward, or back."""
        self._stepped_seconds += seconds
        self._last_us = 0

    def now(self) -> float:
        """Return its present, in Unix seconds."""
        return self._clock() + self._stepped_seconds

    def registry(self, name: str) -> list[Json]:
        """Return a registry: `floor`, `area`, `label`, `device` or `entity`."""
        stamps = {"created_at": _MODIFIED_AT, "modified_at": _MODIFIED_AT}
        match name:
            case "floor":
                return [{"floor_id": "ground", "name": "Ground floor", "level": 0, **stamps}]
            case "label":
                return [{"label_id": "critical", "name": "Critical, loads", **stamps}]
            case "area":
                return [
                    {"area_id": f"room_{n}", "name": r, "floor_id": "ground", **stamps} for n, r in enumerate(_ROOMS)
                ]
            case "device":
                devices = [(f"device_{n}", f"Simulated device {n}", f"room_{n}") for n in range(len(_ROOMS))]
                return [{"id": i, "name": n, "name_by_user": None, "area_id": a, **stamps} for i, n, a in devices]
        return [self._registered(number, entity_id, stamps) for number, entity_id in enumerate(self.ids)]

    def config(self) -> Json:
        """Return what `get_config` answers."""
        latitude, longitude = self.place
        return {
            "latitude": latitude,
            "longitude": longitude,
            "time_zone": "Europe/Amsterdam",
            "state": "RUNNING" if self.running else "STARTING",
            "recovery_mode": self.recovery_mode,
            "version": self.version,
        }

    def _next_turn(self) -> Iterator[tuple[int, int]]:
        turn = 0
        while True:
            for number in self._random.sample(range(len(self.ids)), len(self.ids)):
                yield number, turn
            turn += 1

    def _attributes(self, number: int, turn: int) -> Json:
        kind = _kind(number)
        name = f"Simulated {kind.name} {number // len(KINDS)}"
        return {**kind.attributes, **kind.more(self._random, turn), "friendly_name": name}

    def _fire(self, entity_id: str, new: tuple[str, Json] | None) -> Json:
        self._changes += 1
        at = self._moment()
        context = {"id": f"01SIM{self._changes:021d}", "parent_id": None, "user_id": None}
        if self._changes % 10 == 0:
            context["user_id"] = "a5f1d0"
        elif self._changes % 10 == 5:  # noqa: PLR2004  another tenth
            context["parent_id"] = f"01SIM{self._changes - 1:021d}"
        old = self.states.pop(entity_id, None)
        state: Json | None = None
        if new is not None:
            stamps = {"last_changed": at, "last_reported": at, "last_updated": at}
            state = {"entity_id": entity_id, "state": new[0], "attributes": new[1], **stamps, "context": context}
            self.states[entity_id] = state
        self.recorder.write(entity_id, at, state)
        data = {"entity_id": entity_id, "old_state": old, "new_state": state}
        return {"event_type": "state_changed", "data": data, "origin": "LOCAL", "time_fired": at, "context": context}

    def _moment(self) -> str:
        """Return the present; no two changes share a microsecond."""
        self._last_us = max(self._last_us + 1, instants.of_seconds(self.now()))
        return instants.text(self._last_us)

    def _registered(self, number: int, entity_id: str, stamps: Json) -> Json:
        return {
            "entity_id": entity_id,
            "platform": "simulator",
            "area_id": f"room_{number % len(_ROOMS)}" if number % 3 == 0 else None,
            "device_id": f"device_{number % len(_ROOMS)}" if number % 2 == 0 else None,
            "labels": ["critical"] if number % 5 == 0 else [],
            "name": None,
            "original_name": entity_id,
            **stamps,
        }


def _kind(number: int) -> Kind:
    return KINDS[number % len(KINDS)]
