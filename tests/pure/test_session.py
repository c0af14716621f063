from __future__ import annotations

import json

import pytest

from ingestor.homeassistant.session import REGISTRY_EVENTS, SYNCHRONISING, Phase, Session
from ingestor.model.errors import CredentialsRefused, RemoteProtocolError
from tests.servers.samples import frame, messages


def sent(frames: list[str]) -> list[dict[str, object]]:
    return [message for text in frames for message in messages(text)]


def result(number: object, *, success: bool = True, payload: object = None) -> str:
    return json.dumps({"id": number, "type": "result", "success": success, "result": payload})


def synchronised() -> tuple[Session, list[dict[str, object]]]:
    session = Session("secret")
    session.receive(frame("auth_required"))
    asked = sent(session.receive(frame("auth_ok")))
    answers = [json.loads(result(command["id"], payload=command["type"])) for command in asked]
    return session, sent(session.receive(json.dumps(answers)))


def test_the_token_is_sent_only_when_asked_for() -> None:
    session = Session("secret")
    assert sent(session.receive(frame("auth_required"))) == [{"type": "auth", "access_token": "secret"}]
    assert session.is_at(Phase.LOGIN)


def test_everything_is_asked_for_before_the_subscription() -> None:
    session = Session("secret")
    session.receive(frame("auth_required"))
    asked = sent(session.receive(frame("auth_ok")))
    assert [command["type"] for command in asked] == ["supported_features", *SYNCHRONISING.values()]
    assert [command["id"] for command in asked] == list(range(1, len(asked) + 1))
    assert session.version == "2025.4.4"


def test_the_subscription_follows_the_last_answer_and_a_refused_command_is_absent() -> None:
    session = Session("secret")
    session.receive(frame("auth_required"))
    asked = sent(session.receive(frame("auth_ok")))
    for command in asked[1:-1]:
        assert session.receive(result(command["id"], success=command["type"] != "get_config")) == []
    [text] = session.receive(result(asked[-1]["id"], payload=[]))  # one frame, so that no event comes in between
    [subscribe, cut, *others] = sent([text])
    assert [command["event_type"] for command in (subscribe, *others)] == ["state_changed", *REGISTRY_EVENTS]
    assert cut == {"id": session.cut_id, "type": "get_states"}
    assert set(session.results) == set(SYNCHRONISING) - {"config"}
    assert session.is_at(Phase.SUBSCRIBING)


def test_the_confirmed_subscription_is_live() -> None:
    session, subscribed = synchronised()
    session.receive(frame("event_state_changed_motion"))
    assert session.is_at(Phase.SUBSCRIBING)
    session.receive(result(subscribed[0]["id"]))
    assert session.is_at(Phase.LIVE)


def test_a_refused_subscription_is_an_error() -> None:
    session, subscribed = synchronised()
    with pytest.raises(RemoteProtocolError) as raised:
        session.receive(result(subscribed[0]["id"], success=False))
    assert raised.value.code == "subscription_refused"


@pytest.mark.parametrize(
    "refusal", [frame("auth_invalid"), '{"type": "auth_invalid", "message": "Invalid access token secret"}']
)
def test_a_refused_token_is_told_without_the_token(refusal: str) -> None:
    session = Session("secret")
    session.receive(frame("auth_required"))
    with pytest.raises(CredentialsRefused, match="Invalid access token") as raised:
        session.receive(refusal)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("text", ["<html>", "[]x", '{"type": "hello"}', '{"no": 1}'])
def test_what_is_not_home_assistant_is_told_apart(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        Session("secret").receive(text)


def test_the_session_has_left_when_the_pong_of_its_last_ping_came() -> None:
    session, subscribed = synchronised()
    session.receive(result(subscribed[0]["id"]))
    ping = json.loads(session.leave())
    session.receive(json.dumps({"id": 1, "type": "pong"}))
    assert session.is_at(Phase.LEAVING)
    session.receive(json.dumps([{"type": "event", "id": 9}, {"id": ping["id"], "type": "pong"}]))
    assert session.is_at(Phase.LEFT)
