"""Which entities are stored, by what a user includes and excludes."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.homeassistant.registry import Traits
from ingestor.live.selection import Selection
from ingestor.model.rules import by_level

KITCHEN = Traits(labels=("no_history", "no history"), areas=("kitchen", "küche"), integration="mqtt")


@pytest.mark.parametrize(
    ("include", "exclude", "reason"),
    [
        ("", "", None),
        ("", "sensor.kitchen_power", "excluded_by_entity"),
        ("", "label:no_history", "excluded_by_label"),
        ("", "label:No History", "excluded_by_label"),
        ("", "label:no_*", "excluded_by_label"),
        ("", "sensor.*_power", "excluded_by_glob"),
        ("", "area:Küche", "excluded_by_area"),
        ("", "area:kitchen", "excluded_by_area"),
        ("", "device_class:power", "excluded_by_device_class"),
        ("", "integration:mqtt", "excluded_by_integration"),
        ("", "sensor.*", "excluded_by_domain"),
        ("", "domain:sensor", "excluded_by_domain"),
        ("", "area:hall,label:other,integration:zha,light.*,device_class:energy", None),
        ("light.*", "", "not_included"),
        ("light.kitchen", "", "not_included"),
        ("light.kitchen", "light.hall", "not_included"),
        ("light.kitchen", "light.*", None),
        ("sensor.*", "sensor.kitchen_*", "excluded_by_glob"),
        ("sensor.*", "area:kitchen", "excluded_by_area"),
        ("area:kitchen", "sensor.*", None),
        ("sensor.kitchen_*", "sensor.*_power", None),
        ("sensor.*_power", "label:no_history", "excluded_by_label"),
        ("sensor.kitchen_power", "label:no_history", None),
        ("label:no_history", "sensor.kitchen_power", "excluded_by_entity"),
        ("integration:mqtt", "device_class:power", "excluded_by_device_class"),
        ("device_class:power", "integration:mqtt", None),
    ],
)
def test_the_most_specific_rule_decides(include: str, exclude: str, reason: str | None) -> None:
    selection = Selection(_rules(include), _rules(exclude))
    assert selection.why_not("sensor.kitchen_power", KITCHEN, "power") == reason


def test_of_what_is_in_no_registry_nothing_but_its_id_counts() -> None:
    selection = Selection((), ("area:*", "label:*", "integration:*", "device_class:?*"))
    assert selection.why_not("sensor.kitchen_power", Traits()) is None


@pytest.mark.parametrize(
    ("include", "exclude", "is_stored"),
    [
        ("sensor.*", "", True),
        ("", "domain:tibber", True),
        ("", "statistic:tibber:*", False),
        ("sensor.*", "statistic:tibber:energy", False),
        ("statistic:tibber:energy", "statistic:tibber:*", True),
    ],
)
def test_a_statistic_that_is_no_entity_is_left_out_by_name_alone(include: str, exclude: str, is_stored: object) -> None:
    selection = Selection(_rules(include), _rules(exclude))
    assert (selection.why_not("tibber:energy", Traits()) is None) is is_stored


@pytest.mark.parametrize("rule", ["lable:x", "label:", ":x", "sensor.[a", "sensor .a", "sensor.a;light.b"])
def test_what_is_no_rule_is_told(rule: str) -> None:
    with pytest.raises(ValueError, match=r"is no rule|must be entities"):
        by_level([rule])


def _rules(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(",") if part)


IDS = ["light.a", "light.b", "sensor.a", "sensor.b", "switch.a"]
PATTERNS = st.lists(st.sampled_from([*IDS, "light.*", "sensor.*", "switch.*", "*.a", "sensor.?", "l*t.b"]), max_size=4)


@given(PATTERNS, PATTERNS, st.sampled_from(IDS))
def test_entities_globs_and_domains_are_taken_as_home_assistant_does(
    include: list[str], exclude: list[str], entity_id: str
) -> None:
    assert (Selection(include, exclude).why_not(entity_id, Traits()) is None) is _as_there(include, exclude, entity_id)


def _as_there(include: list[str], exclude: list[str], entity_id: str) -> bool:  # noqa: PLR0911  as there
    """Say what its documentation of filters says, case by case (home-assistant.io/integrations/recorder, "Filters")."""
    included, excluded = by_level(include), by_level(exclude)

    def met(rules: dict[str, tuple[str, ...]], *levels: str) -> bool:
        patterns = [f"{of}.*" if level == "domain" else of for level in levels for of in rules.get(level, ())]
        return any(fnmatchcase(entity_id, pattern) for pattern in patterns)

    everywhere = ("entity", "glob", "domain")
    if not include:
        return not met(dict(excluded), *everywhere)
    if not exclude:
        return met(dict(included), *everywhere)
    if met(dict(included), "entity") or met(dict(excluded), "entity"):
        return met(dict(included), "entity")
    if "glob" in included or "domain" in included:
        if met(dict(included), "glob") or met(dict(excluded), "glob"):
            return met(dict(included), "glob")
        return met(dict(included), "domain")
    if "glob" in excluded or "domain" in excluded:
        return not met(dict(excluded), "glob", "domain")
    return False
