"""What the recorder holds against what the store holds, by (home, entity, time): never by tags, which change. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct

from ingestor.audit.rows import Row, Surroundings, Teller
from ingestor.messages import Event, Series


class Audited(Struct, frozen=True, kw_only=True):
    """The outcome: rows of the recorder `compared`; missing ones `refilled`, or `accounted` for in the quarantine."""

    compared: int = 0
    refilled: int = 0
    accounted: int = 0

    def __add__(self, other: Audited) -> Audited:
        """Return both together."""
        return Audited(
            compared=self.compared + other.compared,
            refilled=self.refilled + other.refilled,
            accounted=self.accounted + other.accounted,
        )


class Comparison:
    """Some entities' rows within [from, to), while they pass by in order; earlier ones only tell what was before.

    `stored` and `accounted` are times in nanoseconds, by entity. When an entity is renamed, Home Assistant moves its
    history to the new id: a change that is stored at that very moment under another id of the domain is the same one.
    """

    def __init__(
        self,
        series: Mapping[str, Series],
        stored: Mapping[str, Collection[int]],
        accounted: Mapping[str, Collection[int]],
        from_us: int,
    ) -> None:
        self.outcome = Audited()
        self._tellers = {entity_id: Teller(one) for entity_id, one in series.items()}
        self._stored = stored
        self._accounted = accounted
        self._from_us = from_us
        self._moments = {(_domain(of), at_ns) for of, times in stored.items() for at_ns in times}

    def take(self, entity_id: str, row: Row, around: Surroundings) -> list[Event]:
        """Return the event of a row that the store does not have."""
        event = self._tellers[entity_id].tell(row, around)
        if row.at_us < self._from_us:
            return []
        stored = event.time_ns in self._stored.get(entity_id, ())
        elsewhere = (_domain(entity_id), event.time_ns) in self._moments
        accounted = not stored and (elsewhere or event.time_ns in self._accounted.get(entity_id, ()))
        missing = not stored and not accounted
        self.outcome += Audited(compared=1, refilled=int(missing), accounted=int(accounted))
        return [event] if missing else []


def _domain(entity_id: str) -> str:
    return entity_id.partition(".")[0]
