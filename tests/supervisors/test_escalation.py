from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from supervisors import (
    Backoff,
    ChildFailed,
    ChildSpec,
    Intensity,
    IntensityExceeded,
    Restart,
    Strategy,
    Supervisor,
    SupervisorGaveUp,
    SupervisorStateChanged,
)
from tests.supervisors.actors import Actor, family, running

TWO_A_MINUTE = Intensity(restarts=2, period_seconds=60)


async def crash_each_second(actor: Actor, times: int) -> None:
    for number in range(times):
        await trio.sleep(1)
        actor.end(RuntimeError(f"bug {number}"))


@pytest.mark.parametrize(
    ("strategy", "last"),
    [
        (Strategy.ONE_FOR_ONE, ["end b", "drain c", "end c", "drain a", "end a"]),
        (Strategy.REST_FOR_ONE, ["end b", "drain c", "end c", "drain a", "end a"]),
        (Strategy.ONE_FOR_ALL, ["end b", "drain c", "end c", "drain a", "end a"]),
    ],
)
async def test_past_the_intensity_a_supervisor_stops_its_children_and_fails_with_the_history(
    strategy: Strategy, last: list[str], autojump_clock: MockClock
) -> None:
    record: list[str] = []
    told: list[object] = []
    a, b, c = family(record)
    specs = [actor.spec() for actor in (a, b, c)]
    supervisor = Supervisor("root", specs, strategy=strategy, intensity=TWO_A_MINUTE, observer=told.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(crash_each_second, b, 3)
        with pytest.raises(IntensityExceeded) as raised:
            await supervisor.run()
    history = ("b: RuntimeError: bug 0", "b: RuntimeError: bug 1", "b: RuntimeError: bug 2")
    assert raised.value.history == history
    assert str(raised.value) == "root gave up after too many restarts; the last: b: RuntimeError: bug 2"
    assert repr(raised.value.__cause__) == "RuntimeError('bug 2')"
    assert record[-5:] == last
    at = told.index(SupervisorGaveUp(path=("root",), history=history))
    assert isinstance(told[at - 1], ChildFailed)
    assert told[at + 1] == SupervisorStateChanged(path=("root",), state="stopping")


async def test_returns_of_a_permanent_child_count_and_are_in_the_history(autojump_clock: MockClock) -> None:
    async def short(*, task_status: Any) -> None:
        task_status.started()

    with pytest.raises(IntensityExceeded) as raised:
        await Supervisor("root", [ChildSpec(id="short", start=short)], intensity=TWO_A_MINUTE).run()
    assert raised.value.history == ("short: returned",) * 3
    assert raised.value.__cause__ is None


async def test_a_child_that_never_starts_brings_its_supervisor_down_before_it_was_ready(
    autojump_clock: MockClock,
) -> None:
    record: list[str] = []
    a, b, c = family(record)
    b.start_seconds = 100
    specs = [a.spec(), b.spec(start_timeout_seconds=1), c.spec()]
    with pytest.raises(IntensityExceeded) as raised:
        await Supervisor("root", specs, intensity=TWO_A_MINUTE).run()
    assert raised.value.history == ("b: StartTimeout: b was not ready after 1 s",) * 3
    assert "start c" not in record


@pytest.mark.parametrize(("pause", "gives_up"), [(29.9, True), (30.1, False)])
async def test_only_crashes_within_the_window_count(pause: float, autojump_clock: MockClock, *, gives_up: bool) -> None:
    told: list[object] = []
    actor = Actor("a", [])
    supervisor = Supervisor("root", [actor.spec()], intensity=TWO_A_MINUTE, observer=told.append)
    parent = Supervisor("parent", [supervisor.as_child()])
    async with running(parent):
        for _ in range(3):
            actor.end(RuntimeError("bug"))
            await trio.sleep(pause)
        await trio.sleep(1)
    assert bool([event for event in told if isinstance(event, SupervisorGaveUp)]) is gives_up


async def test_a_nested_supervisor_that_gives_up_is_restarted_by_its_parent_with_a_fresh_window(
    autojump_clock: MockClock,
) -> None:
    record: list[str] = []
    a, b = family(record, 2)
    inner = Supervisor("inner", [a.spec(), b.spec()], intensity=Intensity(restarts=1, period_seconds=60))
    outer = Supervisor("outer", [inner.as_child()])
    async with running(outer):
        record.clear()
        for _ in range(2):
            a.end(RuntimeError("bug"))
            await trio.sleep(1)
        assert record == ["end a", "start a", "end a", "drain b", "end b", "start a", "start b"]
        a.end(RuntimeError("bug"))
        await trio.sleep(1)
        [child] = outer.snapshot().children
        assert (child.state, child.restarts) == ("running", 1)
        assert child.last_error == (
            "IntensityExceeded: inner gave up after too many restarts; the last: a: RuntimeError: bug"
        )


async def test_what_escalates_through_all_levels_carries_the_histories_of_all(autojump_clock: MockClock) -> None:
    async def crash(*, task_status: Any) -> None:
        task_status.started()
        raise RuntimeError("bug")

    once = Intensity(restarts=1, period_seconds=60)
    leaf = ChildSpec(id="leaf", start=crash, backoff=Backoff(initial_seconds=0.1))
    inner = Supervisor("inner", [leaf], intensity=once)
    middle = Supervisor("middle", [inner.as_child()], intensity=once)
    outer = Supervisor("outer", [middle.as_child()], intensity=once)
    with pytest.raises(IntensityExceeded) as raised:
        await outer.run()
    gave_up = raised.value
    depths = []
    while isinstance(gave_up, IntensityExceeded):
        depths.append(gave_up.history[-1].count("gave up"))
        cause = gave_up.__cause__
        assert cause is not None
        gave_up = cause  # type: ignore[assignment]  # the last is the child's own error, where the loop ends
    assert depths == [2, 1, 0]
    assert repr(gave_up) == "RuntimeError('bug')"


@pytest.mark.parametrize("strategy", [Strategy.REST_FOR_ONE, Strategy.ONE_FOR_ALL])
async def test_a_nested_supervisor_goes_down_and_comes_back_with_its_siblings(
    strategy: Strategy, autojump_clock: MockClock
) -> None:
    record: list[str] = []
    a, b, c = family(record)
    inner = Supervisor("inner", [b.spec(), c.spec()])
    outer = Supervisor("outer", [a.spec(), inner.as_child()], strategy=strategy)
    async with running(outer):
        record.clear()
        a.end(RuntimeError("bug"))
        await trio.sleep(1)
        assert record == ["end a", "drain c", "end c", "drain b", "end b", "start a", "start b", "start c"]
        assert [child.restarts for child in outer.snapshot().children] == [1, 1]


async def test_a_transient_supervisor_that_was_stopped_stays_down(autojump_clock: MockClock) -> None:
    record: list[str] = []
    inner = Supervisor("inner", [Actor("a", record).spec()])
    outer = Supervisor("outer", [inner.as_child(restart=Restart.TRANSIENT)])
    async with running(outer):
        inner.stop()
        await trio.sleep(1)
        assert record == ["start a", "drain a", "end a"]
        assert outer.snapshot().children[0].state == "stopped"


async def test_a_stop_while_it_waits_to_be_restarted_does_not_reach_a_supervisors_successor(
    autojump_clock: MockClock,
) -> None:
    record: list[str] = []
    a = Actor("a", record)
    inner = Supervisor("inner", [a.spec()], intensity=Intensity(restarts=0, period_seconds=60))
    outer = Supervisor("outer", [inner.as_child()])
    async with running(outer):
        a.end(RuntimeError("bug"))
        await trio.sleep(0.05)
        assert inner.snapshot().state == "stopped"
        inner.stop()
        await trio.sleep(1)
        assert (record, inner.snapshot().state) == (["start a", "end a", "start a"], "running")
        assert outer.snapshot().children[0].restarts == 1


async def test_the_backoff_doubles_and_starts_anew_after_a_healthy_life(autojump_clock: MockClock) -> None:
    lives = iter([1, 1, 19.9, 20.0, 1000])
    starts: list[float] = []
    crashes: list[float] = []

    async def run(*, task_status: Any) -> None:
        starts.append(trio.current_time())
        task_status.started()
        await trio.sleep(next(lives))
        crashes.append(trio.current_time())
        raise RuntimeError("bug")

    spec = ChildSpec(id="a", start=run, backoff=Backoff(initial_seconds=1, jitter=0, healthy_seconds=20))
    async with running(Supervisor("root", [spec], intensity=Intensity(restarts=4, period_seconds=60))):
        await trio.sleep(100)
    delays = [start - crash for start, crash in zip(starts[1:], crashes, strict=True)]
    assert delays == pytest.approx([1, 2, 4, 1])


async def test_a_start_that_fails_is_no_healthy_life_however_long_the_one_before(autojump_clock: MockClock) -> None:
    starts: list[float] = []

    async def run(*, task_status: Any) -> None:
        starts.append(trio.current_time())
        if 1 < len(starts) < 4:
            raise OSError("port taken")
        task_status.started()
        await trio.sleep(30)
        raise RuntimeError("bug")

    spec = ChildSpec(id="a", start=run, backoff=Backoff(initial_seconds=1, jitter=0, healthy_seconds=20))
    async with running(Supervisor("root", [spec])):
        await trio.sleep(40)
    assert starts == pytest.approx([0, 31, 33, 37])
