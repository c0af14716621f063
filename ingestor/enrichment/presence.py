"""How many persons are at home, from the states of `person.*`."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ingestor.enrichment.values import NOTHING_KNOWN


def persons_home(states: Collection[str]) -> int | None:
    """Return how many persons are at home, given the state of each; None while nothing is known of any."""
    if states and all(state in NOTHING_KNOWN for state in states):
        return None
    return sum(state == "home" for state in states)


class Presence:
    """The last known state of every person; a value that is never changed in place."""

    def __init__(self, states: Mapping[str, str] | None = None) -> None:
        self._states = states
        self.persons_home = None if states is None else persons_home(states.values())
        """How many persons are in the state `home`; None while no state is known."""

    @property
    def persons(self) -> frozenset[str]:
        """The ids of all persons."""
        return frozenset(self._states or ())

    def changed(self, entity_id: str, state: str | None) -> Presence:
        """Return the presence after a person's change; no state means that the person was removed."""
        others = {known: old for known, old in (self._states or {}).items() if known != entity_id}
        return Presence(others if state is None else others | {entity_id: state})
