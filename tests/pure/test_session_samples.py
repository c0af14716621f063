"""A whole session against what a real Home Assistant sent: login, answers, subscription, changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ingestor.homeassistant.session import SYNCHRONISING, Phase, Session
from ingestor.model.errors import CredentialsRefused, RemoteProtocolError
from tests.servers.samples import SAMPLES, frame, messages, received

SAMPLE_OF = {type_: type_.replace("/", "_") for type_ in SYNCHRONISING.values()}


def logged_in() -> tuple[Session, list[dict[str, Any]]]:
    session = Session("secret")
    session.receive(frame("auth_required"))
    return session, [json.loads(text) for text in session.receive(frame("auth_ok"))]


def answer(command: dict[str, Any]) -> str:
    return frame(SAMPLE_OF.get(command["type"], "subscribe_events_result"), id=command["id"])


@pytest.mark.parametrize("coalesced", [False, True])
def test_a_real_home_is_read_whole(*, coalesced: bool) -> None:
    session, asked = logged_in()
    answers = [answer(command) for command in asked]
    frames = ["[" + ",".join(answers) + "]"] if coalesced else answers
    subscribed = [command for one in frames for text in session.receive(one) for command in messages(text)]
    assert {name: json.loads(bytes(raw)) for name, raw in session.results.items()} == {
        name: received(SAMPLE_OF[type_])["result"] for name, type_ in SYNCHRONISING.items()
    }
    session.receive(json.dumps(json.loads((SAMPLES / "coalesced_frame.json").read_text())["received"]["frame"]))
    assert session.is_at(Phase.SUBSCRIBING)
    for command in reversed(subscribed):
        assert session.receive(answer(command)) == []
    assert session.is_at(Phase.LIVE)


def test_answers_in_any_order_and_events_between_them_do_no_harm() -> None:
    session, asked = logged_in()
    subscribed: list[str] = []
    for command in reversed(asked):
        session.receive(frame("event_state_changed_light"))
        subscribed += session.receive(answer(command))
    assert session.is_at(Phase.SUBSCRIBING)
    assert len(subscribed) == 1


@pytest.mark.parametrize("name", ["error_unknown_command", "error_id_reuse", "error_not_a_command"])
def test_a_refused_question_leaves_the_others(name: str) -> None:
    session, asked = logged_in()
    for command in asked:
        refused = command["type"] == "get_states"
        session.receive(frame(name, id=command["id"]) if refused else answer(command))
    assert set(session.results) == set(SYNCHRONISING) - {"states"}
    assert session.is_at(Phase.SUBSCRIBING)


@pytest.mark.parametrize("name", ["auth_invalid", "auth_malformed"])
def test_every_refused_login_is_told_in_home_assistant_s_words(name: str) -> None:
    session = Session("secret")
    session.receive(frame("auth_required"))
    with pytest.raises(CredentialsRefused) as raised:
        session.receive(frame(name))
    assert str(raised.value) == f"Home Assistant refused HA_TOKEN: {received(name)['message']}"


@pytest.mark.parametrize("garbage", ["", "{", "[" * 100_000, "\x00"])
def test_garbage_after_the_greeting_is_survived_and_before_it_is_told(garbage: str) -> None:
    with pytest.raises(RemoteProtocolError, match="does not speak like Home Assistant"):
        Session("secret").receive(garbage)
    session, _ = logged_in()
    assert session.receive(garbage) == []
    assert session.is_at(Phase.SYNCHRONISING)
