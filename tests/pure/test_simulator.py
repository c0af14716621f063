"""The simulated home speaks as the real one was seen to speak."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from ingestor.homeassistant import wire
from ingestor.simulator.home import KINDS, SimulatedHome
from ingestor.simulator.session import Closed, ServerSession
from tests.servers.samples import SAMPLES, received


def keys(value: Any) -> Any:
    """Return what of a message is its shape: the names, and whether something is there."""
    return {name: keys(part) for name, part in value.items()} if isinstance(value, dict) else type(value)


def home(**options: Any) -> SimulatedHome:
    return SimulatedHome(clock=lambda: 1_795_421_403.0, **options)


def authenticated(simulated: SimulatedHome) -> ServerSession:
    session = ServerSession(simulated, "token")
    session.receive('{"type": "auth", "access_token": "token"}')
    return session


def test_the_same_seed_makes_the_same_changes_and_no_two_share_a_moment() -> None:
    first, second = home(entities=40, seed=7), home(entities=40, seed=7)
    changes = [first.change() for _ in range(500)]
    assert changes == [second.change() for _ in range(500)]
    assert changes != [home(entities=40, seed=8).change() for _ in range(500)]
    assert all(earlier["time_fired"] < later["time_fired"] for earlier, later in pairwise(changes))


def test_each_change_follows_the_one_before_and_every_kind_takes_part() -> None:
    simulated = home(entities=len(KINDS))
    states: dict[str, Any] = {}
    for _ in range(20 * len(KINDS)):
        data = simulated.change()["data"]
        assert data["old_state"] == states.pop(data["entity_id"], None)
        if data["new_state"]:
            states[data["entity_id"]] = data["new_state"]
    assert states == simulated.states
    assert len(simulated.ids) == len(KINDS)


def test_a_change_has_the_shape_of_a_real_one_and_is_decoded_whole() -> None:
    simulated = home(entities=1)
    simulated.change()
    event = simulated.change()
    real = received("event_state_changed_temp_c")
    session = authenticated(simulated)
    session.receive('{"id": 1, "type": "subscribe_events", "event_type": "state_changed"}')
    [message] = session.event_messages(event)
    attributes = ("unit_of_measurement", "device_class", "state_class", "friendly_name")
    for sample in (message, real):
        for state in ("old_state", "new_state"):
            sample["event"]["data"][state]["attributes"] = dict.fromkeys(attributes, "")
        for context in (sample["event"]["context"], sample["event"]["data"]["old_state"]["context"],
                        sample["event"]["data"]["new_state"]["context"]):  # fmt: skip
            context["user_id"] = None
            context["parent_id"] = None
    assert keys(message) == keys(real)
    [decoded] = wire.decode(json.dumps(message))
    assert isinstance(decoded, wire.Message)


ASKED = ("ping", "supported_features", "get_config", "subscribe_events_result", "config_area_registry_list")
REFUSED = ("error_unknown_command", "error_id_reuse", "error_not_a_command", "error_unsubscribe_not_found")


def exchange(name: str) -> tuple[str, Any]:
    sample = json.loads((SAMPLES / f"{name}.json").read_text())
    return json.dumps(sample["_sent"]), sample["received"]


@pytest.mark.parametrize("name", [*ASKED, *REFUSED])
def test_commands_are_answered_as_a_real_one_answers(name: str) -> None:
    sent, real = exchange(name)
    session = authenticated(home())
    if name == "error_id_reuse":
        session.receive(sent)
    [answer] = session.receive(sent)
    short = ("id", "type", "success", "error")
    assert {key: answer.get(key) for key in short} == {key: real.get(key) for key in short}
    assert type(answer.get("result")) is type(real.get("result"))


@pytest.mark.parametrize("name", ["auth_invalid", "auth_malformed"])
def test_a_refused_login_is_answered_and_closed_as_a_real_one_does(name: str) -> None:
    sent, real = exchange(name)
    with pytest.raises(Closed) as closed:
        ServerSession(home(), "another token").receive(sent)
    [answer] = closed.value.messages
    assert answer["type"] == real["type"]
    assert real["message"].startswith(answer["message"])


def test_what_is_no_json_closes_without_a_word() -> None:
    with pytest.raises(Closed) as closed:
        authenticated(home()).receive("{")
    assert closed.value.messages == ()
