"""The proof that nothing is missing: every change names its predecessor, which must be the last one captured. Pure.

Each `state_changed` of Home Assistant carries the state that it replaces. While nothing is missed, the time of that
`old_state` is the time of the change captured last of the same entity; so completeness is checked link by link, live.

    last captured     old_state     the change ...
    at L              at L          follows
    at L              at O          does not: (L, O] was missed; O, the state before, is stored from `old_state`
    at L              none          does not: the entity was removed unseen and is created again: (L, absent]
    absent, unknown   at O          does not: it was created unseen: (absent, O]
    absent, unknown   none          follows: a creation. But before the cut of a session an absent entity may have come
                                    and gone: (absent, absent], which this creation bounds

`absent` is an entity that was removed, or that a snapshot lacked. Example: captured is `on` at 10:00:00; the next
change says that it replaces `off` of 10:00:05. The change to `off` was missed, and maybe others: the interval
(10:00:00, 10:00:05] goes into the ledger, `off` is stored, and the refill asks the recorder for what lies between.

A session begins with a gap, since nobody listened before it:

    SessionStarted --changes--> the answer to `get_states`, asked for behind the subscription: the cut --changes-->

The answer is an exact cut of the stream: it contains every event before it and none after it. So each entity whose last
captured change is not the state that the cut has was missed, too, and one that the cut lacks was removed. What is found
up to the cut belongs to the gap before the session (`Opening`); a link that breaks later is a gap of its own.

What is captured moves on in memory with each change, and on the disk in one transaction with the records and with the
gaps that they reveal. A crash before that leaves neither: the next session finds the same intervals again. A watermark
never passes a gap that is not written down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import nlargest

from msgspec import Struct
from msgspec.structs import replace

from ingestor.homeassistant import wire
from ingestor.live.entities import Last
from ingestor.live.frames import SessionStarted
from ingestor.model import instants
from ingestor.model.gaps import EntityReturned, GapFound, Interval, LeftOut, Note
from ingestor.model.records import Event, Series
from metrics.codes import ErrorCode, GapCause

ANCHORS = 20
_CLOSED = (ErrorCode.CLOSED, GapCause.CLOSED_BY_HOME)


class Opening(Struct, frozen=True):
    """The gap before a session whose cut has not come yet; `fresh` when nothing was ever captured of this home."""

    gap: GapFound
    fresh: bool


def open_gap(
    started: SessionStarted,
    home: str,
    captured: Iterable[tuple[str, Last]],
    heard_us: int | None,
    loss: str | None,
    *,
    fresh: bool,
) -> Opening:
    """Return the gap before a session, given the last captured changes; `loss` says why they are not all of them.

    Of a home that is `fresh` nothing was ever captured, also not of entities that are not wanted now.

    It begins with the newest of them, or with the one that was `heard_us` last by this process, where that is older:
    then Home Assistant's clock was set back, and what an entity did in the gap that is new has such times.
    """
    known = list(captured)
    present = [(entity_id, last.at_us) for entity_id, last in known if last.at is not None]
    newest = nlargest(ANCHORS, present, key=lambda link: link[1])
    from_us = newest[0][1] if newest else instants.to_us(started.at_ns)
    gap = GapFound(
        gap=f"{home}:{started.at_ns}",
        home=home,
        cause=loss or (GapCause.FIRST_START if fresh else started.cause),
        detail=started.detail,
        from_us=min(from_us, heard_us or from_us),
        found_ns=started.at_ns,
        anchors=tuple(newest),
    )
    return Opening(gap, fresh=fresh)


def follows(last: Last | None, old: wire.State | None, *, before_the_cut: bool) -> bool:
    """Return whether a change that replaces the state `old` follows the last captured one: the table above."""
    at = None if last is None else last.at
    if old is None:
        return at is None and not before_the_cut
    return old.last_updated == at


def differs(last: Last | None, state: wire.State | None, opening: Opening | None, session: int) -> bool:
    """Return whether the cut shows that something was missed of an entity; no `state` is its absence there.

    An entity that was absent before and is absent again may have come and gone, unless it was heard in this session.
    """
    at = None if last is None else last.at
    if state is not None:
        return state.last_updated != at
    if last is not None and last.left_out:
        return False
    return at is not None or (opening is not None and (last is None or last.session != session))


def close_gap(
    opening: Opening, snapshot: Mapping[str, wire.State], captured: Iterable[tuple[str, Last]], now_ns: int
) -> GapFound:
    """Return the gap at its end; a state older than the gap proves that Home Assistant did not restart in it."""
    proofs = [
        last.at_us
        for entity_id, last in captured
        if last.at and last.at_us <= opening.gap.from_us
        and (state := snapshot.get(entity_id)) and state.last_updated == last.at
    ]  # fmt: skip
    intact = min(proofs, default=None)
    restarted = intact is None and opening.gap.cause in _CLOSED
    cause = GapCause.HOME_RESTART if restarted else opening.gap.cause
    return replace(opening.gap, cause=cause, found_ns=now_ns, whole=True, intact_since_us=intact)


class Findings(Struct):
    """What a batch found to be missing, gap by gap, for the ledger. `broken` counts the links that do not hold."""

    _home: str
    broken: int = 0
    _gaps: dict[str, GapFound] = {}
    _intervals: dict[str, list[Interval]] = {}
    _returned: list[EntityReturned] = []
    _left_out: list[str] = []
    _wanted_again: list[Interval] = []

    def notes(self) -> list[Note]:
        """Return what was found, gaps first."""
        if not (self._gaps or self._left_out or self._wanted_again or self._returned):
            return []
        found: list[Note] = [replace(gap, intervals=tuple(self._intervals[name])) for name, gap in self._gaps.items()]
        if self._left_out or self._wanted_again:
            found.append(LeftOut(home=self._home, entity_ids=tuple(self._left_out), ended=tuple(self._wanted_again)))
        return [*found, *self._returned]

    def add(self, gap: GapFound, *intervals: Interval) -> None:
        """Note a gap, or more of one."""
        known = self._gaps.get(gap.gap)
        self._gaps[gap.gap] = known if known and known.whole else gap
        self._intervals.setdefault(gap.gap, []).extend(intervals)

    def miss(
        self,
        entity_id: str,
        last: Last | None,
        until: Event | None,
        series: Series | None,
        opening: Opening | None,
        now_ns: int,
        lacked_us: int | None = None,
    ) -> str | None:
        """Note that the changes from the last captured one to `until` were missed; no event is absence.

        A snapshot may have lacked it, at `lacked_us`. `series` are the tags of an entity that was never captured.
        Return the name of the gap; None where there is nothing that could have been missed.
        """
        series = series if last is None else last.described.series
        if series is None or (opening is not None and opening.fresh):
            return None
        was_absent = last is None or last.at is None
        self.broken += not (was_absent and until is None)
        gap = opening.gap if opening else self._link_gap(entity_id, last, until, now_ns)
        interval = Interval(
            entity_id=entity_id,
            series=series,
            after_us=last.at_us if last else None,
            captured=last.captured if last else 0,
            was_absent=was_absent,
            until_us=until.at_us if until else None,
            until_series=until.series if until else None,
            lacked_us=lacked_us,
        )
        self.add(gap, interval)
        return gap.gap

    def returns(self, gap: str, entity_id: str, at_us: int) -> None:
        """Note that an entity which was absent at the end of a gap has had its first live event."""
        self._returned.append(EntityReturned(gap=gap, entity_id=entity_id, at_us=at_us))

    def leave_out(self, entity_ids: Iterable[str]) -> None:
        """Note that these entities are not wanted from now on."""
        self._left_out += entity_ids

    def wanted_again(self, entity_id: str, last: Last, until_us: int) -> None:
        """Note that an entity was left out until then: nothing of that was missed."""
        after_us = last.at_us or None
        series = last.described.series
        self._wanted_again.append(Interval(entity_id=entity_id, series=series, after_us=after_us, until_us=until_us))

    def _link_gap(self, entity_id: str, last: Last | None, until: Event | None, now_ns: int) -> GapFound:
        from_us = last.at_us if last else until.at_us - 1 if until else instants.to_us(now_ns)
        return GapFound(
            gap=f"{self._home}:{now_ns}:link",
            home=self._home,
            cause=GapCause.BROKEN_LINK,
            detail="a change on a healthy connection did not reach us",
            from_us=from_us,
            found_ns=now_ns,
            whole=True,
            intact_since_us=from_us,
            anchors=((entity_id, from_us),) if last else (),
        )
