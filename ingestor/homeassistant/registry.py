"""What Home Assistant's registries say of an entity: area, device, floor, labels, integration.

A device may be the child of another (core 2026 and newer). Without an area of its own it is where its parent is; labels
it has only its own. Beside the registries stands what the configuration says of every entity: the unit of temperatures.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from ingestor.model import instants
from ingestor.model.records import EntityRecord

_Seconds: TypeAlias = Annotated[float, Meta(ge=0, lt=2**33)]  # since 1970: databases hold no year beyond 2261


class _Floor(Struct):
    floor_id: str
    name: str = ""
    modified_at: _Seconds = 0.0


class _Area(Struct):
    area_id: str
    name: str = ""
    floor_id: str | None = None
    modified_at: _Seconds = 0.0


class _Label(Struct):
    label_id: str
    name: str = ""
    modified_at: _Seconds = 0.0


class _Device(Struct):
    id: str
    name: str | None = None
    name_by_user: str | None = None
    model: str | None = None
    manufacturer: str | None = None
    area_id: str | None = None
    parent_device_id: str | None = None
    labels: tuple[str, ...] = ()
    modified_at: _Seconds = 0.0


class _Entity(Struct):
    entity_id: str
    id: str | None = None
    entity_category: str | None = None
    disabled_by: str | None = None
    platform: str | None = None
    area_id: str | None = None
    device_id: str | None = None
    labels: tuple[str, ...] = ()
    name: str | None = None
    original_name: str | None = None
    modified_at: _Seconds = 0.0


class _UnitSystem(Struct, frozen=True):
    temperature: str | None = None


class _Config(Struct):
    unit_system: _UnitSystem = _UnitSystem()


class Startup(Struct, frozen=True):
    """How far a home has started, by the answer to `get_config`: before it runs it still adds entities.

    In `recovery_mode` it runs without its configuration: its registries answer as if they were empty.
    """

    state: str = "RUNNING"
    recovery_mode: bool = False

    @property
    def is_over(self) -> bool:
        """Whether it runs."""
        return self.state == "RUNNING"

    @property
    def is_complete(self) -> bool:
        """Whether it has every entity that it will have: what it lacks is gone."""
        return self.is_over and not self.recovery_mode


class Place(Struct, frozen=True):
    """Where an entity belongs, by the names that people gave; `integration` is what it comes from."""

    area: str | None = None
    floor: str | None = None
    device: str | None = None
    integration: str | None = None


NOWHERE = Place()


class Traits(Struct, frozen=True):
    """What rules may go by beside an entity's id: names and ids, in lower case; its device's labels among its own."""

    labels: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    integration: str = ""


_T = TypeVar("_T")
_NOTHING = Traits()


class Registry:
    """The registries as of one moment; a value: an update makes a new one.

    `temperature_unit` is that of Home Assistant's unit system, None where it is not known.

    `modified_at` is in Unix seconds, as the registries of core 2024.8 and newer carry it.
    """

    def __init__(self, answers: Mapping[str, Raw] | None = None, renamed: Mapping[str, str] | None = None) -> None:
        self._answers = dict(answers or {})
        self._floors = {floor.floor_id: floor for floor in self._list("floors", _Floor)}
        self._areas = {area.area_id: area for area in self._list("areas", _Area)}
        self._labels = {label.label_id: label for label in self._list("labels", _Label)}
        self._devices = {device.id: device for device in self._list("devices", _Device)}
        self._lines = {device.id: self._line(device) for device in self._devices.values()}
        self._entities = {entity.entity_id: entity for entity in self._list("entities", _Entity)}
        self._renamed = dict(renamed or {})
        self._places: dict[str, Place] = {}
        config = self._answers.get("config")
        self.temperature_unit = None if config is None else temperature_unit(config)

    def renamed(self, old: str, new: str) -> Registry:
        """Return the registries as an entity has another id: its states are heard before the next answer is.

        What `record` says of it waits for that.
        """
        return Registry(self._answers, {**self._renamed, new: self._renamed.get(old, old)})

    def updated(self, answers: Mapping[str, Raw]) -> Registry:
        """Return the registries after newer answers; what they do not name stays. Raises `UNREADABLE`."""
        return Registry(self._answers | dict(answers), {} if "entities" in answers else self._renamed)

    def place(self, entity_id: str) -> Place:
        """Return where an entity belongs; its area is its own, or its device's, or that of its device's parent."""
        known = self._places.get(entity_id)
        if known is None:
            known = self._places[entity_id] = self._find_place(self._entity(entity_id))
        return known

    def _find_place(self, entity: _Entity | None) -> Place:
        if entity is None:
            return NOWHERE
        area = self._area(entity)
        floor, device = self._floor(area), self._devices.get(entity.device_id or "")
        return Place(
            area=area.name if area else None,
            floor=floor.name if floor else None,
            device=_name(device),
            integration=entity.platform,
        )

    def traits(self, entity_id: str) -> Traits:
        """Return what is known of an entity; of one that is not registered, nothing."""
        entity = self._entity(entity_id)
        if entity is None:
            return _NOTHING
        device, area = self._devices.get(entity.device_id or ""), self._area(entity)
        labels = [*entity.labels, *(device.labels if device else ())]
        names = [self._labels[label].name for label in labels if label in self._labels]
        return Traits(
            labels=tuple(text.lower() for text in (*labels, *names)),
            areas=(area.area_id.lower(), area.name.lower()) if area else (),
            integration=(entity.platform or "").lower(),
        )

    @property
    def entity_ids(self) -> AbstractSet[str]:
        """The ids of all registered entities."""
        return self._entities.keys()

    def knows(self, entity_id: str) -> bool:
        """Return whether an entity has an entry."""
        return self._entity(entity_id) is not None

    def record(self, home: str, entity_id: str, friendly_name: str | None = None) -> EntityRecord | None:
        """Return what is known of a registered entity; its time is when its newest part was modified."""
        entity = self._entities.get(entity_id)
        return None if entity is None else self._record(home, entity, friendly_name)

    def _list(self, name: str, kind: type[_T]) -> list[_T]:
        answer = self._answers.get(name)
        return [] if answer is None else msgspec.json.decode(answer, type=list[kind])  # type: ignore[valid-type]  # built at run time

    def _entity(self, entity_id: str) -> _Entity | None:
        return self._entities.get(entity_id) or self._entities.get(self._renamed.get(entity_id, ""))

    def _area(self, entity: _Entity) -> _Area | None:
        line = self._lines.get(entity.device_id or "")
        return self._areas.get(entity.area_id or (line[-1].area_id if line else None) or "")

    def _line(self, device: _Device | None) -> list[_Device]:
        """Return the device and, until one has an area, its parents; none of them twice."""
        line: list[_Device] = []
        while device and device not in line:
            line.append(device)
            device = None if device.area_id else self._devices.get(device.parent_device_id or "")
        return line

    def _floor(self, area: _Area | None) -> _Floor | None:
        return self._floors.get(area.floor_id or "") if area else None

    def _record(self, home: str, entity: _Entity, friendly_name: str | None) -> EntityRecord:
        line = self._lines.get(entity.device_id or "", [])
        device = line[0] if line else None
        area = self._area(entity)
        floor = self._floor(area)
        named = {*entity.labels, *(device.labels if device else ())}
        labels = [self._labels[label] for label in named if label in self._labels]
        parts = [entity, *labels, *line, *(part for part in (area, floor) if part)]
        return EntityRecord(
            time_ns=instants.to_ns(round(max(part.modified_at for part in parts) * instants.SECOND_US)),
            home=home,
            entity_id=entity.entity_id,
            domain=entity.entity_id.partition(".")[0],
            friendly_name=friendly_name or entity.name or entity.original_name,
            device=_name(device),
            area=area.name if area else None,
            floor=floor.name if floor else None,
            labels=tuple(sorted(label.name for label in labels)),
            integration=entity.platform,
            registry_id=entity.id,
            model=device.model if device else None,
            manufacturer=device.manufacturer if device else None,
            entity_category=entity.entity_category,
            disabled=entity.disabled_by is not None,
        )


def _name(device: _Device | None) -> str | None:
    return (device.name_by_user or device.name) if device else None


def temperature_unit(config: Raw) -> str | None:
    """Return the unit of temperatures in Home Assistant's unit system, by the answer to `get_config`."""
    return msgspec.json.decode(config, type=_Config).unit_system.temperature
