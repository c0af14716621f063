from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestor.homeassistant import wire
from ingestor.model import instants
from tests.servers.samples import frame, received, state_changes


@pytest.mark.parametrize("name", state_changes())
def test_every_sampled_change_is_decoded_whole(name: str) -> None:
    sample = received(name)["event"]
    [message] = wire.decode(frame(name))
    assert isinstance(message, wire.Message)
    assert message.event is not None
    assert message.event.context.id == sample["context"]["id"]
    new = message.event.data.new_state
    if sample["data"]["new_state"] is None:
        assert new is None
    else:
        assert new is not None
        assert new.state == sample["data"]["new_state"]["state"]
        assert json.loads(bytes(new.attributes)) == sample["data"]["new_state"]["attributes"]


def test_a_bad_message_does_not_cost_its_neighbours() -> None:
    good = received("event_state_changed_motion")
    bad = json.loads(json.dumps(good))
    bad["event"]["data"]["new_state"]["last_updated"] = "yesterday"
    first, second, third = wire.decode(json.dumps([good, bad, good]))
    assert first == third
    assert isinstance(first, wire.Message)
    assert isinstance(second, wire.Undecodable)
    assert second.is_event


@pytest.mark.parametrize("text", ["", "{", "[", "[{]", "null", "3", '"text"', '{"type": 3}', "[3]", "\udc80"])
def test_garbage_is_told_and_survived(text: str) -> None:
    [message] = wire.decode(text)
    assert isinstance(message, wire.Undecodable)


@given(st.text())
def test_no_text_raises(text: str) -> None:
    wire.decode(text)


@given(st.integers(min_value=0, max_value=4_000_000_000_000_000))
def test_microseconds_are_exact(at_us: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    assert instants.microseconds(moment) == at_us
