"""Nothing that a home says leaves with a secret in it: no record, whatever becomes of the message, and no word."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ingestor.homeassistant.privacy import HIDDEN, scrubbed
from ingestor.live.frames import Frame
from tests.pure.test_event import Home, answer
from tests.servers.changes import change, frame_of, state

FIELD = "input_text.door"
PASSWORD = {"mode": "password"}
SECRET = "hunter2"  # noqa: S105  it is the one to be looked for
CAMERA = {"access_token": SECRET, "entity_picture": f"/api/camera_proxy/camera.a?token={SECRET}"}


def field(number: int, said: str, **attributes: Any) -> dict[str, Any]:
    return state(number, said, **attributes) | {"entity_id": FIELD}


MESSAGES: dict[str, list[Any]] = {
    "a camera": [change(1, "idle", entity_id="camera.a", **CAMERA)],
    "a password": [change(1, SECRET, entity_id=FIELD, **PASSWORD)],
    "a password before": [change(2, "", entity_id=FIELD, old=field(1, SECRET, **PASSWORD), mode="text")],
    "a password that was missed": [change(2, None, entity_id=FIELD, old=field(1, SECRET, **PASSWORD))],
    "one that cannot be enriched": [change(1, SECRET, entity_id=FIELD, **PASSWORD, unit_of_measurement="\ud800")],
    "a snapshot": [*answer("states", [field(1, SECRET, **PASSWORD)])],
}
BROKEN = {
    "a change of another shape": change(1, "idle", **CAMERA) | {"event": {"event_type": 7, **CAMERA}},
    "no change at all": {"type": 7, "access_token": SECRET},
}  # fmt: skip


@pytest.mark.parametrize("name", MESSAGES)
def test_no_record_has_a_secret(name: str) -> None:
    taken = Home().events(*MESSAGES[name])
    assert SECRET not in json.dumps(msgspec.to_builtins(taken))


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("end", ["", "}", "x"])
def test_what_cannot_be_read_has_no_secret_in_the_quarantine_or_in_the_log(name: str, end: str) -> None:
    text = json.dumps(BROKEN[name]) + end
    taken = Home().stream.take([Frame(session=1, received_at_ns=0, text=text)])
    assert taken.records or taken.reports
    assert SECRET not in repr((taken.records, taken.reports))


def test_a_hidden_state_says_that_it_is_one_and_what_is_no_password_stays() -> None:
    said = [
        *(change(1, "open sesame", entity_id=FIELD, **PASSWORD), change(2, "unknown", entity_id=FIELD, **PASSWORD)),
        *(change(3, "hello", entity_id="text.note", mode="text"), change(4, "x", entity_id="text.bare")),
    ]
    assert [event.state for event in Home().events(*said)] == [HIDDEN, "unknown", "hello", "x"]


@pytest.mark.parametrize("cut", [0, 1, 5, 20])
def test_a_message_that_was_cut_off_is_scrubbed_as_far_as_it_goes(cut: int) -> None:
    text = frame_of(change(1, SECRET, entity_id=FIELD, password=SECRET, url=f"http://a:{SECRET}@b", **PASSWORD))
    assert SECRET not in scrubbed(text[: len(text) - cut])


def test_a_message_without_secrets_stays_the_very_text() -> None:
    text = json.dumps(change(1, "5", unit_of_measurement="W"))
    assert scrubbed(text) is text
