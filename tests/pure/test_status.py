from __future__ import annotations

import pytest

import supervisors
from ingestor.api.status import Problem, StatusBoard
from metrics import facts
from metrics.codes import DropReason, ErrorCode

MIDNIGHT = 1_795_478_400.0


class Clock:
    """A clock that is set by hand, in Unix seconds."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def received(events: int, newest_at: float = 0.0) -> facts.EventsReceived:
    return facts.EventsReceived(home="home", events=events, newest_ns=int(newest_at * 1e9))


def failed(code: ErrorCode) -> facts.ConnectFailed:
    return facts.ConnectFailed(home="home", code=code, detail=f"because of {code}", retry_seconds=1)


def opened(session: int) -> facts.SessionOpened:
    return facts.SessionOpened(home="home", session=session, version="2025.4.4")


def test_events_are_counted_for_the_last_hour_and_the_day() -> None:
    clock = Clock(MIDNIGHT - 3000)
    board = StatusBoard(["home"], clock)
    counted = []
    for seconds, events in ((0, 5), (10, 7), (2990, 11), (700, 13), (86_400, 0)):
        clock.now += seconds
        board(received(events))
        counted.append((board.events_last_hour, board.events_today))
    assert counted == [(5, 5), (12, 12), (23, 11), (24, 24), (0, 0)]
    clock.now += 86_400
    assert (board.events_last_hour, board.events_today, board.received) == (0, 0, 36)


def written(events: int, newest_ns: int | None) -> facts.BatchWritten:
    return facts.BatchWritten(
        store="s", records=2, events=events, newest_event_ns=newest_ns, duration_seconds=0, ages_seconds=()
    )


def test_the_newest_event_counts_not_the_last_that_came() -> None:
    board = StatusBoard(["home"], Clock(1000.0))
    for at in (500.0, 400.0):
        board(received(1, at))
        board(written(1, int(at * 1e9)))
    board(written(0, None))
    assert (board.last_event_at, board.newest_stored_at, board.lag_seconds, board.stored) == (500.0, 500.0, 500.0, 2)


def test_a_start_is_unhealthy_until_both_ends_work() -> None:
    board = StatusBoard(["home"], Clock(0.0))
    assert set(board.problems) == {"websocket_client", "database"}
    board(opened(1))
    assert set(board.problems) == {"database"}
    board(facts.StoreReady(store="sqlite"))
    assert board.problems == {}
    assert board.weather_problem == Problem(code="starting", detail="no observation yet")


def test_the_connection_s_life_is_followed() -> None:
    clock = Clock(100.0)
    board = StatusBoard(["home"], clock)
    seen = []
    for fact in (
        failed(ErrorCode.UNREACHABLE),
        opened(1),
        facts.SessionClosed(home="home", session=1, code=ErrorCode.CLOSED, detail="gone"),
        failed(ErrorCode.CREDENTIALS_REFUSED),
        opened(2),
        failed(ErrorCode.UNREACHABLE),  # a crash of the actor has hidden the end of its session
    ):
        clock.now += 1
        board(fact)
        problem = board.problems.get("websocket_client")
        seen.append((board.connected, problem.code if problem else None, board.reconnects, board.last_reconnect))
    assert seen == [
        (False, "unreachable", 0, None),
        (True, None, 0, None),
        (False, "closed", 0, None),
        (False, "credentials_refused", 0, None),
        (True, None, 1, 105.0),
        (False, "unreachable", 1, 105.0),
    ]


def test_store_and_weather_fail_and_come_back() -> None:
    board = StatusBoard(["home"], Clock(0.0))
    board(facts.StoreFailed(store="s", code=ErrorCode.LOCKED, detail="in use", retry_seconds=1))
    board(facts.WeatherFailed(home="home", provider="p", code=ErrorCode.QUOTA, detail="used up"))
    problems = [(board.store_problem, board.weather_problem)]
    board(facts.StoreReady(store="s"))
    board(facts.WeatherUpdated(home="home", provider="p", observed_at=0, summary="7 °C"))
    problems.append((board.store_problem, board.weather_problem))
    assert problems[0] == (Problem(code="locked", detail="in use"), Problem(code="quota", detail="used up"))
    assert problems[1] == (None, None)
    assert board.homes["home"].weather_summary == "7 °C"


def test_with_several_homes_each_problem_names_its_home_and_all_must_be_connected() -> None:
    board = StatusBoard(["attic", "barn", "cellar"], Clock(100.0), weather_is_on=False)
    assert (board.connected, board.weather_problem) == (False, None)
    for home in board.homes:
        board(facts.SessionOpened(home=home, session=1, version="2025.4.4"))
    assert (board.connected, board.reconnects, set(board.problems)) == (True, 0, {"database"})
    board(facts.SessionClosed(home="barn", session=1, code=ErrorCode.CLOSED, detail="gone"))
    board(facts.HomePaused(home="cellar", code="disk_full", detail="no room"))
    board(facts.RefillFailed(home="attic", code=ErrorCode.UNAUTHORIZED, detail="no admin", retry_seconds=1))
    board(facts.WeatherFailed(home="barn", provider="p", code=ErrorCode.QUOTA, detail="used up"))
    said = {part: problem.detail for part, problem in board.problems.items() if part != "database"}
    assert said == {
        "websocket_client": "barn: gone; cellar: paused: no room",
        "recorder": "attic: gaps cannot be refilled: no admin",
    }
    assert board.weather_problem == Problem(code="quota", detail="barn: used up")
    assert not board.connected
    board(facts.SessionOpened(home="barn", session=2, version="2025.4.4"))
    assert (board.connected, board.reconnects, board.last_reconnect) == (True, 1, 100.0)


def set_aside(records: int, reason: ErrorCode = ErrorCode.FIELD_CONFLICT) -> facts.RecordsQuarantined:
    return facts.RecordsQuarantined(reason=reason, records=records, events=records, detail="sensor.secret")


def test_the_error_rate_is_the_share_of_the_last_hour_that_was_dropped_or_set_aside() -> None:
    clock = Clock(0.0)
    board = StatusBoard(["home"], clock)
    assert board.error_rate_percent == 0
    board(written(2, None))
    board(facts.RecordsDropped(reason=DropReason.SHUTDOWN, records=1, events=1, detail=""))
    board(facts.RecordsSpooled(pending_events=2, pending_bytes=9, maximum_bytes=99))
    board(set_aside(1))
    assert (board.error_rate_percent, board.dropped, board.pending) == (50.0, 1, 2)
    clock.now += 3600
    board(written(2, None))
    assert (board.error_rate_percent, board.dropped) == (0.0, 1)


def running() -> StatusBoard:
    """Return the board of a service that has nothing to complain of, a minute after its start."""
    board = StatusBoard(["home"], Clock(60.0), weather_is_on=False)
    board(opened(1))
    board(facts.StoreReady(store="s"))
    return board


def selected(entities: int, selected: int) -> facts.EntitiesSelected:
    return facts.EntitiesSelected(home="home", entities=entities, selected=selected)


def held(size_bytes: int) -> facts.QuarantineHeld:
    return facts.QuarantineHeld(records=1, size_bytes=size_bytes, maximum_bytes=10)


def unfilled(code: ErrorCode) -> facts.RefillFailed:
    return facts.RefillFailed(home="home", code=code, detail="it says nothing", retry_seconds=60)


FULL = facts.QuarantineFailed(code=ErrorCode.QUARANTINE_FULL, detail="it is full")
SETTLED = facts.IntervalsSettled(home="home", refilled=1, listed=0)
READY = facts.RefillReady(home="home")


@pytest.mark.parametrize(
    ("told", "problems"),
    [
        ([set_aside(25)], {}),
        ([set_aside(26)], {"database": "field_conflict"}),
        ([*[written(2, None)] * 900, set_aside(26)], {"database": "field_conflict"}),
        ([set_aside(10_000), written(2, None)], {"database": "field_conflict"}),
        ([set_aside(10_000), *[written(2, None)] * 13], {}),
        ([set_aside(26), 9000], {"database": "field_conflict"}),  # a quiet home mends nothing
        ([set_aside(26, ErrorCode.UNDECODABLE)], {"enrichment_service": "undecodable"}),
        ([held(10), FULL], {"quarantine": "quarantine_full"}),
        ([held(10), FULL, held(9), FULL], {"quarantine": "quarantine_full"}),
        ([held(10), FULL, held(7)], {}),
        ([selected(7, 0)], {"selection": "selects_nothing"}),
        ([selected(7, 1)], {}),
        ([selected(0, 0)], {}),
        ([selected(7, 0), received(1)], {}),
        ([unfilled(ErrorCode.UNAUTHORIZED)], {"recorder": "unauthorized"}),
        ([unfilled(ErrorCode.STARTING), 599, unfilled(ErrorCode.STARTING)], {}),
        ([unfilled(ErrorCode.STARTING), 600, unfilled(ErrorCode.STARTING)], {"recorder": "starting"}),
        ([unfilled(ErrorCode.STARTING), 600, unfilled(ErrorCode.STARTING), READY, SETTLED], {}),
        ([unfilled(ErrorCode.STARTING), 600, READY, unfilled(ErrorCode.TIMEOUT)], {"recorder": "timeout"}),
        ([unfilled(ErrorCode.STARTING), 600, READY, SETTLED, unfilled(ErrorCode.TIMEOUT)], {}),
    ],
)
def test_what_is_wrong_is_told_by_part_and_code_until_it_is_right(
    told: list[facts.Fact | int], problems: dict[str, str]
) -> None:
    board = running()
    for one in told:
        if isinstance(one, int):
            assert isinstance(board.clock, Clock)
            board.clock.now += one
        else:
            board(one)
    assert {part: problem.code for part, problem in board.problems.items()} == problems
    assert "secret" not in str(board.problems)  # whoever asks for /health needs no token


def test_restarts_are_counted_by_actor() -> None:
    board = StatusBoard(["home"], Clock(0.0))
    for name in ("writer", "spool", "writer"):
        board(supervisors.ChildRestarting(path=("root", "storage", name), delay_seconds=0.1))
    assert board.restarts == {"root/storage/writer": 2, "root/storage/spool": 1}
