"""The proof that nothing is missing: every change names its predecessor, which must be the last one captured. Pure.

    SessionStarted ──changes that follow──> the snapshot asked for behind the subscription: an exact cut ──> on and on

A change whose `old_state` is not the last captured one, or an entity that the snapshot has in another state, was missed
in between: an interval. Those found up to the cut belong to the gap before the session, later ones to a gap of their
own. Like the rest of the stream it works in batches that are taken back until accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from heapq import nlargest

from msgspec import Struct
from msgspec.structs import replace

from ingestor.homeassistant import wire
from ingestor.live.frames import SessionStarted
from ingestor.model import instants
from ingestor.model.gaps import EntityReturned, GapFound, Interval, Note
from ingestor.model.records import Event, Watermark
from metrics.codes import ErrorCode, GapCause

ANCHORS = 20
_CLOSED = (ErrorCode.CLOSED, GapCause.CLOSED_BY_HOME)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNSEEN = _EPOCH.replace(year=1)  # a link to nothing that was looked up


class Opening(Struct, frozen=True):
    """The gap before a session whose cut has not come yet; `fresh` when nothing was ever captured of this home.

    `heard` are the entities whose changes came in this session already.
    """

    gap: GapFound
    since: datetime
    fresh: bool
    heard: frozenset[str] = frozenset()


class Chain:
    """The last captured change of every entity of one home, as the time of its state; none is a removal.

    `captured` gives what earlier processes captured, once there is a session; `loss` why that is not all of it.
    """

    def __init__(
        self,
        home: str,
        captured: Callable[[str], Mapping[str, Watermark]] = lambda _home: {},
        loss: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._home = home
        self._captured = captured
        self._loss = loss
        self._last: dict[str, datetime | None] = {}
        self._opening: Opening | None = None
        self._sessions = 0
        self._away: dict[str, str] = {}
        self.begin()

    def begin(self) -> None:
        """Forget what was not accepted."""
        self._draft: dict[str, datetime | None] = {}
        self._draft_opening = self._opening
        self._draft_sessions = self._sessions
        self._draft_away = self._away
        self._found: dict[str, GapFound] = {}
        self._intervals: dict[str, list[Interval]] = {}
        self._returned: list[EntityReturned] = []
        self._before: datetime | None = None
        self._created: datetime | None = None
        self.links = self.broken = 0

    def accept(self) -> None:
        """Make the batch's knowledge the chain's own."""
        self._last.update(self._draft)
        self._opening, self._sessions, self._away = self._draft_opening, self._draft_sessions, self._draft_away
        self._draft = {}

    def notes(self) -> list[Note]:
        """Return what the batch found, for the ledger."""
        found = [replace(gap, intervals=tuple(self._intervals[name])) for name, gap in self._found.items()]
        return [*found, *self._returned]

    def start(self, started: SessionStarted) -> None:
        """Begin the gap before a session."""
        loss = None
        if not self._draft_sessions:
            loss = self._loss()
            marks = self._captured(self._home)
            self._draft |= {
                entity_id: None if m.removed else instants.moment(m.at_ns // 1000) for entity_id, m in marks.items()
            }
        self._draft_sessions += 1
        links = self._links()
        present = {entity_id: at for entity_id, at in links.items() if at is not None}
        newest = nlargest(ANCHORS, present.items(), key=lambda link: link[1])
        since = newest[0][1] if newest else instants.moment(started.at_ns // 1000)
        gap = GapFound(
            gap=f"{self._home}:{started.at_ns}",
            home=self._home,
            cause=loss or (started.cause if links else GapCause.FIRST_START),
            detail=started.detail,
            from_us=instants.microseconds(since),
            found_ns=started.at_ns,
            anchors=tuple((entity_id, instants.microseconds(at)) for entity_id, at in newest),
        )
        self._draft_opening = Opening(gap, since, fresh=not links)

    def follows(self, entity_id: str, old: wire.State | None, new: wire.State | None) -> bool:
        """Return whether the change follows the last captured one; it is the last one from now on.

        In the gap before a session a creation proves nothing: an entity that was absent may have come and gone in it.
        """
        last = self._draft.get(entity_id, _UNSEEN)
        if last is _UNSEEN:
            last = self._last.get(entity_id)
        self._draft[entity_id] = new.last_updated if new is not None else None
        self.links += 1
        opening = self._draft_opening
        if opening is not None and entity_id not in opening.heard:
            self._draft_opening = replace(opening, heard=opening.heard | {entity_id})
        if last is None and self._draft_away:
            self._return(entity_id, new)
        self._before, self._created = last, new.last_updated if old is None and new is not None else None
        if last is None and old is None and opening is not None:
            return False
        return (None if old is None else old.last_updated) == last or not self._draft_sessions

    def miss(self, mark: Watermark | None, entity_id: str, until: Event | None, now_ns: int) -> None:
        """Note that what lies between the last captured change and this state was missed; no state is absence.

        To be called for what `follows` has just denied, or `cut` has named. A creation bounds the absence before it.
        """
        opening, before, series = self._draft_opening, self._before, (mark or until)
        if series is None or (opening is not None and opening.fresh):
            return
        self.broken += not (before is None and until is None)
        interval = Interval(
            entity_id=entity_id,
            series=series.series,
            after_us=mark.at_ns // 1000 if mark else None,
            captured=mark.at_ns % 1000 + 1 if mark else 0,
            was_absent=before is None,
            until_us=until.time_ns // 1000 if until else None,
            until_series=until.series if until else None,
        )
        gap = opening.gap if opening else self._broken_link(entity_id, mark, until, now_ns)
        self._add(gap, interval)
        if until is None and self._created is not None:
            at_us = instants.microseconds(self._created)
            self._returned.append(EntityReturned(gap=gap.gap, entity_id=entity_id, at_us=at_us))

    def cut(self, snapshot: Mapping[str, wire.State], now_ns: int) -> Iterator[str]:
        """Yield the entities whose last captured change is not what the snapshot has, those that it lacks included.

        `miss` is told of each; from then on its state is the captured one. The gap before the session ends with this.
        """
        links, opening, away = self._links(), self._draft_opening, dict(self._draft_away)
        if opening is not None:
            self._add(self._whole(opening, snapshot, links, now_ns))
        for entity_id in [*snapshot, *(links.keys() - snapshot.keys())]:
            state, before = snapshot.get(entity_id), links.get(entity_id)
            at = state.last_updated if state else None
            if at != before or (at is None and opening is not None and entity_id not in opening.heard):
                self._before, self._created = before, None
                yield entity_id
                self._draft[entity_id] = at
                if at is None:
                    away[entity_id] = opening.gap.gap if opening else _link_gap(self._home, now_ns)
        self._draft_opening, self._draft_away = None, away

    def _whole(
        self,
        opening: Opening,
        snapshot: Mapping[str, wire.State],
        links: Mapping[str, datetime | None],
        now_ns: int,
    ) -> GapFound:
        """Return the gap at its end; a state older than the gap proves that Home Assistant did not restart."""
        proofs = [at for e, at in links.items()
                  if at and at <= opening.since and e in snapshot and snapshot[e].last_updated == at]  # fmt: skip
        intact = instants.microseconds(min(proofs)) if proofs else None
        restarted = intact is None and opening.gap.cause in _CLOSED
        cause = GapCause.HOME_RESTART if restarted else opening.gap.cause
        return replace(opening.gap, cause=cause, found_ns=now_ns, whole=True, intact_since_us=intact)

    def _broken_link(self, entity_id: str, mark: Watermark | None, until: Event | None, now_ns: int) -> GapFound:
        from_us = mark.at_ns // 1000 if mark else until.time_ns // 1000 - 1 if until else now_ns // 1000
        return GapFound(
            gap=_link_gap(self._home, now_ns),
            home=self._home,
            cause=GapCause.BROKEN_LINK,
            detail="a change on a healthy connection did not reach us",
            from_us=from_us,
            found_ns=now_ns,
            whole=True,
            intact_since_us=from_us,
            anchors=((entity_id, from_us),) if mark else (),
        )

    def _links(self) -> dict[str, datetime | None]:
        return self._last | self._draft

    def _return(self, entity_id: str, new: wire.State | None) -> None:
        gap = self._draft_away.get(entity_id)
        if gap is not None and new is not None:
            at_us = instants.microseconds(new.last_updated)
            self._returned.append(EntityReturned(gap=gap, entity_id=entity_id, at_us=at_us))
            self._draft_away = {known: of for known, of in self._draft_away.items() if known != entity_id}

    def _add(self, gap: GapFound, *intervals: Interval) -> None:
        known = self._found.get(gap.gap)
        self._found[gap.gap] = known if known and known.whole else gap
        self._intervals.setdefault(gap.gap, []).extend(intervals)


def _link_gap(home: str, now_ns: int) -> str:
    return f"{home}:{now_ns}:link"
