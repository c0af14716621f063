"""A snapshot of every state of a home, of which one that cannot be read costs only itself. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw, Struct

from ingestor.homeassistant import wire
from ingestor.model import instants
from ingestor.model.unreadable import UNREADABLE

_parts = msgspec.json.Decoder(list[Raw])
_state = msgspec.json.Decoder(wire.State)


class _Attributes(Struct, frozen=True):
    """Any JSON object."""


class _Identified(Struct, frozen=True):
    entity_id: str = ""


_attributes = msgspec.json.Decoder(_Attributes)
_identified = msgspec.json.Decoder(_Identified)


class Snapshot(dict[str, wire.State]):
    """The states by entity id; `unread` says why a state could not be read.

    Whoever asks for its `keys` to know what is absent finds those of `unread` too: they are neither here nor gone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.unread: dict[str, str] = {}

    def keys(self) -> Any:  # noqa: ANN401  a set does where a view is wanted
        """Return the ids of all that are not absent."""
        return super().keys() | self.unread.keys()

    def only(self, wanted: Callable[[str], bool]) -> Snapshot:
        """Return it without the states that are not wanted."""
        kept = Snapshot()
        kept.update({entity_id: state for entity_id, state in self.items() if wanted(entity_id)})
        kept.unread = self.unread
        return kept


def read(answer: Raw) -> Snapshot:
    """Return what `get_states` answered. Raises `UNREADABLE` when that is no list."""
    found = Snapshot()
    for part in _parts.decode(answer):
        try:
            _add(found, part)
        except (*UNREADABLE, ValueError) as error:
            found.unread[_id_of(part)] = str(error)
    return found


def _add(found: Snapshot, part: Raw) -> None:
    state = _state.decode(part)
    _attributes.decode(state.attributes)
    instants.change_ns(instants.microseconds(state.last_updated), 0)  # raises where no database has a place for it
    found[state.entity_id] = state


def _id_of(part: Raw) -> str:
    try:
        return _identified.decode(part).entity_id
    except UNREADABLE:
        return ""
