"""What the service says of itself to the API and to the live view, folded from its facts. Pure but for its clock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

import supervisors
from ingestor.model.advice import hint_of
from ingestor.model.instants import SECOND_NS
from metrics import facts
from metrics.codes import REFUSALS, ErrorCode

DAY_SECONDS = 86_400
MINUTES = 60  # that events and errors are counted for
LATELY = 50  # records, of which most must be stored
STUCK_SECONDS = 600  # a gap that is not filled for so long waits for the user, whatever keeps the recorder
_WITH_EVERY_FRAME = frozenset({facts.FramesReceived, facts.ChangesReceived, facts.EventSkipped})
"""What says nothing of how we are; to compare each with every case below would be most of the cost of telemetry."""


class Problem(Struct, frozen=True, kw_only=True):
    """Why a part is unhealthy, in words."""

    code: str
    detail: str


class _Recent:
    """A count of the last minutes."""

    def __init__(self) -> None:
        self._minutes: deque[list[int]] = deque()  # each with its number

    def add(self, now: float, number: int) -> None:
        """Count so many, now."""
        minute = int(now // 60)
        if self._minutes and self._minutes[-1][0] == minute:
            self._minutes[-1][1] += number
            return
        self._minutes.append([minute, number])
        while self._minutes[0][0] <= minute - MINUTES:
            self._minutes.popleft()

    def of(self, now: float) -> int:
        """Return the sum of the last minutes, this one among them."""
        oldest = int(now // 60) - MINUTES + 1
        return sum(number for minute, number in self._minutes if minute >= oldest)


class HomeStatus:
    """The present state of one home. Times are Unix seconds."""

    def __init__(self, *, weather_is_on: bool) -> None:
        self.connected = False
        self.version = ""
        self.sessions = 0
        self.last_reconnect: float | None = None
        self.weather_summary = ""
        self.connection_problem: Problem | None = Problem(code="starting", detail="not connected yet")
        self.paused_problem: Problem | None = None
        self.recorder_problem: Problem | None = None
        self.selection_problem: Problem | None = None
        self._unfilled_since: float | None = None
        self.weather_problem: Problem | None = None
        if weather_is_on:  # what is off is not ill
            self.weather_problem = Problem(code="starting", detail="no observation yet")

    @property
    def reconnects(self) -> int:
        """How many sessions there were after the first."""
        return max(0, self.sessions - 1)

    def fold(self, fact: facts.Fact, now: float) -> None:  # noqa: C901  one case per fact, in one table
        """Take in a fact about this home."""
        match fact:
            case facts.EventsReceived():  # the first, as most are
                self.selection_problem = None
            case facts.SessionOpened():
                self._opened(fact, now)
            case facts.SessionClosed() | facts.ConnectFailed():
                self.connected = False
                self.connection_problem = Problem(code=fact.code, detail=fact.detail)
            case facts.HomePaused():
                self.paused_problem = Problem(code=fact.code, detail=f"paused: {fact.detail}")
            case facts.HomeResumed():
                self.paused_problem = None
            case facts.EntitiesSelected():
                nothing = f"INCLUDE and EXCLUDE leave none of {fact.entities} entities to be stored"
                is_empty = fact.entities and not fact.selected
                self.selection_problem = Problem(code="selects_nothing", detail=nothing) if is_empty else None
            case facts.RefillReady():
                self.recorder_problem = None
            case facts.IntervalsSettled() | facts.GapSettled():
                self._unfilled_since = None
            case facts.RefillFailed():
                self._unfilled(fact, now)
            case facts.WeatherUpdated():
                self.weather_problem = None
                self.weather_summary = fact.summary
            case facts.WeatherFailed():
                self.weather_problem = Problem(code=fact.code, detail=fact.detail)

    def _unfilled(self, fact: facts.RefillFailed, now: float) -> None:
        """Take what is only away for a problem when it stays: most comes back by itself."""
        self._unfilled_since = self._unfilled_since or now
        if fact.code in REFUSALS or now - self._unfilled_since >= STUCK_SECONDS:
            self.recorder_problem = Problem(code=fact.code, detail=f"gaps cannot be refilled: {fact.detail}")

    def _opened(self, fact: facts.SessionOpened, now: float) -> None:
        self.connected = True
        self.connection_problem = None
        self.version = fact.version
        self.sessions += 1
        if self.sessions > 1:
            self.last_reconnect = now


class StatusBoard:
    """A `Report` that remembers the present state of every part and every home. Times are Unix seconds."""

    def __init__(
        self, homes: Sequence[str], clock: Callable[[], float] = time.time, *, weather_is_on: bool = True
    ) -> None:
        self.homes = {home: HomeStatus(weather_is_on=weather_is_on) for home in homes}
        self.clock = clock
        self.started_at = clock()
        self.disk_problem: Problem | None = None
        self.store_problem: Problem | None = Problem(code="starting", detail="no write yet")
        self.gaps: dict[str, int] = {}
        self.quarantine_problem: Problem | None = None
        self.lost: dict[str, int] = {}
        self.received = 0
        self.stored = 0
        self.dropped = 0
        self.quarantined = 0
        self.pending = 0
        self.last_event_at: float | None = None
        self.newest_stored_at: float | None = None
        self.restarts: dict[str, int] = {}
        self._received, self._stored, self._dropped, self._set_aside = (_Recent() for _ in range(4))
        self._refused: deque[bool] = deque(maxlen=LATELY)
        self._reason: ErrorCode | None = None
        self._today: tuple[int, int] = (0, 0)

    @property
    def connected(self) -> bool:
        """Whether every home is connected."""
        return all(home.connected for home in self.homes.values())

    @property
    def reconnects(self) -> int:
        """How often a home was connected again."""
        return sum(home.reconnects for home in self.homes.values())

    @property
    def last_reconnect(self) -> float | None:
        """When a home was connected again last."""
        return max((home.last_reconnect for home in self.homes.values() if home.last_reconnect), default=None)

    @property
    def events_last_hour(self) -> int:
        """State changes received within the last 60 minutes."""
        return self._received.of(self.clock())

    @property
    def events_today(self) -> int:
        """State changes received since midnight, UTC."""
        day, events = self._today
        return events if day == int(self.clock() // DAY_SECONDS) else 0

    @property
    def error_rate_percent(self) -> float:
        """The share of the last hour's records that were set aside or dropped."""
        now = self.clock()
        bad = self._dropped.of(now) + self._set_aside.of(now)
        return 100.0 * bad / max(1, bad + self._stored.of(now))

    @property
    def lag_seconds(self) -> float | None:
        """How old the newest stored event is."""
        return None if self.newest_stored_at is None else max(0.0, self.clock() - self.newest_stored_at)

    @property
    def problems(self) -> dict[str, Problem]:
        """What makes the service unhealthy, by part."""
        return _only(self._ills)

    @property
    def warnings(self) -> dict[str, Problem]:
        """What a user should know of, by part, of a service that does its work all the same."""
        return {part: one for part, one in _only(self._concerns).items() if part not in self.problems}

    @property
    def parts(self) -> tuple[str, ...]:
        """Every part that can have a problem or a warning."""
        return tuple(self._ills | self._concerns)

    @property
    def _concerns(self) -> dict[str, Problem | None]:
        lost = {reason: events for reason, events in self.lost.items() if events}
        kept = f"the quarantine holds {self.quarantined} records: see `ingestor quarantine list`"
        gone = f"{sum(lost.values())} events were dropped: see `ingestor losses`"
        return {
            "weather_api": self.weather_problem,
            "quarantine": Problem(code="not_empty", detail=kept) if self.quarantined else None,
            "losses": Problem(code=next(iter(lost)), detail=gone) if lost else None,
        }

    @property
    def _ills(self) -> dict[str, Problem | None]:
        refusal = self._most_is_refused
        is_ours = refusal is not None and refusal.code == ErrorCode.UNDECODABLE
        return {
            "websocket_client": self._of_homes(lambda home: home.paused_problem or home.connection_problem),
            "selection": self._of_homes(lambda home: home.selection_problem),
            "enrichment_service": refusal if is_ours else None,
            "spool": self.disk_problem,
            "database": self.store_problem or (None if is_ours else refusal),
            "quarantine": self.quarantine_problem,
            "recorder": self._of_homes(lambda home: home.recorder_problem),
        }

    @property
    def _most_is_refused(self) -> Problem | None:
        """Why most of what was delivered lately was set aside; a home that falls silent mends nothing."""
        refused = sum(self._refused)
        if self._reason is None or refused <= LATELY / 2:
            return None
        detail = f"{refused} of the last {LATELY} records went into the quarantine ({self._reason})"
        return Problem(code=self._reason, detail=f"{detail}: {hint_of(self._reason)}")

    @property
    def weather_problem(self) -> Problem | None:
        """Why events do not get the present weather."""
        return self._of_homes(lambda home: home.weather_problem)

    def hears(self, kind: type[facts.Fact]) -> bool:
        """Return whether facts of this kind say anything of how we are."""
        return kind not in _WITH_EVERY_FRAME

    def __call__(self, fact: facts.Fact) -> None:
        """Fold a fact in."""
        home = self.homes.get(getattr(fact, "home", ""))
        if home is not None:
            home.fold(fact, self.clock())
        self._fold(fact)

    def _fold(self, fact: facts.Fact) -> None:  # noqa: C901, PLR0912  one case per fact, in one table
        match fact:
            case facts.EventsReceived():
                self._receive(fact.events, fact.newest_ns / SECOND_NS)
            case facts.RecordsSpooled():
                self.pending = fact.pending_events
            case facts.RecordsDropped():
                self.dropped += fact.records
                self._dropped.add(self.clock(), fact.records)
            case facts.BatchCommitted():
                self.disk_problem = None
            case facts.CommitFailed():
                self.disk_problem = Problem(code=fact.code, detail=fact.detail)
            case facts.QuarantineHeld():
                self.quarantined = fact.records
                self.quarantine_problem = None
            case facts.QuarantineFailed():
                self.quarantine_problem = Problem(code=fact.code, detail=fact.detail)
            case facts.RecordsQuarantined():
                self._set_aside.add(self.clock(), fact.records)
                self._refused.extend([True] * min(LATELY, fact.records))
                self._reason = fact.reason
            case facts.BatchWritten():
                self.stored += fact.events
                self._stored.add(self.clock(), fact.records)
                self._refused.extend([False] * min(LATELY, fact.records))
                if fact.newest_event_at is not None:
                    self.newest_stored_at = max(self.newest_stored_at or 0.0, fact.newest_event_at)
            case facts.StoreReady():
                self.store_problem = None
            case facts.StoreFailed():
                self.store_problem = Problem(code=fact.code, detail=fact.detail)
            case facts.LossesHeld():
                self.lost = fact.events
            case facts.GapsHeld():
                self.gaps = fact.states
            case supervisors.ChildRestarting():
                actor = "/".join(fact.path)
                self.restarts[actor] = self.restarts.get(actor, 0) + 1

    def _of_homes(self, problem_of: Callable[[HomeStatus], Problem | None]) -> Problem | None:
        """Return the problems of all homes as one, which names the homes where there are several."""
        found = [(name, problem) for name, home in self.homes.items() if (problem := problem_of(home)) is not None]
        if not found or len(self.homes) == 1:
            return found[0][1] if found else None
        detail = "; ".join(f"{name}: {problem.detail}" for name, problem in found)
        return Problem(code=found[0][1].code, detail=detail)

    def _receive(self, events: int, newest_at: float) -> None:
        now = self.clock()
        day = int(now // DAY_SECONDS)
        self.last_event_at = max(self.last_event_at or 0.0, newest_at)
        self.received += events
        self._received.add(now, events)
        self._today = (day, events + (self._today[1] if self._today[0] == day else 0))


def _only(found: Mapping[str, Problem | None]) -> dict[str, Problem]:
    return {part: problem for part, problem in found.items() if problem is not None}
