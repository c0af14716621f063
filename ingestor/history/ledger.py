"""The gap ledger: every gap, what it cost and what became of it; `DATA_DIR/state.sqlite3`."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import trio
from msgspec import Struct
from msgspec.structs import replace

from ingestor.history.silences import Silence
from ingestor.model import instants
from ingestor.model.gaps import ClockRead, EntityReturned, GapFound, Interval, LeftOut, Note
from ingestor.model.signals import Signal
from ingestor.storage.database import Database, transaction
from metrics import facts
from metrics.codes import GapCause, GapState, WarningCode

_LEFT_OUT = "left_out"  # the state of what is no gap: the times during which a user had left entities out
_GAP = ("id", "gap", "home", "cause", "detail", "from_us", "found_ns", "state", "reason", "entities", "refilled")
_ADD_GAP = """INSERT INTO gaps (gap, home, cause, detail, from_us, found_ns, whole, intact_since_us, anchors, state)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (gap) DO UPDATE SET cause = excluded.cause, found_ns = excluded.found_ns,
        whole = max(whole, excluded.whole), intact_since_us = ifnull(excluded.intact_since_us, intact_since_us)"""
_ADD_INTERVAL = """INSERT OR IGNORE INTO intervals (gap, home, entity_id, after_us, until_us, body)
    VALUES (?, ?, ?, ?, ?, ?)"""
_REPLACE_OLDER = """DELETE FROM intervals
    WHERE home = ? AND entity_id = ? AND after_us IS ? AND gap != ? AND reason IS NULL RETURNING body"""
_LIST_CLOSED = """UPDATE intervals SET reason = ? WHERE gap = ? AND reason = ''
    AND ifnull(after_us, 0) < ? AND coalesce(until_us, returned_us, ?) > ?"""
_BOUND_OLDER = """UPDATE intervals SET returned_us = ?
    WHERE home = ? AND entity_id = ? AND after_us < ? AND gap != ? AND until_us IS NULL AND returned_us IS NULL"""
_REMEMBER = "INSERT INTO commits VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET number = max(number, excluded.number)"
_OPEN = """SELECT gap, cause, from_us, anchors, (
        SELECT min(later.intact_since_us) FROM gaps AS later WHERE later.home = gaps.home AND later.id >= gaps.id
    ) FROM gaps WHERE home = ? AND state = 'open' AND EXISTS (
        SELECT 1 FROM gaps AS later WHERE later.home = gaps.home AND later.id >= gaps.id AND later.whole
    ) ORDER BY id"""

T = TypeVar("T")


class Missed(Struct, frozen=True, kw_only=True):
    """An interval of the ledger; `returned_us` is what bounds an absence: see `Bounds`, whose rule the ledger keeps."""

    id: int
    interval: Interval
    returned_us: int | None = None


class OpenGap(Struct, frozen=True, kw_only=True):
    """A gap to be filled, with its open intervals; `intact` when Home Assistant has proved that it did not restart."""

    gap: str
    cause: str
    from_us: int
    intact: bool
    anchors: tuple[tuple[str, int], ...]
    missed: tuple[Missed, ...]


class Listed(Struct, frozen=True, kw_only=True):
    """What is incomplete for good: changes of this entity between these times, and why."""

    entity_id: str
    after_us: int | None
    until_us: int | None
    reason: str


class Gap(Struct, frozen=True, kw_only=True):
    """A gap as the ledger tells it. `refilled` counts changes that came out of the recorder."""

    id: int
    gap: str
    home: str
    cause: str
    detail: str
    from_us: int
    found_ns: int
    state: GapState
    reason: str
    entities: int
    refilled: int
    listed: tuple[Listed, ...] = ()


class Ledger:
    """The gaps of every home. Every method raises `Unavailable` while the disk does not serve.

    `mark` is that of the embedded database, remembered with each interval that is closed: what was refilled is there.
    """

    def __init__(self, database: Database, report: facts.Report, mark: Callable[[], int] = lambda: 0) -> None:
        self._changed: defaultdict[str, Signal] = defaultdict(Signal)
        self._database = database
        self._report = report
        self._mark = mark

    def open_now(self) -> None:
        """Tell how many gaps there are; only while nobody else uses the file."""
        self._told(self._database.run_now(_counted(lambda _connection: None), self._warn))

    async def record(self, notes: Sequence[Note]) -> None:
        """Take notes in; the same note again changes nothing."""
        noted, homes = await self._run(lambda connection: _record(connection, notes))
        for fact in noted:
            self._report(fact)
        for home in homes:
            self._changed[home].send()

    def changed(self, home: str) -> trio.Event:
        """Return what is set when the next notes of a home were taken in."""
        return self._changed[home].next

    async def open_gaps(self, home: str) -> list[OpenGap]:
        """Return the gaps that can be filled, the oldest first: those whose end is known."""
        return await self._run(lambda connection: _open(connection, home))

    async def since_us(self, home: str) -> int:
        """Return since when everything is promised: the end of the first start; 0 when it is not known."""
        query = "SELECT min(found_ns) FROM gaps WHERE home = ? AND state = 'since'"
        [found] = await self._run(lambda connection: connection.execute(query, (home,)).fetchone())
        return instants.to_us(found or 0)

    async def marked(self) -> int:
        """Return the mark that the embedded database once had; 0 where it is not the store."""
        query = "SELECT ifnull(max(number), 0) FROM commits"
        return int(await self._run(lambda connection: connection.execute(query).fetchone()[0]))

    async def remember(self, mark: int) -> None:
        """Remember this mark, though it is a lower one."""
        await self._run(lambda connection: connection.execute("UPDATE commits SET number = ?", (mark,)))

    async def clock(self, home: str) -> ClockRead | None:
        """Return what was read last of the home's clock."""
        query = "SELECT heard_ns, lag_us FROM clocks WHERE home = ?"
        found = await self._run(lambda connection: connection.execute(query, (home,)).fetchone())
        return ClockRead(home=home, heard_ns=found[0], lag_us=found[1], opens=False) if found else None

    async def remember_clock(self, read: ClockRead) -> None:
        """Remember what was read of the home's clock."""
        values = (read.home, read.heard_ns, read.lag_us)
        await self._run(lambda connection: connection.execute("INSERT OR REPLACE INTO clocks VALUES (?, ?, ?)", values))

    async def close(self, gap: str, *, closed: Sequence[int], listed: Mapping[int, str], refilled: int) -> None:
        """Note what became of these intervals, by their ids, and how many changes were refilled."""

        def work(connection: sqlite3.Connection) -> None:
            rows = [("", id_) for id_ in closed] + [(reason, id_) for id_, reason in listed.items()]
            connection.executemany("UPDATE intervals SET reason = ? WHERE id = ?", rows)
            connection.execute("UPDATE gaps SET refilled = refilled + ? WHERE gap = ?", (refilled, gap))
            connection.execute(_REMEMBER, (self._mark(),))

        await self._run(work)

    async def settle(self, gap: str, state: GapState, reason: str, silences: Sequence[Silence] = ()) -> Gap:
        """End a gap whose intervals are all closed or listed: the latter make it `partly`.

        In a silence of the recorder anything may have happened: those that were closed over one are listed after all.
        """

        def work(connection: sqlite3.Connection) -> Gap:
            for silence in silences:
                bounds = (silence.to_us, silence.to_us, silence.from_us)
                connection.execute(_LIST_CLOSED, (_silent(silence), gap, *bounds))
            connection.execute("DELETE FROM intervals WHERE gap = ? AND reason = ''", (gap,))
            query = "SELECT count(*) FROM intervals WHERE gap = ? AND reason IS NOT NULL"
            [listed] = connection.execute(query, (gap,)).fetchone()
            values = (GapState.PARTLY if listed else state, reason, gap)
            connection.execute("UPDATE gaps SET state = ?, reason = ? WHERE gap = ?", values)
            return _read(connection, "WHERE gap = ?", (gap,))[0]

        return await self._run(work)

    async def tell(self, outcome: GapFound, state: GapState, reason: str, refilled: int) -> None:
        """Note what a comparison has found, as a gap of its own; the same again changes nothing."""

        def work(connection: sqlite3.Connection) -> facts.GapsNoted:
            noted = _record_gap(connection, outcome)
            values = (state, reason, refilled, outcome.gap)
            connection.execute("UPDATE gaps SET state = ?, reason = ?, refilled = ? WHERE gap = ?", values)
            connection.execute(_REMEMBER, (self._mark(),))
            return noted

        self._report(await self._run(work))

    async def read(self, *, limit: int = 100, before: int | None = None, home: str | None = None) -> list[Gap]:
        """Return the newest gaps first, those with ids below `before`, of one home or of all; a limit of -1 is none."""
        where = "WHERE id < ? AND home = ifnull(?, home) AND state != ? ORDER BY id DESC LIMIT ?"
        values = (2**62 if before is None else before, home, _LEFT_OUT, limit)
        return await self._run(lambda one: _read(one, where, values))

    async def left_out(self, home: str) -> dict[str, list[tuple[int, int]]]:
        """Return during which times the user had left out entities that are wanted again, in microseconds, by entity.

        What came within (from, until] is neither stored nor missed.
        """
        query = "SELECT entity_id, ifnull(after_us, 0), until_us FROM intervals WHERE gap = ?"
        found: dict[str, list[tuple[int, int]]] = {}
        values = (_left_out_name(home),)
        for entity_id, *span in await self._run(lambda one: one.execute(query, values).fetchall()):
            found.setdefault(entity_id, []).append((span[0], span[1]))
        return found

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do the work in a transaction, and tell how many gaps there are then."""
        return self._told(await self._database.run(_counted(work), self._warn))

    def _told(self, done: tuple[T, facts.GapsHeld]) -> T:
        result, held = done
        self._report(held)
        return result

    def _warn(self, detail: str) -> None:
        self._report(facts.Warned(code=WarningCode.STATE_DAMAGED, detail=detail))


def _counted(work: Callable[[sqlite3.Connection], T]) -> Callable[[sqlite3.Connection], tuple[T, facts.GapsHeld]]:
    """Return the work, to be done in a transaction, with how many gaps there are then."""

    def counted(connection: sqlite3.Connection) -> tuple[T, facts.GapsHeld]:
        with transaction(connection):
            result = work(connection)
            states: dict[str, int] = dict.fromkeys(GapState, 0)
            query = "SELECT state, count(*) FROM gaps WHERE state != ? GROUP BY state"
            states |= dict(connection.execute(query, (_LEFT_OUT,)).fetchall())
            query = "SELECT count(*) FROM intervals WHERE reason > ''"
            [listed] = connection.execute(query).fetchone()
        return result, facts.GapsHeld(states=states, listed=listed)

    return counted


def _record(connection: sqlite3.Connection, notes: Sequence[Note]) -> tuple[list[facts.GapsNoted], set[str]]:
    """Return what was noted, and of which homes something was."""
    noted: list[facts.GapsNoted] = []
    homes: set[str] = set()
    for note in notes:
        match note:
            case GapFound():
                noted.append(_record_gap(connection, note))
                homes.add(note.home)
            case LeftOut() if note.ended:
                _record_left_out(connection, note)
            case EntityReturned():
                found = connection.execute(
                    """UPDATE intervals SET returned_us = ?
                        WHERE gap = ? AND entity_id = ? AND until_us IS NULL AND returned_us IS NULL RETURNING home""",
                    (note.at_us, note.gap, note.entity_id),
                )
                homes.update(home for (home,) in found)
    return noted, homes


def _record_gap(connection: sqlite3.Connection, note: GapFound) -> facts.GapsNoted:
    [known] = connection.execute("SELECT count(*) FROM gaps WHERE gap = ?", (note.gap,)).fetchone()
    state = GapState.SINCE if note.cause == GapCause.FIRST_START else GapState.OPEN
    anchors = msgspec.json.encode(note.anchors).decode()
    values = (note.gap, note.home, note.cause, note.detail, note.from_us, note.found_ns, note.whole)
    connection.execute(_ADD_GAP, (*values, note.intact_since_us, anchors, state))
    added = 0
    for one in note.intervals:
        replaced = connection.execute(_REPLACE_OLDER, (note.home, one.entity_id, one.after_us, note.gap)).fetchall()
        if not all(msgspec.json.decode(body, type=Interval).was_absent for (body,) in replaced):
            one = replace(one, was_absent=False)  # noqa: PLW2901  its removal is still to be found
        if one.after_us is not None:
            bound = (one.after_us + 1, note.home, one.entity_id, one.after_us, note.gap)
            connection.execute(_BOUND_OLDER, bound)
        body = msgspec.json.encode(one).decode()
        row = (note.gap, note.home, one.entity_id, one.after_us, one.until_us, body)
        added += connection.execute(_ADD_INTERVAL, row).rowcount
    connection.execute("UPDATE gaps SET entities = entities + ? WHERE gap = ?", (added, note.gap))
    return facts.GapsNoted(home=note.home, cause=note.cause, new=1 - known, entities=added)


def _record_left_out(connection: sqlite3.Connection, note: LeftOut) -> None:
    name = _left_out_name(note.home)
    values = (name, note.home, _LEFT_OUT, "", 0, 0, True, None, "[]", _LEFT_OUT)
    connection.execute(_ADD_GAP, values)
    for one in note.ended:
        body = msgspec.json.encode(one).decode()
        connection.execute(_ADD_INTERVAL, (name, note.home, one.entity_id, one.after_us, one.until_us, body))
    connection.execute("UPDATE intervals SET reason = '' WHERE gap = ?", (name,))


def _left_out_name(home: str) -> str:
    return f"{home}:{_LEFT_OUT}"


def _open(connection: sqlite3.Connection, home: str) -> list[OpenGap]:
    found: list[OpenGap] = []
    for gap, cause, from_us, anchors, intact_since_us in connection.execute(_OPEN, (home,)).fetchall():
        query = "SELECT id, body, returned_us FROM intervals WHERE gap = ? AND reason IS NULL ORDER BY id"
        missed = [
            Missed(id=id_, interval=msgspec.json.decode(body, type=Interval), returned_us=returned_us)
            for id_, body, returned_us in connection.execute(query, (gap,))
        ]
        found.append(
            OpenGap(
                gap=gap,
                cause=cause,
                from_us=from_us,
                intact=intact_since_us is not None and intact_since_us <= from_us,
                anchors=msgspec.json.decode(anchors, type=tuple[tuple[str, int], ...]),
                missed=tuple(missed),
            )
        )
    return found


def _silent(silence: Silence) -> str:
    begin, end = (instants.text(at_us, "milliseconds") for at_us in (silence.from_us, silence.to_us))
    return f"the recorder has nothing at all between {begin} and {end}: was it disabled?"


def _read(connection: sqlite3.Connection, where: str, values: Sequence[Any]) -> list[Gap]:
    rows = connection.execute(f"SELECT {', '.join(_GAP)} FROM gaps {where}", values).fetchall()  # noqa: S608  our words
    found: list[Gap] = []
    for row in rows:
        query = """SELECT entity_id, after_us, until_us, reason FROM intervals
            WHERE gap = ? AND reason > '' ORDER BY entity_id, id"""
        listed = tuple(
            Listed(entity_id=entity_id, after_us=after_us, until_us=until_us, reason=reason)
            for entity_id, after_us, until_us, reason in connection.execute(query, (row[1],))
        )
        found.append(Gap(**dict(zip(_GAP, row, strict=True)), listed=listed))
    return found
