"""Who caused a change: the run of an automation or a script, a user, or a device."""

from __future__ import annotations

from typing import Any

import pytest

from ingestor.enrichment.causes import REMEMBERED, Causes
from ingestor.homeassistant.wire import Context, State
from ingestor.model.instants import moment
from tests.pure.test_event import Home, answer
from tests.servers.changes import change, state


def run(entity_id: str, context: str, **more: Any) -> State:
    return State(entity_id, "on", moment(0), context=Context(context, **more))


KNOWN = [
    run("automation.lights", "run"),
    run("script.sleep", "run"),
    run("script.morning", "pressed", user_id="u"),
    run("automation.other", "toggled", user_id="u"),
    run("automation.second", "child", parent_id="run"),
]


@pytest.mark.parametrize(
    ("entity_id", "context", "cause"),
    [
        ("light.a", Context("run"), ("automation", "automation.lights")),
        ("light.a", Context("new", parent_id="run"), ("automation", "automation.lights")),
        ("light.a", Context("child", parent_id="run"), ("automation", "automation.second")),
        ("automation.second", Context("child", parent_id="run"), ("automation", "automation.lights")),
        ("automation.lights", Context("run"), ("device", None)),
        ("script.sleep", Context("run"), ("automation", "automation.lights")),
        ("light.a", Context("pressed", user_id="u"), ("user", "script.morning")),
        ("light.a", Context("toggled", user_id="u"), ("user", None)),
        ("light.a", Context("x", parent_id="unknown"), ("automation", None)),
        ("light.a", Context("x"), ("device", None)),
    ],
)
def test_a_cause_is_found_by_its_context(entity_id: str, context: Context, cause: tuple[str, str | None]) -> None:
    assert Causes().learned(KNOWN).of(entity_id, context) == cause


def test_only_the_newest_runs_are_remembered() -> None:
    causes = Causes().learned(run("automation.a", f"r{number}") for number in range(REMEMBERED + 1))
    assert [causes.of("light.a", Context(f"r{number}"))[1] for number in (0, 1)] == [None, "automation.a"]


def test_what_a_trigger_of_time_does_is_told_by_the_automation_s_own_row_which_comes_first() -> None:
    home = Home()
    person = state(0, "home", user_id="u") | {"entity_id": "person.ada"}
    home.events(*answer("states", [person]))
    home.stream.accept()
    messages = [
        change(1, "on", entity_id="automation.evening", context="run"),
        change(2, "on", entity_id="light.a", context="run"),
        change(3, "off", entity_id="light.a", context="by hand", user_id="u"),
        change(4, "on", entity_id="light.a", context="at the wall"),
    ]
    told = [(one.caused_by, one.caused_by_entity) for one in home.events(*messages)]
    assert told == [
        ("device", None),
        ("automation", "automation.evening"),
        ("user", "person.ada"),
        ("device", None),
    ]
