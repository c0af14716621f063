"""Where an absence ends: by what the live stream has told of an entity since, what a recorder's row belongs to. Pure.

An entity that was absent at the end of a gap is missed until it is heard of again: by its first live event, or in a
later gap, whose interval has everything behind the last captured change. The ledger keeps the same rule on disk; but it
learns of a note only when that is committed, which may be after the rows are read.
"""

from __future__ import annotations

from ingestor.model.gaps import EntityReturned, GapFound, Note


class Bounds:
    """The first microsecond that is of an absence no more, by its gap and entity, for gaps that are not settled."""

    def __init__(self) -> None:
        self._returned: dict[str, dict[str, int]] = {}
        self._later: dict[str, dict[str, int]] = {}

    def learn(self, note: Note) -> None:
        """Take a note, in the order in which they were found."""
        match note:
            case GapFound():
                later = self._later.setdefault(note.gap, {})
                for one in note.intervals:
                    if one.after_us is not None:
                        later.setdefault(one.entity_id, one.after_us + 1)
            case EntityReturned():
                self._returned.setdefault(note.gap, {}).setdefault(note.entity_id, note.at_us)

    def before_us(self, gap: str, entity_id: str) -> int | None:
        """Return the bound, where there is one yet. A gap that no note was of is older than all others."""
        gaps = list(self._later)
        behind = gaps[gaps.index(gap) + 1 :] if gap in self._later else gaps
        found = [later[entity_id] for name in behind if entity_id in (later := self._later[name])]
        returned = self._returned.get(gap, {}).get(entity_id)
        return min([*found, *([] if returned is None else [returned])], default=None)

    def forget(self, gap: str) -> None:
        """Drop what was learned of a gap: it is settled, as are all before it."""
        self._returned.pop(gap, None)
        self._later.pop(gap, None)
