"""Changes states of every kind in a real Home Assistant, and keeps the list of truth: what its bus said.

Service `truth.run`: `count` changes in all, at `rate` a second, of which `bursts` times `burst` in one loop tick.
Service `truth.flush`: write what the bus said since the last flush to `truth.jsonl`, then the mark to `flushed`.
Service `truth.move`: give an entity another area.
Service `truth.put`: give an entity a state with attributes; without a state it is removed.
"""

import asyncio
import json
from pathlib import Path
from random import Random

import voluptuous as vol
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import Context, callback
from homeassistant.helpers import area_registry, device_registry, entity_registry, floor_registry, label_registry

DOMAIN = "truth"
CONFIG_SCHEMA = vol.Schema({}, extra=vol.ALLOW_EXTRA)
TEXTS = [
    'say "hello"',
    "comma, and = sign",
    "two\nlines",
    "Café 漢字 😀",
    "back\\slash\\",
    "",
    " ",
    "it's",
    "1_000",
    "nan",
]
ROOMS = ["Attic", "Kitchen", 'Café, "front"']
STEP_SECONDS = 0.01


def number(low, high):
    return lambda random, turn: f"{random.uniform(low, high):.3f}"


def one_of(*states):
    return lambda random, turn: states[turn % len(states)]


def measured(unit, device_class):
    return lambda random, turn: {
        "unit_of_measurement": unit, "device_class": device_class, "state_class": "measurement",
    }  # fmt: skip


def plain(**attributes):
    return lambda random, turn: attributes


KINDS = [
    ("celsius", "sensor", number(-20, 40), measured("°C", "temperature")),
    ("fahrenheit", "sensor", number(0, 100), measured("°F", "temperature")),
    ("kelvin", "sensor", number(250, 310), measured("K", "temperature")),
    ("watt", "sensor", number(0, 3000), measured("W", "power")),
    ("kilowatt", "sensor", number(0, 9), measured("kW", "power")),
    ("hectopascal", "sensor", number(980, 1040), measured("hPa", "atmospheric_pressure")),
    ("inches", "sensor", number(29, 31), measured("inHg", "atmospheric_pressure")),
    ("watthours", "sensor", lambda random, turn: str(turn), measured("Wh", "energy")),
    ("lux", "sensor", number(0, 9999), measured("lx", "illuminance")),
    ("motion", "binary_sensor", one_of("on", "off"), plain(device_class="motion")),
    ("switch", "switch", one_of("off", "on"), plain()),
    (
        "lamp", "light", one_of("on", "off"),
        lambda random, turn: {"rgb_color": [turn % 256, 7, 9], "brightness": random.randrange(256), "effect": None},
    ),
    ("cover", "cover", one_of("closed", "opening", "open", "closing"), plain(device_class="shutter")),
    ("valve", "valve", one_of("closed", "open"), plain()),
    ("lock", "lock", one_of("locked", "unlocked"), plain()),
    ("climate", "climate", one_of("heat", "off", "cool"), plain(hvac_modes=["off", "heat", "cool"])),
    ("player", "media_player", one_of("playing", "paused", "off", "idle"), plain(volume_level=0.1)),
    ("tracker", "device_tracker", one_of("home", "not_home", "Work"), plain(source_type="gps")),
    ("visitor", "person", one_of("home", "not_home", "Work"), plain()),
    ("text", "sensor", lambda random, turn: TEXTS[turn % len(TEXTS)], plain()),
    ("steady", "sensor", one_of("steady"), lambda random, turn: {"seq": turn}),
    (
        "morphing", "sensor", number(0, 1),
        lambda random, turn: {"morph": [turn, str(turn), [turn], None, {"n": turn}, True][turn % 6]},
    ),
    ("flaky", "sensor", one_of("1", "unavailable", "2", "unknown"), measured("W", "power")),
    ("fleeting", "sensor", one_of("1", "2", None, "3"), measured("hPa", "pressure")),
    ("typeless", "sensor", number(0, 9), lambda random, turn: {"device_class": turn % 7, "unit_of_measurement": None}),
]  # fmt: skip
COPIES = 4


async def async_setup(hass, config):
    """Make registries and services; listen to the bus from the first moment."""
    truth = Truth(hass)
    hass.data[DOMAIN] = truth
    hass.bus.async_listen("state_changed", truth.heard)
    if not hass.config_entries.async_entries(DOMAIN):
        hass.async_create_task(truth.populate())
    else:
        truth.ready()
    hass.services.async_register(DOMAIN, "run", truth.run)
    hass.services.async_register(DOMAIN, "flush", truth.flush)
    hass.services.async_register(DOMAIN, "move", truth.move)
    hass.services.async_register(DOMAIN, "put", truth.put)
    return True


async def async_setup_entry(hass, entry):
    """Take the entry that devices belong to."""
    return True


class Truth:
    """The changes made and heard."""

    def __init__(self, hass):
        self.hass = hass
        self.lines = []
        self.persons_home = 0
        self.directory = Path(hass.config.config_dir)

    async def populate(self):
        """Register rooms, devices, labels and entities, once."""
        entry = ConfigEntry(
            version=1, minor_version=1, domain=DOMAIN, title="Truth", data={}, source="import", unique_id=None,
            options={}, discovery_keys={}, subentries_data=(),
        )  # fmt: skip
        await self.hass.config_entries.async_add(entry)
        floor = floor_registry.async_get(self.hass).async_create("Ground floor")
        label = label_registry.async_get(self.hass).async_create("Critical, loads")
        rooms = area_registry.async_get(self.hass)
        areas = [rooms.async_update(rooms.async_get_or_create(name).id, floor_id=floor.floor_id) for name in ROOMS]
        devices = device_registry.async_get(self.hass)
        entities = entity_registry.async_get(self.hass)
        for place, (name, domain, *_) in enumerate(KINDS):
            device = devices.async_get_or_create(
                config_entry_id=entry.entry_id, identifiers={(DOMAIN, name)}, name=f"Device {name}"
            )
            devices.async_update_device(device.id, area_id=areas[place % len(areas)].id)
            for copy in range(0, COPIES, 2):
                entity = entities.async_get_or_create(
                    domain, DOMAIN, f"{name}_{copy}", suggested_object_id=f"{name}_{copy}", config_entry=entry,
                    device_id=device.id, original_name=f"{name} {copy}",
                )  # fmt: skip
                own = areas[(place + 1) % len(areas)].id if copy == 2 else None
                entities.async_update_entity(entity.entity_id, area_id=own, labels={label.label_id})
        self.ready()

    def ready(self):
        """Say that the component is set up."""
        (self.directory / "truth_ready").write_text("yes")

    @callback
    def heard(self, event):
        """Note what the bus said."""
        data, context = event.data, event.context
        if data["entity_id"].startswith("person."):
            self.persons_home = sum(state.state == "home" for state in self.hass.states.async_all("person"))
        old, new = data["old_state"], data["new_state"]
        self.lines.append(
            {
                "entity_id": data["entity_id"],
                "time_fired": event.time_fired.isoformat(),
                "context": [context.id, context.parent_id, context.user_id],
                "old": old and [old.state, old.last_updated.isoformat()],
                "new": new and [new.state, dict(new.attributes), new.last_updated.isoformat()],
                "area": self.area(data["entity_id"]),
                "persons_home": self.persons_home,
            }
        )

    def area(self, entity_id):
        """Return the name of the entity's area, its own or its device's."""
        entity = entity_registry.async_get(self.hass).async_get(entity_id)
        if entity is None:
            return None
        device = device_registry.async_get(self.hass).async_get(entity.device_id) if entity.device_id else None
        area_id = entity.area_id or (device.area_id if device else None)
        area = area_registry.async_get(self.hass).async_get_area(area_id) if area_id else None
        return area.name if area else None

    async def run(self, call):
        """Make changes in the background; `done` is written at the end."""
        self.hass.async_create_background_task(self.change(**call.data), "truth")

    async def change(self, count=100, rate=100, burst=0, bursts=0, seed=1, prefix=""):
        random = Random(seed)
        turns = self.turns(random, prefix)
        loop = asyncio.get_running_loop()
        spread = count - burst * bursts
        every = spread // (bursts + 1) + 1
        began, made, due = loop.time(), 0, 0
        while made < spread:
            due = min(spread, int((loop.time() - began) * rate) + 1)
            while made < due:
                next(turns)
                made += 1
                if bursts and made % every == 0:
                    for _ in range(burst):
                        next(turns)
            await asyncio.sleep(STEP_SECONDS)
        await self.hass.async_add_executor_job((self.directory / "done").write_text, str(seed))

    def turns(self, random, prefix):
        """Make one change with each step."""
        turn = 0
        while True:
            kinds = [(kind, copy) for kind in KINDS for copy in range(COPIES)]
            random.shuffle(kinds)
            for (name, domain, draw, attributes), copy in kinds:
                entity_id = f"{domain}.{prefix}{name}_{copy}"
                state = draw(random, turn)
                context = [Context(), Context(user_id="a5f1d0"), Context(parent_id="01PARENT")][random.randrange(3)]
                if state is None:
                    if not self.hass.states.async_remove(entity_id, context=context):
                        continue
                else:
                    extra = {"friendly_name": f"Truth {name} {copy}"} if copy != 3 else {}
                    self.hass.states.async_set(
                        entity_id, state, attributes(random, turn) | extra, force_update=True, context=context
                    )
                yield
            turn += 1

    async def move(self, call):
        """Give an entity another area, by its name."""
        area = area_registry.async_get(self.hass).async_get_or_create(call.data["area"])
        entity_registry.async_get(self.hass).async_update_entity(call.data["entity_id"], area_id=area.id)

    async def put(self, call):
        """Set a state, or remove it."""
        entity_id, state = call.data["entity_id"], call.data.get("state")
        if state is None:
            self.hass.states.async_remove(entity_id, context=Context())
        else:
            attributes = call.data.get("attributes", {})
            self.hass.states.async_set(entity_id, state, attributes, force_update=True, context=Context())

    async def flush(self, call):
        """Write what was heard."""
        lines, self.lines = self.lines, []
        await self.hass.async_add_executor_job(self.write, lines, call.data.get("mark", ""))

    def write(self, lines, mark):
        with (self.directory / "truth.jsonl").open("a") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines)
        (self.directory / "flushed").write_text(str(mark))
