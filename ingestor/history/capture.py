"""How much of what changed in a home is captured, over restarts and for several lengths of time until now.

    captured                  events of whole hours, live, restored and refilled, without what is set aside
    captured + missed         `missed`: what is set aside, was dropped and not acknowledged, or was not heard

How many changes were not heard nobody knows: a gap that is open, or listed, counts as many as the home usually has in
so much time, in the share of its intervals that are open or listed, and at least one for each of them. A link that
broke while the home was heard counts one.

The counts of an hour are in `DATA_DIR/state.sqlite3`, a minute late: a crash costs the ratio that minute.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence

from msgspec import Struct

from ingestor.model.instants import SECOND_NS, to_us
from ingestor.storage.database import Database, transaction
from metrics import facts
from metrics.codes import ErrorCode, GapCause, Window

HOUR_SECONDS = 3600
WINDOWS_HOURS = {Window.HOUR: 1, Window.DAY: 24, Window.WEEK: 7 * 24, Window.MONTH: 30 * 24}
_KEPT_HOURS = 31 * 24

_ADD = """INSERT INTO captures VALUES (?, ?, ?, ?, ?) ON CONFLICT (home, hour) DO UPDATE
    SET events = events + excluded.events, live = live + excluded.live, seconds = seconds + excluded.seconds"""
_CAPTURED = "SELECT ifnull(sum(events), 0) FROM captures WHERE home = ? AND hour >= ?"
_RATE = "SELECT ifnull(sum(live) / sum(seconds), 0.0) FROM captures WHERE home = ? AND seconds > 0"
_SET_ASIDE = """SELECT count(*) FROM quarantine
    WHERE home = ? AND at_ns >= ? AND (entity_id IS NOT NULL OR code = ?)"""
_DROPPED = "SELECT ifnull(sum(events), 0) FROM losses WHERE acknowledged_ns IS NULL AND at_ns >= ?"
_UNHEARD = """SELECT cause, from_us, found_ns, entities, count(*) FROM gaps
    JOIN intervals ON intervals.gap = gaps.gap AND (intervals.reason IS NULL OR intervals.reason > '')
    WHERE gaps.home = ? AND found_ns >= ? GROUP BY gaps.gap"""


class _Heard(Struct):
    """What was counted of a home since the last time that it was kept."""

    events: int = 0
    live: int = 0
    seconds: float = 0.0


class Capture:
    """A `Report` that counts what is captured, and tells which share that is when the counts are kept."""

    def __init__(
        self,
        homes: Sequence[str],
        database: Database,
        report: facts.Report,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._database = database
        self._report = report
        self._clock_ns = clock_ns
        self._heard = {home: _Heard() for home in homes}
        self._since_ns: dict[str, int] = {}

    def __call__(self, fact: facts.Fact) -> None:
        """Count a fact."""
        match fact:
            case facts.EventsReceived():
                self._heard[fact.home].events += fact.events
                self._heard[fact.home].live += fact.events - fact.restored
            case facts.IntervalsSettled() | facts.AuditDone():
                self._heard[fact.home].events += fact.refilled
            case facts.SessionOpened():
                self._since_ns[fact.home] = self._clock_ns()
            case facts.SessionClosed():
                self._listen(fact.home)
                self._since_ns.pop(fact.home, None)

    def open_now(self) -> None:
        """Tell how it is; only while nobody else uses the file."""
        self._tell(self._database.run_now(lambda connection: self._measure(connection, self._clock_ns())))

    async def keep(self) -> None:
        """Keep the counts, and tell how it is. Raises `Unavailable`."""
        for home in self._since_ns:
            self._listen(home)
        now_ns, heard = self._clock_ns(), self._heard
        self._heard = {home: _Heard() for home in heard}
        try:
            self._tell(await self._database.run(lambda connection: self._keep(connection, heard, now_ns)))
        except BaseException:
            for home, one in heard.items():
                later = self._heard[home]
                later.events, later.live = later.events + one.events, later.live + one.live
                later.seconds += one.seconds
            raise

    def _listen(self, home: str) -> None:
        now_ns = self._clock_ns()
        since_ns = self._since_ns.get(home, now_ns)
        self._heard[home].seconds += max(0, now_ns - since_ns) / SECOND_NS
        self._since_ns[home] = now_ns

    def _keep(
        self, connection: sqlite3.Connection, heard: dict[str, _Heard], now_ns: int
    ) -> list[facts.CaptureMeasured]:
        hour = _hour(now_ns)
        with transaction(connection):
            rows = [(home, hour, one.events, one.live, one.seconds) for home, one in heard.items()]
            connection.executemany(_ADD, rows)
            connection.execute("DELETE FROM captures WHERE hour < ?", (hour - _KEPT_HOURS,))
            return self._measure(connection, now_ns)

    def _measure(self, connection: sqlite3.Connection, now_ns: int) -> list[facts.CaptureMeasured]:
        return [
            facts.CaptureMeasured(
                home=home,
                ratios={
                    window: _ratio(connection, home, _hour(now_ns) - hours) for window, hours in WINDOWS_HOURS.items()
                },
            )
            for home in self._heard
        ]

    def _tell(self, measured: Sequence[facts.CaptureMeasured]) -> None:
        for fact in measured:
            self._report(fact)


def _ratio(connection: sqlite3.Connection, home: str, since_hour: int) -> float:
    since_ns = since_hour * HOUR_SECONDS * SECOND_NS
    [events] = connection.execute(_CAPTURED, (home, since_hour)).fetchone()
    [set_aside] = connection.execute(_SET_ASIDE, (home, since_ns, ErrorCode.UNDECODABLE)).fetchone()
    [dropped] = connection.execute(_DROPPED, (since_ns,)).fetchone()
    [rate] = connection.execute(_RATE, (home,)).fetchone()
    unheard = sum(
        missed_in(cause, to_us(found_ns) - from_us, entities, unfilled, rate)
        for cause, from_us, found_ns, entities, unfilled in connection.execute(_UNHEARD, (home, since_ns))
    )
    captured, missed = max(0, events - set_aside), set_aside + dropped + unheard
    return captured / (captured + missed) if captured or missed else 1.0


def missed_in(cause: str, length_us: int, entities: int, unfilled: int, rate: float) -> float:
    """Return about how many changes a gap lacks of which so many intervals are not filled, at a rate per second."""
    if cause == GapCause.BROKEN_LINK:
        return unfilled
    return max(unfilled, rate * max(0, length_us) / 10**6 * unfilled / max(entities, unfilled))


def _hour(at_ns: int) -> int:
    return at_ns // SECOND_NS // HOUR_SECONDS
