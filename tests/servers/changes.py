"""State changes as frames, made for tests: each a second after the one before, by a context of its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.servers.records import SECOND_NS, START_NS

ENTITY_ID = "sensor.attic"
_START = datetime.fromtimestamp(START_NS // SECOND_NS, UTC)


def state(number: int, said: str, **attributes: Any) -> dict[str, Any]:
    """Return a state `number` seconds after the start."""
    at = (_START + timedelta(seconds=number)).isoformat(timespec="microseconds")
    return {"entity_id": ENTITY_ID, "state": said, "last_updated": at, "attributes": attributes}


def change(number: int, said: str | None = "", *, entity_id: str = ENTITY_ID, **options: Any) -> dict[str, Any]:
    """Return the message of a change to the state `said`; none is a removal, empty stands for the number.

    Options: `old` (a state), `context` (its id), `parent_id`, `user_id`; every other one is an attribute.
    """
    old = options.pop("old", None)
    context = {"id": options.pop("context", f"c{number}")}
    context |= {name: options.pop(name, None) for name in ("parent_id", "user_id")}
    new = None if said is None else state(number, said or str(number), **options) | {"entity_id": entity_id}
    data = {"entity_id": entity_id, "old_state": old, "new_state": new}
    at = (_START + timedelta(seconds=number)).isoformat(timespec="microseconds")
    event = {"event_type": "state_changed", "data": data, "time_fired": at, "context": context}
    return {"type": "event", "id": 9, "event": event}


def frame_of(*messages: dict[str, Any]) -> str:
    """Return the messages in one text frame, as Home Assistant coalesces them."""
    return json.dumps(messages, separators=(",", ":"))
