"""What is stored of attributes: fields of one type for ever, no secrets, and what Home Assistant's recorder keeps."""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import asdict

from ingestor.enrichment import typed
from ingestor.enrichment.attributes import NOTHING_KEPT, Attributes, Kept
from ingestor.enrichment.plan import TAGS
from ingestor.enrichment.unrecorded import BY_DOMAIN, unrecorded
from ingestor.homeassistant import privacy
from ingestor.model.fields import DETAIL_FIELDS
from ingestor.model.records import Details

TYPES = {field.name: float if field.type == "float" else str for field in DETAIL_FIELDS}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.from_regex(r"-?[0-9.]{1,5}"),
    lambda part: st.lists(part, max_size=2) | st.dictionaries(st.text(max_size=3), part, max_size=2),
    max_leaves=4,
)
NAMES = sorted({name for fields in typed.FIELDS.values() for name in fields} | {"fan_mode", "x_text", "X Y", "x"})


def kept(domain: str, given_: dict[str, Any], wanted: Attributes | None = None, unit: str | None = "°C") -> Kept:
    text = json.dumps(given_, separators=(",", ":"), ensure_ascii=False)
    found = (wanted or Attributes()).keep(domain, None, Raw(text), unit)
    return Kept(found.text, found.details, found.chosen)


@pytest.mark.parametrize(
    ("domain", "said", "details"),
    [
        (
            "climate",
            {"current_temperature": 20, "temperature": "21.5", "current_humidity": 40, "hvac_action": "heating"},
            Details(current_temperature=20.0, target_temperature=21.5, current_humidity=40.0, action="heating"),
        ),
        ("climate", {"temperature": None, "target_temp_high": 24, "humidity": 50}, Details(target_humidity=50.0)),
        ("water_heater", {"temperature": 60, "current_temperature": 55},
         Details(target_temperature=60.0, current_temperature=55.0)),
        ("humidifier", {"humidity": 45, "current_humidity": 40.5, "action": "drying"},
         Details(target_humidity=45.0, current_humidity=40.5, action="drying")),
        ("light", {"brightness": 128, "color_temp_kelvin": 2700}, Details(brightness=128.0)),
        ("cover", {"current_position": 0}, Details(position=0.0)),
        ("valve", {"current_position": 30}, Details(position=30.0)),
        ("fan", {"percentage": 33}, Details(percentage=33.0)),
        ("media_player", {"volume_level": 0.3, "media_title": "A", "source": "TV"},
         Details(volume=0.3, media_title="A", source="TV")),
        ("event", {"event_type": "press"}, Details(event_type="press")),
        ("weather", {"temperature": 7.5, "humidity": 81}, Details(current_temperature=7.5, current_humidity=81.0)),
        ("device_tracker", {"battery_level": 77}, Details(battery=77.0)),
        ("binary_sensor", {"battery": "99"}, Details(battery=99.0)),
        ("sensor", {"brightness": 5, "percentage": 3, "event_type": "x", "source": "y"}, None),
        ("light", {"brightness": True}, None),
        ("light", {"brightness": [1]}, None),
        ("light", {"brightness": "bright"}, None),
        ("media_player", {"media_title": 1984, "source": ""}, None),
    ],
)  # fmt: skip
def test_each_domain_has_its_fields(domain: str, said: dict[str, Any], details: Details | None) -> None:
    assert kept(domain, said).details == details


@pytest.mark.parametrize(
    ("domain", "said", "unit", "expected"),
    [
        ("climate", {"current_temperature": 68}, "°F", 20.0),
        ("water_heater", {"current_temperature": 212}, "°F", 100.0),
        ("weather", {"temperature": 50, "temperature_unit": "°F"}, "°C", 10.0),
        ("weather", {"temperature": 10, "temperature_unit": "°C"}, "°F", 10.0),
        ("weather", {"temperature": 50}, "°F", 10.0),
        ("climate", {"current_temperature": 68}, None, None),
    ],
)
def test_a_temperature_is_in_degrees_celsius(
    domain: str, said: dict[str, Any], unit: str | None, expected: float | None
) -> None:
    details = kept(domain, said, unit=unit).details
    assert (details.current_temperature if details else None) == (expected and pytest.approx(expected))


@given(
    st.sampled_from([*typed.FIELDS, "sensor"]),
    st.dictionaries(st.sampled_from(NAMES), anything, max_size=6),
    st.sampled_from(["°C", "°F", None]),
)
def test_a_field_has_one_type_whatever_an_integration_sends(
    domain: str, said: dict[str, Any], unit: str | None
) -> None:
    text = json.dumps(said)
    try:
        found = Attributes(names=("*",)).keep(domain, None, Raw(text), unit)
    except ValueError:
        return  # `NaN` and `Infinity` are no JSON: the event is kept in the quarantine
    for name, one in asdict(found.details or Details()).items():
        assert one is None or (type(one) is TYPES[name] and (isinstance(one, str) or isfinite(one)))
    for name, one in (found.chosen or {}).items():
        assert name.startswith("attr_")
        assert type(one) is (str if name.endswith("_text") else float)


SECRETS: dict[str, Any] = {
    "access_token": "5a1",
    "entity_picture": "/api/camera_proxy/camera.door?token=5a1",
    "entity_picture_local": "/x",
    "Password": "p",
    "wifi_passphrase": "p",
    "api_key": 7,
    "apiKey": "k",
    "client_secret": "s",
    "webhook_id": "w",
    "user_code": "1234",
    "pin": 1234,
    "stream": "rtsp://admin:hunter2@192.168.1.9/live",
    "url": "https://example.org/?x=1&token=5a1",
    "config": {"deep": [{"api_key": "k"}]},
}
HARMLESS: dict[str, Any] = {
    "friendly_name": "Pin board",
    "spinning": True,
    "shopping": "pinned",
    "url": "https://example.org/?page=2",
    "note": "a=b [c] {d}",
    "list": [{"name": "x"}],
}


@pytest.mark.parametrize("text", ["json", "all"])
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_never_stored(name: str, text: Literal["json", "all"]) -> None:
    found = kept("sensor", {name: SECRETS[name], "x": 1}, Attributes(text, names=("*",), location=True))
    assert (found.text, found.chosen) == ('{"x":1}', {"attr_x": 1.0})


def test_what_only_looks_like_a_secret_stays_the_very_text() -> None:
    text = json.dumps(HARMLESS)
    assert Attributes().keep("sensor", None, Raw(text), None).text == text


PLACES = {"latitude": 52.5, "longitude": 13.4, "gps_accuracy": 10, "Location": [52.5, 13.4], "at": {"lat": 1, "lon": 2}}


@pytest.mark.parametrize("name", PLACES)
def test_a_place_is_stored_only_where_it_is_wanted(name: str) -> None:
    said = {name: PLACES[name], "x": 1}
    assert kept("person", said).text == '{"x":1}'
    assert json.loads(kept("person", said, Attributes(location=True)).text or "") == said


def test_what_the_user_excludes_is_in_no_field_either() -> None:
    wanted = Attributes(exclude=("media_*", "icon"), names=("media_*", "volume_level"))
    found = kept("media_player", {"media_title": "A", "volume_level": 0.5, "icon": "i", "x": 1}, wanted)
    assert found == Kept('{"volume_level":0.5,"x":1}', Details(volume=0.5), {"attr_volume_level": 0.5})


def test_what_the_recorder_leaves_out_is_left_out_of_the_text_alone() -> None:
    said = {"friendly_name": "L", "supported_features": 4, "brightness": 7, "effect_list": ["a"], "x": "ü"}
    assert kept("light", said) == Kept('{"friendly_name":"L","x":"ü"}', Details(brightness=7.0))
    assert json.loads(kept("light", said, Attributes("all")).text or "") == said
    assert kept("light", said, Attributes("none")) == Kept(None, Details(brightness=7.0))


def test_an_integration_leaves_out_more() -> None:
    text = '{"friendly_name":"S","query":"q","unit_of_measurement":"W"}'
    assert Attributes().keep("sensor", "sql", Raw(text), None).text == '{"friendly_name":"S","unit_of_measurement":"W"}'
    assert Attributes().keep("sensor", "other", Raw(text), None).text == text


@pytest.mark.parametrize(
    ("domain", "integration", "left_out"),
    [
        ("climate", None, "target_humidity_step"),
        ("humidifier", None, "target_humidity_step"),
        ("cover", None, "supported_speeds"),
        ("light", "group", "group_entities"),
        ("event", "backup", "failed_reason"),
        ("event", "unifiprotect", "smart_detect_types"),
        ("sensor", "geosphere_austria_warnings", "warnings"),
        ("switch", "knx", "assumed_state"),
        ("sensor", "miele", "profile"),
    ],
)
def test_so_is_what_newer_recorders_leave_out(domain: str, integration: str | None, left_out: str) -> None:
    text = json.dumps({"friendly_name": "N", left_out: 1}, separators=(",", ":"))
    assert Attributes().keep(domain, integration, Raw(text), None).text == '{"friendly_name":"N"}'
    assert Attributes().keep("lock", None, Raw(text), None).text == text


def test_chosen_attributes_are_fields_named_after_them() -> None:
    said = {"Fan Speed": 3, "mode": "eco", "on": True, "off": False, "n": "12", "list": [1], "a_text": 5, "none": None}
    assert kept("fan", said, Attributes(names=("*",))).chosen == {
        "attr_fan_speed": 3.0,
        "attr_mode_text": "eco",
        "attr_on": 1.0,
        "attr_off": 0.0,
        "attr_n_text": "12",
    }
    assert kept("fan", said, Attributes(names=("mode", "o?"))).chosen == {"attr_mode_text": "eco", "attr_on": 1.0}


texts = st.text('a=@{"\\\\ü', max_size=4) | st.sampled_from([one for one in SECRETS.values() if isinstance(one, str)])
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**70) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda part: st.lists(part, max_size=2) | st.dictionaries(st.sampled_from([*SECRETS, *PLACES, "x"]), part),
    max_leaves=3,
)
ODD = ['say "x"', "back\\slash", "line\n", "", "ü", "location", "hvac_modes", "restored"]
states = st.dictionaries(st.sampled_from([*NAMES, *SECRETS, *PLACES, *ODD]), values, max_size=6)


def is_harmful(name: str, value: Any, *, location: bool, is_nested: bool = False) -> bool:
    """Return whether an attribute is never stored, as the head of `homeassistant/privacy.py` has it."""
    if privacy.is_secret(name) or (not location and privacy.is_place(name)):
        return True
    if isinstance(value, str):
        return "?token=" in value or "&token=" in value or "://admin:hunter2@" in value
    if isinstance(value, dict | list) and name.lower() == "location" and not location and not is_nested:
        return True
    if isinstance(value, list):
        value = {str(at): one for at, one in enumerate(value)}
    parts = value.items() if isinstance(value, dict) else ()
    return any(is_harmful(of, part, location=location, is_nested=True) for of, part in parts)


@given(
    st.lists(states, min_size=1, max_size=4),
    st.sampled_from(["climate", "media_player", "sensor"]),
    st.sampled_from([None, "group", "sql"]),
    st.sampled_from([("json", True), ("json", False), ("all", False)]),
)
def test_a_plan_keeps_what_the_table_says_whichever_attributes_it_was_made_for(
    said: list[dict[str, Any]], domain: str, integration: str | None, by: tuple[Literal["json", "all"], bool]
) -> None:
    text, location = by
    wanted, last = Attributes(text, exclude=("x*",), location=location), NOTHING_KEPT
    for one in said:
        found = wanted.keep(domain, integration, Raw(json.dumps(one)), "°F", last)
        harmless = {
            name: value
            for name, value in one.items()
            if not is_harmful(name, value, location=location) and not name.startswith("x")
        }
        fields: dict[str, Any] = {}
        for name, value in harmless.items():
            field = typed.field_of(domain, name)
            if field is None or field in fields:
                continue
            told = typed.READERS[field](Raw(json.dumps(value)), "°F")
            if told is not None:
                fields[field] = told
        assert json.loads(found.text or "") == {
            name: value
            for name, value in harmless.items()
            if text == "all" or not unrecorded(domain, integration, name)
        }
        assert found.details == (Details(**fields) if fields else None)
        assert found.tags == tuple(Raw(json.dumps(one[name]).encode()) if name in one else None for name in TAGS)
        last = found


def test_every_domain_of_the_table_names_attributes() -> None:
    assert all(names.split() for names in BY_DOMAIN.values())
