"""What one sees of a tree: events, snapshots, drawings."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from supervisors import (
    ChildSnapshot,
    Intensity,
    Progress,
    Restart,
    StopOrder,
    Strategy,
    Supervisor,
    SupervisorSnapshot,
    outline,
    render,
)
from tests.supervisors.actors import Actor, family, run_until, running

GAVE_UP = "IntensityExceeded: inner gave up after too many restarts; the last: b: RuntimeError: bug"


def about(seconds: float) -> Any:
    return pytest.approx(seconds, abs=0.2)


async def test_a_raising_observer_harms_nobody_and_is_logged_once_per_kind_of_error(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    told: list[object] = []

    def observer(event: object) -> None:
        told.append(event)
        raise (ZeroDivisionError if len(told) % 2 else KeyError)

    record: list[str] = []
    inner = Supervisor("inner", [Actor("a", record).spec()])
    outer = Supervisor("outer", [inner.as_child()], observer=observer)
    async with running(outer):
        pass
    assert record == ["start a", "drain a", "end a"]
    assert len(told) == 14, "four states each, three of each child"
    assert outer.snapshot().observer_failures == inner.observer_failures == 14
    assert [entry.getMessage() for entry in caplog.records] == [
        "an observer failed on SupervisorStateChanged of outer",
        "an observer failed on ChildStarting of outer/inner",
    ]


async def test_an_observer_of_its_own_hears_what_is_below(autojump_clock: MockClock) -> None:
    mine: list[object] = []
    theirs: list[object] = []
    inner = Supervisor("inner", [Actor("a", []).spec()], observer=mine.append)
    outer = Supervisor("outer", [inner.as_child()], observer=theirs.append)
    async with running(outer):
        pass
    assert {event.path for event in mine} == {("outer", "inner"), ("outer", "inner", "a")}  # type: ignore[attr-defined]  # all have one
    assert {event.path for event in theirs} == {("outer",), ("outer", "inner")}  # type: ignore[attr-defined]  # the same


async def test_an_observer_may_give_commands(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a, b = family(record, 2)

    def observer(event: object) -> None:
        if str(event) == "ChildRestarting(path=('root', 'a'), delay_seconds=0.1)":
            supervisor.remove_child("a")
            supervisor.add_child(b.spec())

    supervisor = Supervisor("root", [a.spec()], observer=observer)
    await run_until(supervisor, lambda: a.end(RuntimeError("bug")))
    assert record == ["start a", "end a", "start b", "drain b", "end b"]


async def test_a_snapshot_shows_the_whole_tree(autojump_clock: MockClock) -> None:
    progress = Progress()
    a, b = family([], 2)
    inner = Supervisor(
        "inner", [b.spec(progress=progress)], strategy=Strategy.ONE_FOR_ALL, intensity=Intensity(restarts=0)
    )
    outer = Supervisor("outer", [a.spec(), inner.as_child()])
    assert [child.state for child in outer.snapshot().children] == ["down", "stopped"]
    async with running(outer):
        b.end(RuntimeError("bug"))
        await trio.sleep(1)
        progress.report()
        await trio.sleep(9)
        assert outer.snapshot() == SupervisorSnapshot(
            id="outer",
            state="running",
            strategy="one_for_one",
            restarts=0,
            uptime_seconds=about(10.1),
            last_error=None,
            observer_failures=0,
            children=(
                ChildSnapshot(
                    id="a",
                    state="up",
                    restarts=0,
                    uptime_seconds=about(10.1),
                    progress_age_seconds=None,
                    last_error=None,
                ),
                SupervisorSnapshot(
                    id="inner",
                    state="running",
                    strategy="one_for_all",
                    restarts=1,
                    uptime_seconds=about(9.8),
                    last_error=GAVE_UP,
                    observer_failures=0,
                    children=(
                        ChildSnapshot(
                            id="b",
                            state="up",
                            restarts=0,
                            uptime_seconds=about(9.8),
                            progress_age_seconds=9,
                            last_error=None,
                        ),
                    ),
                ),
            ),
        )


async def test_a_tree_is_drawn_with_how_each_child_is(autojump_clock: MockClock) -> None:
    progress = Progress()
    a, b, c = family([])
    inner = Supervisor("inner", [a.spec(progress=progress), b.spec(restart=Restart.TRANSIENT)])
    outer = Supervisor("outer", [inner.as_child(), c.spec()], strategy=Strategy.REST_FOR_ONE)
    async with running(outer):
        progress.report()
        a.end(RuntimeError("bug"))
        b.end()
        await trio.sleep(10)
        assert render(outer.snapshot()).splitlines() == [
            "outer  running  rest_for_one",
            "├─ inner  running  one_for_one",
            "│  ├─ a  up  for 10 s  got on 10 s ago  restarts: 1  last: RuntimeError: bug",
            "│  └─ b  down",
            "└─ c  up  for 10 s",
        ]


def test_a_tree_is_outlined_from_its_specs_alone() -> None:
    a, b, c = family([])
    inner = Supervisor(
        "inner",
        [a.spec(shutdown_timeout_seconds=3), b.spec(drain=None, restart=Restart.TEMPORARY)],
        strategy=Strategy.ONE_FOR_ALL,
        intensity=Intensity(restarts=3, period_seconds=5),
        stop_order=StopOrder.START_ORDER,
    )
    outer = Supervisor("outer", [inner.as_child(restart=Restart.TRANSIENT), c.spec()])
    assert outline(outer).splitlines() == [
        "outer  one_for_one  10 restarts in 60 s",
        "├─ inner  one_for_all  3 restarts in 5 s  stops in start_order  transient",
        "│  ├─ a  drains 3 s",
        "│  └─ b  temporary",
        "└─ c  drains 5 s",
    ]
