"""The codec of Home Assistant's WebSocket messages: typed, with attributes left as the JSON text that was sent.

Shapes as core 2025.4.4 sends them; unknown keys are skipped, so newer versions decode too. What JSON brings has no
cycles, so the garbage collector need not look at it (`gc=False`): a third of the cost for a burst that is held.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Raw, Struct

from ingestor.model.unreadable import UNREADABLE

Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""A time with microseconds and an offset: one without tells nothing, and is refused while decoding."""


class Context(Struct, frozen=True, gc=False):
    """Who or what caused a change; a parent means that another change did."""

    id: str = ""
    parent_id: str | None = None
    user_id: str | None = None


class State(Struct, frozen=True, gc=False):
    """A state of an entity; `attributes` is a JSON object."""

    entity_id: str
    state: str
    last_updated: Moment
    attributes: Raw = Raw(b"{}")
    context: Context = Context()


class EventData(Struct, frozen=True, gc=False):
    """What an event carries. A state change without `new_state` is a removal, one without `old_state` a creation.

    Of the registry's events only that of a rename has an `old_entity_id`.
    """

    entity_id: Any = None
    old_state: State | None = None
    new_state: State | None = None
    old_entity_id: Any = None


class Event(Struct, frozen=True, gc=False):
    """An event of Home Assistant's bus."""

    event_type: str
    time_fired: Moment
    data: EventData = EventData()
    context: Context = Context()


class Failure(Struct, frozen=True, gc=False):
    """Why a command failed; `code` is Home Assistant's own word, like `unknown_command`."""

    code: str = "unknown"
    message: str = ""


class Reply(Struct, frozen=True, gc=False):
    """Any message of the server, whatever its event is: also of the authentication phase, which has no ids."""

    type: str
    id: int | None = None
    success: bool = False
    result: Raw = Raw(b"null")
    error: Failure | None = None
    message: str = ""
    ha_version: str = ""


class Message(Reply, frozen=True, gc=False):
    """A message of a socket that subscribed to events of the bus."""

    event: Event | None = None


class HistoryEvent(Struct, frozen=True, gc=False):
    """What a stream of history brings: everything until `end_time`, in Unix seconds."""

    end_time: float = 0.0


class HistoryMessage(Reply, frozen=True, gc=False):
    """A message of a socket that asks for history."""

    event: HistoryEvent | None = None


class Undecodable(Struct, frozen=True, gc=False):
    """A message, or a whole frame, that is not of the shapes above; `text` is what was sent."""

    text: str
    reason: str
    is_event: bool


_object = msgspec.json.Decoder(Message)
_array = msgspec.json.Decoder(list[Message])
_parts = msgspec.json.Decoder(list[Raw])


def decode(frame: str) -> list[Message | Undecodable]:
    """Return the messages of a frame, in order. One bad message never costs its neighbours. Raises nothing."""
    try:
        return list(_array.decode(frame)) if frame.startswith("[") else [_object.decode(frame)]
    except UNREADABLE as error:
        if not frame.startswith("["):
            return [_undecodable(frame, error)]
    try:
        parts = _parts.decode(frame)
    except UNREADABLE as error:
        return [_undecodable(frame, error)]
    return [_decode_one(bytes(part)) for part in parts]


def part(frame: str, place: int) -> str:
    """Return the text of one message of a frame that could be decoded."""
    return bytes(_parts.decode(frame)[place]).decode() if frame.startswith("[") else frame


def _decode_one(part: bytes) -> Message | Undecodable:
    try:
        return _object.decode(part)
    except UNREADABLE as error:
        return _undecodable(part.decode(errors="replace"), error)


def _undecodable(text: str, error: Exception) -> Undecodable:
    return Undecodable(text=text, reason=str(error), is_event='"state_changed"' in text)


def encode(message: dict[str, Any]) -> str:
    """Return the text frame of a command."""
    return msgspec.json.encode(message).decode()


def together(frames: Iterable[str]) -> str:
    """Return one frame with the commands of several."""
    return f"[{','.join(frames)}]"
