"""Who or what caused a change, from the contexts that Home Assistant gives to changes.

What an automation or a script does carries the context of its run, or one of which that is the parent; so do the state
changes of the automation or script itself, which come first. Their ids are remembered, the newest of them. A run that a
trigger of time began has no parent: only this tells it from a device. The context of a user names the user, whom a
person names, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import msgspec
from msgspec import Struct

from ingestor.homeassistant import wire
from ingestor.model.records import CausedBy

REMEMBERED = 1000
_AUTOMATION, _SCRIPT, _PERSON = "automation.", "script.", "person."
TELLING = (_AUTOMATION, _SCRIPT, _PERSON)
"""What the ids of entities begin with whose states tell something of others."""


_BY_A_DEVICE: tuple[CausedBy, None] = ("device", None)


class _User(Struct):
    user_id: Any = None


_user = msgspec.json.Decoder(_User)


class Causes:
    """What is known of contexts and users; a value that is never changed in place."""

    def __init__(self, runs: Mapping[str, str] | None = None, persons: Mapping[str, str] | None = None) -> None:
        self._runs = runs or {}
        self._persons = persons or {}

    def of(self, entity_id: str, context: wire.Context) -> tuple[CausedBy, str | None]:
        """Return what caused a change, and by which automation, script or person, where that is known."""
        cause = self._runs.get(context.id)
        if cause is None and context.parent_id is None and context.user_id is None:
            return _BY_A_DEVICE
        if (cause is None or cause == entity_id) and context.parent_id:
            cause = self._runs.get(context.parent_id)
        if cause == entity_id:
            cause = None
        if context.user_id:
            return "user", cause or self._persons.get(context.user_id)
        return ("automation" if cause or context.parent_id else "device"), cause

    def learned(self, states: Iterable[wire.State]) -> Causes:
        """Return what is known after these states of automations, scripts and persons; of one run the first counts.

        Those of other entities tell nothing.
        """
        runs: dict[str, str] = {}
        persons: dict[str, str] = {}
        for state in states:
            if state.entity_id.startswith(_PERSON):
                user = _user.decode(state.attributes).user_id
                if isinstance(user, str):
                    persons[user] = state.entity_id
            elif state.context.id and _may_run(state):
                runs.setdefault(state.context.id, state.entity_id)
        if runs.keys() <= self._runs.keys() and persons.items() <= self._persons.items():
            return self
        runs = {**self._runs, **runs, **self._runs}  # the first counts, in the order of their arrival
        excess = len(runs) - REMEMBERED
        for id_ in list(islice(runs, max(0, excess))):
            del runs[id_]
        return Causes(runs, {**self._persons, **persons})


def _may_run(state: wire.State) -> bool:
    """Return whether this may be a run that causes changes: a user who switches an automation on does not run it."""
    if state.entity_id.startswith(_AUTOMATION):
        return not state.context.user_id
    return state.entity_id.startswith(_SCRIPT)
