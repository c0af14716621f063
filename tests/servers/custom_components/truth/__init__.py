"""Changes states of every kind in a real Home Assistant, and keeps the list of truth: what its bus said.

Service `truth.run`: `count` changes in all, at `rate` a second, of which `bursts` times `burst` in one loop tick; the
others are made every `step` seconds, those of one step in one tick, which Home Assistant sends as one frame; with a
`step` of 0 each has a tick of its own.
Service `truth.register`: put an entity into the registry, before its first state; with a `state`, and the `area` of
its new device, that is given at once, as integrations do.
Service `truth.move`: give an entity another area, or one of the devices, by its name.
Service `truth.put`: give an entity a state with attributes; without a state it is removed.
Service `truth.rename`: give an entity another id, as its integration does: the registry first, then the state.
Service `truth.spoil`: give an entity a state whose attributes have no JSON, then two more, as an integration may.

With `slow_seconds` its set-up takes so long, and `sensor.slow` has a state from then on.

What the bus says is in `truth.jsonl` before any other listener hears it, so that it survives a kill -9. The file
`load.json` holds options of `truth.run`; they are carried out again and again from the start-up on.
"""

import asyncio
import json
import os
import time
from pathlib import Path
from random import Random

import voluptuous as vol
from homeassistant.config_entries import SOURCE_IMPORT
from homeassistant.core import Context, CoreState, callback
from homeassistant.helpers import area_registry, device_registry, entity_registry, floor_registry, label_registry

from .kinds import HALF_CHANGING, KINDS

DOMAIN = "truth"
CONFIG_SCHEMA = vol.Schema({}, extra=vol.ALLOW_EXTRA)
ROOMS = ["Attic", "Kitchen", 'Café, "front"']
STEP_SECONDS = 0.01
MOST_IN_A_STEP = 1000  # of those that came due while Home Assistant was busy: 4,096 at once cut every client off
COPIES = 4
AREA_OF_DEVICE = getattr(device_registry, "async_get_effective_area_id", lambda hass, device: device.area_id)


async def async_setup(hass, config):
    """Make registries and services; listen to the bus from the first moment."""
    truth = Truth(hass)
    hass.data[DOMAIN] = truth
    await hass.async_add_executor_job(truth.open)
    truth.begin()
    if not hass.config_entries.async_entries(DOMAIN):
        hass.async_create_task(truth.populate())
    else:
        truth.ready()
    if seconds := (config[DOMAIN] or {}).get("slow_seconds"):
        await asyncio.sleep(seconds)
        hass.states.async_set("sensor.slow", "there")
    for service in (truth.run, truth.put, truth.register, truth.move, truth.rename, truth.spoil):
        hass.services.async_register(DOMAIN, service.__name__, service)
    return True


async def async_setup_entry(hass, entry):
    """Take the entry that devices belong to."""
    return True


class Truth:
    """The changes made and heard."""

    def __init__(self, hass):
        self.hass = hass
        self.file = -1
        self.load = None
        self.persons = {}
        self.directory = Path(hass.config.config_dir)

    def open(self):
        """Open the list, and read what load is wanted."""
        self.file = os.open(self.directory / "truth.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        load = self.directory / "load.json"
        if load.exists():
            self.load = json.loads(load.read_text())

    @callback
    def begin(self):
        """Listen; note what there was before."""
        self.hass.bus.async_listen("state_changed", self.heard)
        self.persons = {state.entity_id: state for state in self.hass.states.async_all("person")}
        for state in self.hass.states.async_all():
            self.note(state.entity_id, None, state, state.last_updated, state.context, unheard=True)
        if self.load is not None:
            self.hass.async_create_background_task(self.keep_changing(**self.load), "truth load")

    async def keep_changing(self, **options):
        """Make changes for ever."""
        while True:
            await self.change(**options)

    async def populate(self):
        """Register rooms, devices, labels and entities, once."""
        await self.hass.config_entries.flow.async_init(DOMAIN, context={"source": SOURCE_IMPORT}, data={})
        [entry] = self.hass.config_entries.async_entries(DOMAIN)
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
            child = self.child(entry, device, name)
            for copy, owner in ((0, child), (2, device)):
                entity = entities.async_get_or_create(
                    domain, DOMAIN, f"{name}_{copy}", suggested_object_id=f"{name}_{copy}", config_entry=entry,
                    device_id=owner.id, original_name=f"{name} {copy}",
                )  # fmt: skip
                own = areas[(place + 1) % len(areas)].id if copy == 2 else None
                entities.async_update_entity(entity.entity_id, area_id=own, labels={label.label_id})
        self.ready()

    def child(self, entry, device, name):
        """Return a child of a device, without an area of its own; where there are none yet, the device."""
        devices = device_registry.async_get(self.hass)
        if not hasattr(devices, "async_get_or_create_child"):
            return device
        return devices.async_get_or_create_child(
            config_entry_id=entry.entry_id, identifiers={(DOMAIN, f"{name} child")}, name=f"Child of {name}",
            parent_device_id=device.id,
        )  # fmt: skip

    def ready(self):
        """Say that the component is set up."""
        (self.directory / "truth_ready").write_text("yes")

    @callback
    def heard(self, event):
        """Note what the bus said."""
        data, context = event.data, event.context
        if data["entity_id"].startswith("person."):  # what the states are now, older releases hear of later
            self.persons[data["entity_id"]] = data["new_state"]
        self.note(data["entity_id"], data["old_state"], data["new_state"], event.time_fired, context)

    @callback
    def note(self, entity_id, old, new, at, context, *, unheard=False):
        line = {
            "entity_id": entity_id,
            "time_fired": at.isoformat(),
            "true_ns": time.monotonic_ns(),
            "boot": os.getpid(),
            "unheard": unheard,
            "context": [context.id, context.parent_id, context.user_id],
            "old": old and [old.state, old.last_updated.isoformat()],
            "new": new and [new.state, dict(new.attributes), new.last_updated.isoformat()],
            "area": self.area(entity_id),
            "persons_home": self.persons_home(),
        }
        try:
            text = json.dumps(line)
        except TypeError:
            text = json.dumps(line | {"has_no_json": True}, default=str)
        os.write(self.file, text.encode() + b"\n")

    def persons_home(self):
        """Return how many persons are at home; none while nothing is known of any, or they are still to come."""
        states = [state.state for state in self.persons.values() if state is not None]
        if not states and self.hass.state is not CoreState.running:
            return None
        if states and all(state in ("unknown", "unavailable") for state in states):
            return None
        return states.count("home")

    def area(self, entity_id):
        """Return the name of the entity's area, its own or, as Home Assistant says, its device's."""
        entity = entity_registry.async_get(self.hass).async_get(entity_id)
        if entity is None:
            return None
        device = device_registry.async_get(self.hass).async_get(entity.device_id) if entity.device_id else None
        area_id = entity.area_id or (AREA_OF_DEVICE(self.hass, device) if device else None)
        area = area_registry.async_get(self.hass).async_get_area(area_id) if area_id else None
        return area.name if area else None

    async def register(self, call):
        """Put an entity into the registry, before its first state: an id that is in use is not given again."""
        domain, name = call.data["entity_id"].split(".")
        [entry] = self.hass.config_entries.async_entries(DOMAIN)
        device = None
        if area := call.data.get("area"):
            devices = device_registry.async_get(self.hass)
            device = devices.async_get_or_create(
                config_entry_id=entry.entry_id, identifiers={(DOMAIN, name)}, name=name
            )
            area_id = area_registry.async_get(self.hass).async_get_or_create(area).id
            devices.async_update_device(device.id, area_id=area_id)
        entity_registry.async_get(self.hass).async_get_or_create(
            domain, DOMAIN, name, suggested_object_id=name, config_entry=entry, device_id=device and device.id
        )
        if "state" in call.data:
            self.hass.states.async_set(call.data["entity_id"], call.data["state"])

    async def run(self, call):
        """Make changes in the background; `done` is written at the end."""
        self.hass.async_create_background_task(self.finish(call.data), "truth")

    async def change(self, count=100, rate=100, burst=0, bursts=0, seed=1, prefix="", step=STEP_SECONDS):
        random = Random(seed)
        turns = self.turns(random, prefix)
        loop = asyncio.get_running_loop()
        spread = count - burst * bursts
        every = spread // (bursts + 1) + 1
        began, made, due = loop.time(), 0, 0
        while made < spread:
            due = min(spread, int((loop.time() - began) * rate) + 1, made + MOST_IN_A_STEP)
            while made < due:
                next(turns)
                made += 1
                if bursts and made % every == 0:
                    for _ in range(burst):
                        next(turns)
                if not step:
                    await asyncio.sleep(0)
            await asyncio.sleep(step or STEP_SECONDS / 10)

    async def finish(self, options):
        """Make changes, then say so."""
        await self.change(**options)
        await self.hass.async_add_executor_job((self.directory / "done").write_text, "yes")

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
                    said = attributes(random, turn) | extra
                    forced = name not in HALF_CHANGING
                    self.hass.states.async_set(entity_id, state, said, force_update=forced, context=context)
                yield
            turn += 1

    async def move(self, call):
        """Give an entity or a device another area, by its name."""
        area = area_registry.async_get(self.hass).async_get_or_create(call.data["area"])
        if name := call.data.get("device"):
            devices = device_registry.async_get(self.hass)
            devices.async_update_device(devices.async_get_device({(DOMAIN, name)}).id, area_id=area.id)
        else:
            entity_registry.async_get(self.hass).async_update_entity(call.data["entity_id"], area_id=area.id)

    async def rename(self, call):
        """Give an entity another id."""
        old, new = call.data["entity_id"], call.data["new_entity_id"]
        entity_registry.async_get(self.hass).async_update_entity(old, new_entity_id=new)
        state = self.hass.states.get(old)
        self.hass.states.async_remove(old)
        self.hass.states.async_set(new, state.state, state.attributes, force_update=True)

    async def put(self, call):
        """Set a state, or remove it."""
        entity_id, state = call.data["entity_id"], call.data.get("state")
        if state is None:
            self.hass.states.async_remove(entity_id, context=Context())
        else:
            attributes, forced = call.data.get("attributes", {}), call.data.get("forced", True)
            self.hass.states.async_set(entity_id, state, attributes, force_update=forced, context=Context())

    async def spoil(self, call):
        """Make three changes of which the first cannot be told."""
        entity_id = call.data["entity_id"]
        self.hass.states.async_set(entity_id, "1", {"spoilt": object()}, force_update=True)
        for state in ("2", "3"):
            await asyncio.sleep(STEP_SECONDS)
            self.hass.states.async_set(entity_id, state, {}, force_update=True)
