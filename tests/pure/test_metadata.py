from __future__ import annotations

import json
from typing import Any, TypeAlias

import pytest
from msgspec import Raw

from ingestor.homeassistant.registry import Registry
from ingestor.model.records import EntityRecord
from ingestor.model.unreadable import UNREADABLE
from tests.servers.samples import received

NAMES = {"floors": "floor", "areas": "area", "labels": "label", "devices": "device", "entities": "entity"}
SAMPLED = {name: received(f"config_{word}_registry_list")["result"] for name, word in NAMES.items()}


def answers(**changed: Any) -> dict[str, Raw]:
    return {name: Raw(json.dumps(content).encode()) for name, content in (SAMPLED | changed).items()}


def recorded(registry: Registry, entity_id: str) -> EntityRecord:
    record = registry.record("home", entity_id)
    assert record is not None
    return record


def test_a_real_home_is_described_whole() -> None:
    registry = Registry(answers())
    assert registry.entity_ids == {entity["entity_id"] for entity in SAMPLED["entities"]}
    [entity] = [one for one in SAMPLED["entities"] if one["entity_id"] == "sensor.lg_temp_f_0000"]
    [device] = [one for one in SAMPLED["devices"] if one["id"] == entity["device_id"]]
    assert registry.record("home", "sensor.lg_temp_f_0000", "Attic") == EntityRecord(
        time_ns=1_795_421_403_005_898_000,
        home="home",
        entity_id="sensor.lg_temp_f_0000",
        domain="sensor",
        friendly_name="Attic",
        device="Loadgen device 0",
        area="Garage",
        floor="Ground floor",
        labels=("Critical, loads",),
        integration="loadgen",
        registry_id=entity["id"],
        model=device["model"],
        manufacturer=device["manufacturer"],
    )


def test_the_area_is_the_entity_s_own_or_its_device_s() -> None:
    registry = Registry(answers())
    ids = ("sensor.lg_temp_f_0000", "sensor.lg_power_w_0002", "sensor.sun_next_dawn", "sensor.nobody_knows")
    assert [registry.place(entity_id).area for entity_id in ids] == ["Garage", "Utility room", None, None]


Devices: TypeAlias = dict[str, tuple[str | None, str | None]]

FAMILIES: dict[str, tuple[Devices, str | None]] = {  # of devices, each as (area, parent); the entity is of "child"
    "its own": ({"child": ("garden", "parent"), "parent": ("attic", None)}, "Garden"),
    "its parent's": ({"child": (None, "parent"), "parent": ("attic", None)}, "Attic"),
    "its grandparent's": ({"child": (None, "parent"), "parent": (None, "old"), "old": ("attic", None)}, "Attic"),
    "of the nearest": ({"child": (None, "parent"), "parent": ("garden", "old"), "old": ("attic", None)}, "Garden"),
    "of none": ({"child": (None, "parent"), "parent": (None, None)}, None),
    "of a parent that is gone": ({"child": (None, "parent")}, None),
    "of itself": ({"child": (None, "child")}, None),
    "of a circle": ({"child": (None, "parent"), "parent": (None, "child")}, None),
    "of a circle beside it": ({"child": (None, "a"), "a": (None, "b"), "b": (None, "a")}, None),
}


def family(devices: Devices, moved_at: float = 1.0) -> Registry:
    told = [
        {"id": id_, "name": f"The {id_}", "area_id": area, "parent_device_id": parent}
        | ({"modified_at": 1.0} if id_ == "child" else {"modified_at": moved_at, "labels": ["of_parent"]})
        for id_, (area, parent) in devices.items()
    ]
    areas = [{"area_id": name.lower(), "name": name, "floor_id": f"under_{name}"} for name in ("Attic", "Garden")]
    floors = [{"floor_id": f"under_{name}", "name": f"Under {name}"} for name in ("Attic", "Garden")]
    labels = [{"label_id": "of_parent", "name": "Of a parent"}]
    entity = {"entity_id": "light.one", "device_id": "child"}
    return Registry(answers(devices=told, areas=areas, floors=floors, labels=labels, entities=[entity]))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_child_without_an_area_is_where_its_parent_is_and_has_none_of_its_labels(name: str) -> None:
    devices, area = FAMILIES[name]
    registry = family(devices)
    record = recorded(registry, "light.one")
    assert registry.place("light.one").area == area
    assert (record.device, record.area, record.floor) == ("The child", area, area and f"Under {area}")
    assert record.labels == ()


def test_a_child_moves_with_its_parent() -> None:
    before, after = (
        family({"child": (None, "parent"), "parent": (a, None)}, at) for a, at in (("attic", 1.0), ("garden", 7.5))
    )
    records = [recorded(one, "light.one") for one in (before, after)]
    assert [(one.area, one.floor, one.time_ns) for one in records] == [
        ("Attic", "Under Attic", 1_000_000_000),
        ("Garden", "Under Garden", 7_500_000_000),
    ]


def test_a_name_given_by_the_user_goes_first() -> None:
    devices = [SAMPLED["devices"][0] | {"name_by_user": "Our star"}]
    entities = [SAMPLED["entities"][0] | {"name": "Dawn"}, SAMPLED["entities"][1]]
    registry = Registry(answers(devices=devices, entities=entities))
    records = [recorded(registry, one["entity_id"]) for one in entities]
    assert [(r.device, r.friendly_name) for r in records] == [("Our star", "Dawn"), ("Our star", "Next dusk")]


def test_a_record_is_as_new_as_its_newest_part() -> None:
    labels = [SAMPLED["labels"][0] | {"modified_at": 1_795_500_000.25}]
    record = recorded(Registry(answers(labels=labels)), "sensor.lg_temp_f_0000")
    assert record.time_ns == 1_795_500_000_250_000_000


def test_an_update_keeps_what_it_does_not_name_and_leaves_the_old_value_alone() -> None:
    before = Registry(answers())
    renamed = [area | {"name": f"New {area['name']}"} for area in SAMPLED["areas"]]
    after = before.updated({"areas": Raw(json.dumps(renamed).encode())})
    assert [one.place("sensor.lg_temp_f_0000").area for one in (before, after)] == ["Garage", "New Garage"]


NESTED = b'[{"area_id": "a", "more": ' + b"[" * 100_000
FAR = b'[{"area_id": "a", "modified_at": 1e300}]'


@pytest.mark.parametrize("answer", [b"null", b"{}", b'[{"name": "no id"}]', b"[1]", b"[", NESTED, FAR])
def test_an_answer_that_can_not_be_read_raises(answer: bytes) -> None:
    with pytest.raises(UNREADABLE):
        Registry(answers()).updated({"areas": Raw(answer)})


def test_what_points_nowhere_is_absent() -> None:
    entity = {"entity_id": "light.lost", "area_id": "gone", "device_id": "gone", "labels": ["gone"]}
    record = recorded(Registry(answers(entities=[entity])), "light.lost")
    assert record == EntityRecord(time_ns=0, home="home", entity_id="light.lost", domain="light")
