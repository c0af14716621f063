"""What the recorder holds against what the store holds, by (home, entity, time): never by tags, which change. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from ingestor.history.rows import Surroundings, Tail, Teller
from ingestor.homeassistant.answers import Row
from ingestor.model import instants
from ingestor.model.records import Event, Series

LeftOutTimes: TypeAlias = Mapping[str, Sequence[tuple[int, int]]]
"""During which times an entity was not wanted, (from, until] in microseconds, by entity."""


class Audited(Struct, frozen=True, kw_only=True):
    """The outcome: how many rows of the recorder were `compared`, `refilled`, and `accounted` for in the quarantine.

    The others are stored, or came while the user had left their entity out.
    """

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


class Known:
    """What the store has of a window, or is accounted for elsewhere: times in nanoseconds, by entity.

    `left_out` are the times during which the user had left out entities, from and until in microseconds.

    When an entity is renamed, Home Assistant moves its history to the new id: a change that is stored at that very
    moment under another id of the domain is the same one.
    """

    def __init__(
        self, stored: Mapping[str, Collection[int]], accounted: Mapping[str, Collection[int]], left_out: LeftOutTimes
    ) -> None:
        self._left_out = left_out
        self._accounted = accounted
        self._moments = {(_domain(of), at_ns) for of, times in stored.items() for at_ns in times}

    def judge(self, entity_id: str, at_ns: int) -> Literal["stored", "accounted", "left out", "missing"]:
        """Return what is known of a change."""
        if (_domain(entity_id), at_ns) in self._moments:
            return "stored"
        if at_ns in self._accounted.get(entity_id, ()):
            return "accounted"
        at_us = at_ns // 1000
        was_left_out = any(from_us < at_us <= until_us for from_us, until_us in self._left_out.get(entity_id, ()))
        return "left out" if was_left_out else "missing"


class Comparison:
    """The rows of some entities while they pass by in order, window by window: `begin` opens each.

    Rows outside of [from, to) tell only what was before those within; `is_over` once one behind it has come.
    """

    def __init__(
        self,
        accounted: Mapping[str, Collection[int]],
        left_out: LeftOutTimes,
        span: tuple[int, int] = (instants.FIRST_US, instants.LAST_US),
    ) -> None:
        self.outcome = Audited()
        self.is_over = False
        self._accounted = accounted
        self._left_out = left_out
        self._from_us, self._to_us = span
        self._tellers: dict[str, Teller] = {}

    @property
    def tails(self) -> dict[str, Tail]:
        """The last row of each entity so far, by which another process can go on."""
        return {entity_id: tail for entity_id, teller in self._tellers.items() if (tail := teller.tail) is not None}

    def resume(self, tails: Mapping[str, Tail]) -> None:
        """Go on behind what another process has compared."""
        for entity_id, tail in tails.items():
            teller = self._tellers.setdefault(entity_id, Teller(tail.series))
            teller.follow(tail)

    def begin(self, series: Mapping[str, Series], stored: Mapping[str, Collection[int]]) -> None:
        """Go on with the next window, of these entities; `stored` are the times in it, in nanoseconds, by entity."""
        for entity_id, one in series.items():
            self._tellers.setdefault(entity_id, Teller(one))
        self._known = Known(stored, self._accounted, self._left_out)

    def strangers(self, rows: Mapping[str, Sequence[Row]]) -> dict[str, Row]:
        """Return the first row of each entity that is missing, and of which nothing is known that came before it."""
        firsts = {entity_id: found[0] for entity_id, found in rows.items() if found}
        return {
            entity_id: row
            for entity_id, row in firsts.items()
            if self._tellers[entity_id].last is None
            and self._from_us <= row.at_us < self._to_us
            and self._known.judge(entity_id, row.at_us * 1000) == "missing"
        }

    def follow(self, entity_id: str, row: Row) -> None:
        """Take a row that was before the first window."""
        self._tellers[entity_id].tell(row, Surroundings())

    def take(self, entity_id: str, row: Row, around: Surroundings) -> list[Event]:
        """Return the event of a row that the store does not have."""
        at_us = row.at_us
        if at_us >= self._to_us:
            self.is_over = True
            return []
        event = self._tellers[entity_id].tell(row, around)
        if at_us < self._from_us:
            return []
        verdict = self._known.judge(entity_id, event.time_ns)
        missing = verdict == "missing"
        self.outcome += Audited(compared=1, refilled=int(missing), accounted=int(verdict == "accounted"))
        return [event] if missing else []


def _domain(entity_id: str) -> str:
    return entity_id.partition(".")[0]
