from __future__ import annotations

import json
from typing import Any

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


def test_a_real_home_is_described_whole() -> None:
    records = Registry(answers()).records("home", {"sensor.lg_temp_f_0000": "Attic"})
    assert set(records) == {entity["entity_id"] for entity in SAMPLED["entities"]}
    assert records["sensor.lg_temp_f_0000"] == EntityRecord(
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
    )


def test_the_area_is_the_entity_s_own_or_its_device_s() -> None:
    registry = Registry(answers())
    ids = ("sensor.lg_temp_f_0000", "sensor.lg_power_w_0002", "sensor.sun_next_dawn", "sensor.nobody_knows")
    assert [registry.area(entity_id) for entity_id in ids] == ["Garage", "Utility room", None, None]


def test_a_name_given_by_the_user_goes_first() -> None:
    devices = [SAMPLED["devices"][0] | {"name_by_user": "Our star"}]
    entities = [SAMPLED["entities"][0] | {"name": "Dawn"}, SAMPLED["entities"][1]]
    records = Registry(answers(devices=devices, entities=entities)).records("home", {})
    assert [(r.device, r.friendly_name) for r in records.values()] == [("Our star", "Dawn"), ("Our star", "Next dusk")]


def test_a_record_is_as_new_as_its_newest_part() -> None:
    labels = [SAMPLED["labels"][0] | {"modified_at": 1_795_500_000.25}]
    record = Registry(answers(labels=labels)).records("home", {})["sensor.lg_temp_f_0000"]
    assert record.time_ns == 1_795_500_000_250_000_000


def test_an_update_keeps_what_it_does_not_name_and_leaves_the_old_value_alone() -> None:
    before = Registry(answers())
    renamed = [area | {"name": f"New {area['name']}"} for area in SAMPLED["areas"]]
    after = before.updated({"areas": Raw(json.dumps(renamed).encode())})
    assert [one.area("sensor.lg_temp_f_0000") for one in (before, after)] == ["Garage", "New Garage"]


NESTED = b'[{"area_id": "a", "more": ' + b"[" * 100_000
FAR = b'[{"area_id": "a", "modified_at": 1e300}]'


@pytest.mark.parametrize("answer", [b"null", b"{}", b'[{"name": "no id"}]', b"[1]", b"[", NESTED, FAR])
def test_an_answer_that_can_not_be_read_raises(answer: bytes) -> None:
    with pytest.raises(UNREADABLE):
        Registry(answers()).updated({"areas": Raw(answer)})


def test_what_points_nowhere_is_absent() -> None:
    entity = {"entity_id": "light.lost", "area_id": "gone", "device_id": "gone", "labels": ["gone"]}
    record = Registry(answers(entities=[entity])).records("home", {})["light.lost"]
    assert record == EntityRecord(time_ns=0, home="home", entity_id="light.lost", domain="light")
