"""Intervals that are refilled together, and who was at home meanwhile. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from ingestor.history.gaps import Track
from ingestor.history.ledger import Missed, OpenGap
from ingestor.history.rows import Surroundings
from ingestor.homeassistant.rows import Row
from ingestor.live.bounds import Bounds
from ingestor.model.records import Event

BEFORE_US = 2_000_000  # so that the row of the last captured change is among the answers
RENAMED_US = 600 * 10**6  # how far back what a new id may have from an old one is looked for, as it is read for many


class Group:
    """Some intervals of a gap while the rows of their entities pass by, in order."""

    def __init__(self, gap: OpenGap, missed: Sequence[Missed]) -> None:
        self._gap = gap
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

    def rename(self, entity_id: str) -> None:
        """Take it that an entity was given another id, under which its history is now."""
        for track in self._by_entity[entity_id]:
            track.was_renamed = True

    def verdicts(self) -> tuple[list[int], dict[int, str]]:
        """Return the ids of the intervals that are closed, and why the others are not."""
        found = {id_: track.verdict(intact=self._gap.intact) for id_, track in self._tracks.items()}
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
