"""What Home Assistant's registries say of an entity: area, device, floor, labels, integration.

A device may be the child of another (core 2026 and newer). Without an area of its own it is where its parent is; labels
it has only its own.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    area_id: str | None = None
    parent_device_id: str | None = None
    modified_at: _Seconds = 0.0


class _Entity(Struct):
    entity_id: str
    platform: str | None = None
    area_id: str | None = None
    device_id: str | None = None
    labels: tuple[str, ...] = ()
    name: str | None = None
    original_name: str | None = None
    modified_at: _Seconds = 0.0


_T = TypeVar("_T")


class Registry:
    """The registries as of one moment; a value: an update makes a new one.

    `modified_at` is in Unix seconds, as the registries of core 2024.8 and newer carry it.
    """

    def __init__(self, answers: Mapping[str, Raw] | None = None) -> None:
        self._answers = dict(answers or {})
        self._floors = {floor.floor_id: floor for floor in self._list("floors", _Floor)}
        self._areas = {area.area_id: area for area in self._list("areas", _Area)}
        self._labels = {label.label_id: label for label in self._list("labels", _Label)}
        self._devices = {device.id: device for device in self._list("devices", _Device)}
        self._lines = {device.id: self._line(device) for device in self._devices.values()}
        self._entities = {entity.entity_id: entity for entity in self._list("entities", _Entity)}

    def updated(self, answers: Mapping[str, Raw]) -> Registry:
        """Return the registries after newer answers; what they do not name stays. Raises `UNREADABLE`."""
        return Registry(self._answers | dict(answers))

    def area(self, entity_id: str) -> str | None:
        """Return the name of the entity's area, its own, or its device's, or that of its device's parent."""
        found = self._area(self._entities.get(entity_id))
        return found.name if found else None

    def records(self, home: str, friendly_names: Mapping[str, str]) -> dict[str, EntityRecord]:
        """Return what is known of every registered entity; its time is when its newest part was modified."""
        return {
            entity.entity_id: self._record(home, entity, friendly_names.get(entity.entity_id))
            for entity in self._entities.values()
        }

    def _list(self, name: str, kind: type[_T]) -> list[_T]:
        answer = self._answers.get(name)
        return [] if answer is None else msgspec.json.decode(answer, type=list[kind])  # type: ignore[valid-type]  # built at run time

    def _area(self, entity: _Entity | None) -> _Area | None:
        if entity is None:
            return None
        line = self._lines.get(entity.device_id or "")
        return self._areas.get(entity.area_id or (line[-1].area_id if line else None) or "")

    def _line(self, device: _Device | None) -> list[_Device]:
        """Return the device and, until one has an area, its parents; none of them twice."""
        line: list[_Device] = []
        while device and device not in line:
            line.append(device)
            device = None if device.area_id else self._devices.get(device.parent_device_id or "")
        return line

    def _record(self, home: str, entity: _Entity, friendly_name: str | None) -> EntityRecord:
        line = self._lines.get(entity.device_id or "", [])
        device = line[0] if line else None
        area = self._area(entity)
        floor = self._floors.get(area.floor_id or "") if area else None
        labels = [self._labels[label] for label in entity.labels if label in self._labels]
        parts = [entity, *labels, *line, *(part for part in (area, floor) if part)]
        return EntityRecord(
            time_ns=instants.to_ns(round(max(part.modified_at for part in parts) * instants.SECOND_US)),
            home=home,
            entity_id=entity.entity_id,
            domain=entity.entity_id.partition(".")[0],
            friendly_name=friendly_name or entity.name or entity.original_name,
            device=(device.name_by_user or device.name) if device else None,
            area=area.name if area else None,
            floor=floor.name if floor else None,
            labels=tuple(sorted(label.name for label in labels)),
            integration=entity.platform,
        )
