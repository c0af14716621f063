"""The one memory of a home's entities: the last captured change of each, which every proof and every event leans on.

It works in batches: what a batch notes is a draft, seen by the rest of the batch, until `accept`; `begin` forgets it.
So a batch that a crash interrupted is simply taken again, with the same outcome.

                  kept in the draft                        kept on the disk
    a live batch  put() ... accept(), with the records     by the journal, in the transaction that captures
    a refill      removed(), once its events are committed by the journal, in the transaction that captures
    a start       load(): what the journal says            -

The draft is ahead of the disk by what waits in memory. A crash of the process loses both; the journal's watermarks are
then older, and what lies between them and the first change of the next session is a gap.

Only wanted entities have a memory that counts: `why_not` is the one place that knows what the user includes and
excludes, for live events, the cut, refill, audit and backfill. Of an entity that is left out only that is remembered,
so that it starts afresh when it is wanted again. The registries, which say what has a label, are drafted as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from ingestor.enrichment.series import Described, described_as
from ingestor.homeassistant.registry import Registry
from ingestor.live.selection import Selection
from ingestor.model import instants
from ingestor.model.records import Event, Series, Watermark, bare_series
from metrics.codes import SkippedCode

_NONE = Registry()


class Last(Struct, frozen=True, kw_only=True, gc=False):
    """The last captured change of an entity, `captured` changes of which fell into its microsecond `at_us`.

    `at` is the same time as Home Assistant says it in the `old_state` of the next change; None where the entity is
    absent: it was removed, or a snapshot lacked it. `contexts` are the ids of those changes, as far as this process saw
    them; `session` is the number of the one in which the entity was heard last. `absent_in` names the gap at whose end
    the entity was absent; its first live event bounds what was missed. A change that could not be read is not among
    those `captured`; it is 0 where the entity was `left_out`.
    """

    at_us: int
    at: datetime | None
    captured: int
    described: Described
    contexts: tuple[str, ...] = ()
    session: int = 0
    absent_in: str | None = None
    left_out: bool = False


class Entities:
    """The last captured change of every entity of one home, by its id."""

    def __init__(self, selection: Selection | None = None) -> None:
        self.selection = selection or Selection()
        self._accepted: dict[str, Last] = {}
        self._draft: dict[str, Last] = {}
        self._registry = self._drafted = _NONE
        self._device_classes: dict[str, str] = {}
        self._verdicts: dict[str, SkippedCode | None] = {}

    def wants(self, entity_id: str) -> bool:
        """Return whether the changes of an entity are stored."""
        return self.why_not(entity_id) is None

    def why_not(self, entity_id: str) -> SkippedCode | None:
        """Return why the changes of an entity are not stored, or None when they are."""
        try:
            return self._verdicts[entity_id]
        except KeyError:
            device_class = self._device_classes.get(entity_id, "")
            verdict = self.selection.why_not(entity_id, self._drafted.traits(entity_id), device_class)
            self._verdicts[entity_id] = verdict
            return verdict

    def unmatched(self, entity_ids: Iterable[str]) -> list[str]:
        """Return a sentence for each rule that none of these entities meets."""
        return self.selection.unmatched(
            [(of, self._drafted.traits(of), self._device_classes.get(of, "")) for of in entity_ids]
        )

    @property
    def lacks_registry(self) -> bool:
        """Whether there are rules that nothing is known for yet."""
        return self.selection.needs_registry and self._drafted is _NONE

    def know(self, registry: Registry) -> bool:
        """Go by these registries from now on; return whether that may have changed what is wanted."""
        if not self.selection.needs_registry or registry is self._drafted:
            return False
        self._drafted = registry
        self._verdicts.clear()
        return True

    def classify(self, entity_id: str, device_class: str) -> None:
        """Go by this device class of an entity, where there is a rule for one."""
        if self.selection.needs_device_class and self._device_classes.get(entity_id, "") != device_class:
            self._device_classes[entity_id] = device_class
            self._verdicts.pop(entity_id, None)

    @property
    def any_captured(self) -> bool:
        """Whether anything was ever captured of this home."""
        return any(last.captured for last in (self._accepted | self._draft).values())

    def load(self, marks: Iterable[Watermark]) -> None:
        """Take over how far earlier processes captured each entity; what this one captured is newer."""
        for mark in marks:
            self._accepted.setdefault(mark.series.entity_id, _last(mark))
            self.classify(mark.series.entity_id, mark.series.device_class or "")

    def begin(self) -> None:
        """Forget what was not accepted."""
        self._draft = {}
        self.know(self._registry)

    def accept(self) -> None:
        """Keep what the batch noted."""
        self._accepted.update(self._draft)
        self._draft = {}
        self._registry = self._drafted

    def get(self, entity_id: str) -> Last | None:
        """Return what is remembered of an entity, left out or not."""
        return self._draft.get(entity_id) or self._accepted.get(entity_id)

    def put(self, entity_id: str, last: Last) -> None:
        """Remember a change, until the batch is forgotten or accepted."""
        self._draft[entity_id] = last

    def leave_out(self, entity_ids: Iterable[str], home: str) -> list[str]:
        """Remember that these are not wanted; return those of which that was not known."""
        new: list[str] = []
        for entity_id in entity_ids:
            last = self.get(entity_id)
            if last is None or not last.left_out:
                self.put(entity_id, _never_captured(home, entity_id) if last is None else replace(last, left_out=True))
                new.append(entity_id)
        return new

    def removed(self, events: Iterable[Event]) -> None:
        """Note what was refilled: of that only the removal of an entity that is absent is news."""
        for event in events:
            entity_id = event.series.entity_id
            at_us, ordinal = instants.split(event.time_ns)
            last = self._accepted.get(entity_id)
            if event.removed and last is not None and last.at is None and last.at_us < at_us:
                self._accepted[entity_id] = replace(
                    last, at_us=at_us, captured=ordinal + 1, described=described_as(event.series)
                )

    def wanted(self) -> Iterator[tuple[str, Last]]:
        """Yield the wanted entities that something was captured of, with the last of it."""
        for entity_id, last in (self._accepted | self._draft).items():
            if not last.left_out and self.wants(entity_id):
                yield entity_id, last

    def unwanted(self) -> Iterator[str]:
        """Yield the ids of entities that something was captured of, or that were left out, and are not wanted."""
        return (entity_id for entity_id in self._accepted | self._draft if not self.wants(entity_id))

    def series(self) -> dict[str, Series]:
        """Return the tags of every wanted entity that something was captured of."""
        return {entity_id: last.described.series for entity_id, last in self.wanted()}


def _never_captured(home: str, entity_id: str) -> Last:
    """Return the memory of an entity that was left out from the beginning."""
    return _last(Watermark(at_ns=0, removed=True, series=bare_series(home, entity_id), left_out=True))


def _last(mark: Watermark) -> Last:
    at_us, ordinal = instants.split(mark.at_ns)
    return Last(
        at_us=at_us,
        at=None if mark.removed else instants.moment(at_us),
        captured=ordinal + 1 if mark.at_ns else 0,
        described=described_as(mark.series),
        left_out=mark.left_out,
    )
