"""The arithmetic of a gap's intervals: which rows of the recorder were missed, which events they are, what is unknown.

Rows come in the order of their times. New are those behind the last captured change, up to the last missed state or,
where the entity did not exist at the end, before its first live event. Rows within one microsecond are counted: the
recorder has no other identity for them. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from msgspec.structs import replace

from ingestor.history.ledger import Missed, OpenGap
from ingestor.history.rows import Surroundings, Teller
from ingestor.homeassistant.answers import Row
from ingestor.live.bounds import Bounds
from ingestor.model import instants
from ingestor.model.gaps import Interval
from ingestor.model.records import Event

_NO_ATTRIBUTES = (b"{}", b"")
BEFORE_US = 2_000_000  # so that the row of the last captured change is among the answers
_DISABLED = "was the recorder disabled then (the action recorder.disable), or was this purged?"
_SET_BACK = "Home Assistant's clock was set back in this time, so that what came before the step cannot be told apart"
_BEGINS_LATER = (
    "the recorder's database begins after this: was it deleted, or damaged, so that Home Assistant set it aside"
    " (home-assistant_v2.db.corrupt)?"
)
_NO_REMOVAL = f"the recorder has no record of its removal: {_DISABLED}"
_NOT_THE_LAST = f"the recorder has not its last state: {_DISABLED}"
_NOTHING = {
    None: "the recorder has nothing of this entity: is it excluded from the recorder, was it purged or disabled?",
    False: "the recorder has nothing of this entity, which it excludes: include it, and its next gaps are refilled",
    True: f"the recorder has nothing of this entity, though it is recorded now: {_DISABLED}",
}
RENAMED_US = 600 * 10**6  # how far back what a new id may have from an old one is looked for, as it is read for many


class Track:
    """One interval while its rows pass by. `from_us` bounds it where nothing was ever captured of the entity.

    `before_us` is where the absence of an entity ended that was absent at the end: by its first live event, or because
    a later gap has what came then. `was_renamed` says that its history has another id now: of its removal the recorder
    keeps nothing. `is_recorded` is what Home Assistant says of the entity, where it does.
    """

    def __init__(self, interval: Interval, from_us: int, before_us: int | None = None) -> None:
        self.interval = interval
        self._before_us = before_us
        self.refilled = 0
        self.was_renamed = False
        self.is_recorded: bool | None = None
        self._after_us = interval.after_us if interval.after_us is not None else from_us
        self._captured = interval.captured if interval.after_us is not None else 1
        self._teller = Teller(interval.series)
        self._until: Event | None = None
        self._anything = False
        self._lacks_us: int | None = None

    def bound(self, before_us: int | None) -> None:
        """Take where the absence ended, as soon as it is known; of several the first counts."""
        known = [bound for bound in (self._before_us, before_us) if bound is not None]
        self._before_us = min(known, default=None)

    def follow(self, row: Row) -> None:
        """Take what was before everything that is read, where nothing was ever captured that would tell."""
        self._teller.tell(row, Surroundings())

    def take(self, row: Row, around: Surroundings) -> list[Event]:
        """Return the events that this row makes known; none for a row that is not of the interval."""
        at_us = row.at_us
        until_us, before_us = self.interval.until_us, self._before_us
        self._anything = True
        if at_us > until_us if until_us is not None else before_us is not None and at_us >= before_us:
            return []
        before = self._teller.last
        if row.changed_us > max(self._after_us, before.at_us if before else 0):
            self._lacks_us = row.changed_us if row.changed_us < at_us else self._lacks_us
        event = self._teller.tell(row, around)
        number = event.time_ns - at_us * 1000
        if at_us < self._after_us or (at_us == self._after_us and number < self._captured):
            return []
        self.refilled += 1
        if at_us != until_us:
            return [event]
        return self._last(event, row)

    @property
    def vanished_us(self) -> int | None:
        """When an entity was captured last that is gone with all its rows."""
        is_gone = self.interval.until_us is None and not self.interval.was_absent and not self._anything
        return self.interval.after_us if is_gone else None

    @property
    def lacking_us(self) -> int | None:
        """When there was a change of which the recorder has no row, though it has others of this entity."""
        until_us = self.interval.until_us
        lacks_last = self._until is None and self._anything
        return until_us if lacks_last and until_us is not None and until_us >= self._after_us else self._lacks_us

    def verdict(self, *, intact: bool, begins_later: bool = False) -> str | None:
        """Return why the interval is not closed; none when it is. `intact`: Home Assistant did not restart in it.

        Where its recorder `begins_later` than the gap, nobody knows what an entity did that was there before.
        The first state of a start is set before the recorder listens: that it has no row of that proves nothing.
        """
        until_us = self.interval.until_us
        if until_us is not None and until_us < self._after_us:
            return _SET_BACK
        if begins_later and self.interval.after_us is not None and not self.interval.was_absent:
            return _BEGINS_LATER
        if self._lacks_us is not None and intact:
            lacked = instants.text(self._lacks_us, "milliseconds")
            return f"the recorder has no row of {lacked}, when the state changed, as a later row says: {_DISABLED}"
        if until_us is None:
            return _NO_REMOVAL if intact and not self._is_over() else None
        if self._until is not None or (self._anything and not intact):
            return None
        return _NOT_THE_LAST if self._anything else _NOTHING[self.is_recorded]

    @property
    def is_silent(self) -> bool:
        """Whether the recorder has nothing of an entity that has changed."""
        return self.interval.until_us is not None and not self._anything

    def removal(self) -> list[Event]:
        """Return the removal of an entity that is gone, and of which nobody says when it went.

        Home Assistant fires none for what it does not bring back when it starts. It was there until its last row, and
        a snapshot lacked it; one that has returned meanwhile was only late.
        """
        lacked_us, last = self.interval.lacked_us, self._teller.last
        if lacked_us is None or self._before_us is not None or not self._was_there():
            return []
        return [self._teller.end(max(lacked_us, self._after_us + 1, last.at_us + 1 if last else 0))]

    def _is_over(self) -> bool:
        """Return whether everything is known until the entity was absent, or all of it is of another interval."""
        is_of_another = self._before_us is not None and self._before_us <= self._after_us + 1
        return is_of_another or self.was_renamed or not self._was_there()

    def _was_there(self) -> bool:
        """Return whether the entity was there at last, as far as is known."""
        gone = self._teller.last is None or self._teller.last.s is None
        return not (gone if self.refilled else self.interval.was_absent)

    def _last(self, event: Event, row: Row) -> list[Event]:
        """Complete the last missed state, which was stored when the gap was found; its attributes are richer.

        Of several in its microsecond it is the last, and what was stored in the place of the first was wrong. State and
        value are said again: the store may have lost them since. Without attributes the row does not know its unit.
        """
        before, self._until = self._until, event
        series = self.interval.until_series or event.series
        if before is not None:
            return [replace(before, series=series), replace(event, series=series)]
        knows_unit = series.unit is None or bytes(row.a) not in _NO_ATTRIBUTES
        value = event.value if knows_unit else None
        return [replace(event, series=series, attributes=None, details=None, chosen=None, value=value)]


class Group:
    """Some intervals of a gap while the rows of their entities pass by, in order.

    The recorder may begin later than the gap. Until Home Assistant's clock has passed the gap's beginning, as after a
    start with a clock that is behind, it tells nothing from before.
    """

    def __init__(
        self, gap: OpenGap, missed: Sequence[Missed], *, begins_later: bool = False, clock_has_passed: bool = True
    ) -> None:
        self._gap = gap
        self._begins_later = begins_later
        self._clock_has_passed = clock_has_passed
        self._new_from_us = _last_of_the_vanished(gap)
        self._tracks = {one.id: Track(one.interval, gap.from_us, one.returned_us) for one in missed}
        self._by_entity: dict[str, list[Track]] = defaultdict(list)
        for track in self._tracks.values():
            self._by_entity[track.interval.entity_id].append(track)

    @property
    def entity_ids(self) -> list[str]:
        """Whom to ask for."""
        return list(self._by_entity)

    @property
    def start_us(self) -> int:
        """From when to ask."""
        return min(bound for track in self._tracks.values() for bound in self._bounds(track)) - BEFORE_US

    @property
    def end_us(self) -> int | None:
        """Until when to ask; none where only the first live event is a bound."""
        bounds = [track.interval.until_us for track in self._tracks.values()]
        ends = [bound for bound in bounds if bound is not None]
        if len(ends) < len(bounds):
            return None
        return max(bound for track in self._tracks.values() for bound in self._bounds(track)) + BEFORE_US

    @property
    def refilled(self) -> int:
        """How many changes were new."""
        return sum(track.refilled for track in self._tracks.values())

    def bound(self, bounds: Bounds) -> None:
        """Take what ends the absences, as far as it is known."""
        for track in self._tracks.values():
            track.bound(bounds.before_us(self._gap.gap, track.interval.entity_id))

    @property
    def strangers(self) -> set[str]:
        """The entities of which nothing was ever captured, or nothing is known of it any more."""
        return {track.interval.entity_id for track in self._tracks.values() if track.interval.after_us is None}

    def follow(self, entity_id: str, row: Row) -> None:
        """Take the last row of a stranger before all others."""
        for track in self._by_entity[entity_id]:
            track.follow(row)

    def take(self, entity_id: str, row: Row, around: Surroundings) -> list[Event]:
        """Return the events that an entity's next row makes known."""
        return [event for track in self._by_entity[entity_id] for event in track.take(row, around)]

    @property
    def lacking(self) -> list[int]:
        """When there were changes of which the recorder has no row, though it has others of their entities."""
        return [at_us for track in self._tracks.values() if (at_us := track.lacking_us) is not None]

    @property
    def vanished(self) -> list[tuple[str, int]]:
        """The entities that are gone with all their rows, and when each was captured last."""
        tracks = self._tracks.values()
        return [(track.interval.entity_id, at_us) for track in tracks if (at_us := track.vanished_us) is not None]

    @property
    def silent(self) -> list[str]:
        """The entities that have changed, and of which the recorder has nothing."""
        return [entity_id for entity_id, tracks in self._by_entity.items() if any(one.is_silent for one in tracks)]

    def explain(self, entity_id: str, *, is_recorded: bool) -> None:
        """Take what Home Assistant says of an entity: whether it is recorded at all."""
        for track in self._by_entity[entity_id]:
            track.is_recorded = is_recorded

    def rename(self, entity_id: str) -> None:
        """Take it that an entity was given another id, under which its history is now."""
        for track in self._by_entity[entity_id]:
            track.was_renamed = True

    def removals(self) -> list[Event]:
        """Return the removals of entities that are gone without one: only a restart tells none.

        There are none while the recorder does not tell what came last before the restart: later rows would follow them.
        """
        if self._gap.intact or not self._clock_has_passed:
            return []
        return [event for track in self._tracks.values() for event in track.removal()]

    def verdicts(self) -> tuple[list[int], dict[int, str]]:
        """Return the ids of the intervals that are closed, and why the others are not."""
        intact, later = self._gap.intact, self._begins_later
        found = {id_: track.verdict(intact=intact, begins_later=later) for id_, track in self._tracks.items()}
        listed = {id_: reason for id_, reason in found.items() if reason is not None}
        return [id_ for id_ in found if id_ not in listed], listed

    def _bounds(self, track: Track) -> list[int]:
        after_us = self._new_from_us if track.interval.after_us is None else track.interval.after_us
        until_us = track.interval.until_us
        return [after_us] if until_us is None else [after_us, until_us]


def _last_of_the_vanished(gap: OpenGap) -> int:
    """Return from when a new entity is read: the last captured change of a renamed one tells what was before."""
    gone = [one.interval for one in gap.missed if one.interval.until_us is None and not one.interval.was_absent]
    times = [one.after_us for one in gone if one.after_us is not None and one.after_us > gap.from_us - RENAMED_US]
    return min([gap.from_us, *times])
