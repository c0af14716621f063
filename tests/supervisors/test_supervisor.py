from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from supervisors import (
    Backoff,
    ChildFailed,
    ChildSpec,
    ChildStuck,
    Intensity,
    IntensityExceeded,
    Restart,
    SpecError,
    StopOrder,
    Strategy,
    Supervisor,
    SupervisorGaveUp,
    render,
)


class Actor:
    """A child that records its life and ends when told."""

    def __init__(self, id_: str, record: list[str], *, stubborn: bool = False) -> None:
        self.id = id_
        self.record = record
        self.ends: trio.Event = trio.Event()
        self.error: Exception | None = None
        self.drained = False
        self.stubborn = stubborn

    def end(self, error: Exception | None = None) -> None:
        self.error = error
        self.ends.set()

    def drain(self) -> None:
        self.record.append(f"drain {self.id}")
        if not self.stubborn:
            self.end()

    async def run(self, *, task_status: Any) -> None:
        self.ends = trio.Event()
        self.record.append(f"start {self.id}")
        await trio.sleep(0.01)
        task_status.started()
        try:
            await self.ends.wait()
        finally:
            self.record.append(f"end {self.id}")
        error, self.error = self.error, None
        if error:
            raise error

    def spec(self, **options: Any) -> ChildSpec:
        plain: dict[str, Any] = {"backoff": Backoff(initial_seconds=0.1, jitter=0.0), "drain": self.drain}
        return ChildSpec(id=self.id, start=self.run, **(plain | options))


def family(record: list[str], count: int = 3) -> list[Actor]:
    return [Actor(name, record) for name in "abcdefgh"[:count]]


async def test_children_start_in_order_and_stop_in_reverse(autojump_clock: MockClock) -> None:
    record: list[str] = []
    supervisor = Supervisor("root", [actor.spec() for actor in family(record)])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        assert record == ["start a", "start b", "start c"]
        supervisor.stop()
    assert record[3:] == ["drain c", "end c", "drain b", "end b", "drain a", "end a"]


async def test_a_pipeline_stops_in_the_order_of_its_start(autojump_clock: MockClock) -> None:
    record: list[str] = []
    supervisor = Supervisor("root", [actor.spec() for actor in family(record)], stop_order=StopOrder.START_ORDER)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.stop()
    assert record[3:] == ["drain a", "end a", "drain b", "end b", "drain c", "end c"]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (Strategy.ONE_FOR_ONE, ["end b", "start b"]),
        (Strategy.REST_FOR_ONE, ["end b", "drain c", "end c", "start b", "start c"]),
        (Strategy.ONE_FOR_ALL, ["end b", "drain c", "end c", "drain a", "end a", "start a", "start b", "start c"]),
    ],
)
async def test_a_crash_restarts_whom_the_strategy_names(
    strategy: Strategy, expected: list[str], autojump_clock: MockClock
) -> None:
    record: list[str] = []
    actors = family(record)
    supervisor = Supervisor("root", [actor.spec() for actor in actors], strategy=strategy)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        record.clear()
        actors[1].end(RuntimeError("bug"))
        await trio.sleep(5)
        assert record == expected
        supervisor.stop()


@pytest.mark.parametrize(
    ("restart", "error", "restarted"),
    [
        (Restart.PERMANENT, None, True),
        (Restart.PERMANENT, RuntimeError("bug"), True),
        (Restart.TRANSIENT, None, False),
        (Restart.TRANSIENT, RuntimeError("bug"), True),
        (Restart.TEMPORARY, None, False),
        (Restart.TEMPORARY, RuntimeError("bug"), False),
    ],
)
async def test_who_is_started_again(
    restart: Restart, error: Exception | None, autojump_clock: MockClock, *, restarted: bool
) -> None:
    record: list[str] = []
    actor = Actor("a", record)
    supervisor = Supervisor("root", [actor.spec(restart=restart)])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        actor.end(error)
        await trio.sleep(5)
        assert record.count("start a") == (2 if restarted else 1)
        supervisor.stop()


async def test_too_many_restarts_fail_upward_with_their_history(autojump_clock: MockClock) -> None:
    events: list[object] = []

    async def crash(*, task_status: Any) -> None:
        task_status.started()
        raise RuntimeError("again")

    spec = ChildSpec(id="a", start=crash, backoff=Backoff(initial_seconds=0.1, jitter=0.0))
    supervisor = Supervisor("root", [spec], intensity=Intensity(restarts=3, period_seconds=10), observer=events.append)
    with pytest.raises(IntensityExceeded) as raised:
        await supervisor.run()
    assert raised.value.history == ("a: RuntimeError: again",) * 4
    assert [event for event in events if isinstance(event, SupervisorGaveUp)]
    assert len([event for event in events if isinstance(event, ChildFailed)]) == 4


async def test_crashes_outside_the_window_are_forgiven(autojump_clock: MockClock) -> None:
    record: list[str] = []
    actor = Actor("a", record)
    supervisor = Supervisor("root", [actor.spec()], intensity=Intensity(restarts=1, period_seconds=10))
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        for _ in range(5):
            actor.end(RuntimeError("bug"))
            await trio.sleep(10.5)
        assert record.count("start a") == 6
        supervisor.stop()


async def test_a_fatal_error_stops_the_siblings_and_is_raised_unwrapped(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a, b = family(record, 2)
    supervisor = Supervisor("root", [a.spec(), b.spec(fatal=(ValueError,))])
    fatal = ValueError("configuration")

    async def crash_later() -> None:
        await trio.sleep(1)
        b.end(fatal)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(crash_later)
        with pytest.raises(ValueError, match="configuration") as raised:
            await supervisor.run()
    assert raised.value is fatal
    assert record[-2:] == ["drain a", "end a"]


async def test_a_nested_supervisor_escalates_to_its_parent(autojump_clock: MockClock) -> None:
    record: list[str] = []
    leaf = Actor("leaf", record)
    inner = Supervisor("inner", [leaf.spec()], intensity=Intensity(restarts=1, period_seconds=60))
    outer = Supervisor("outer", [inner.as_child()])
    async with trio.open_nursery() as nursery:
        await nursery.start(outer.run)
        for _ in range(2):
            leaf.end(RuntimeError("bug"))
            await trio.sleep(1)
        [child] = outer.snapshot().children
        assert child.restarts == 0
        assert record.count("start leaf") == 3
        assert "inner  running" in render(outer.snapshot())
        outer.stop()


async def test_a_child_that_is_not_ready_in_time_is_cancelled_and_started_again(autojump_clock: MockClock) -> None:
    starts = 0

    async def slow(*, task_status: Any) -> None:
        nonlocal starts
        starts += 1
        if starts > 1:
            task_status.started()
        await trio.sleep_forever()

    supervisor = Supervisor("root", [ChildSpec(id="slow", start=slow, start_timeout_seconds=3)])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        assert (starts, supervisor.snapshot().state) == (2, "running")
        supervisor.stop()


async def test_a_child_that_does_not_finish_is_cancelled_after_its_shutdown_timeout(autojump_clock: MockClock) -> None:
    record: list[str] = []
    actor = Actor("a", record, stubborn=True)
    supervisor = Supervisor("root", [actor.spec(shutdown_timeout_seconds=2)])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        before = trio.current_time()
        supervisor.stop()
    assert trio.current_time() - before == pytest.approx(2, abs=0.1)
    assert record == ["start a", "drain a", "end a"]


async def test_a_child_that_ignores_its_cancellation_is_named(autojump_clock: MockClock) -> None:
    events: list[object] = []

    async def deaf(*, task_status: Any) -> None:
        task_status.started()
        with trio.CancelScope(shield=True):
            await trio.sleep(30)

    supervisor = Supervisor("root", [ChildSpec(id="deaf", start=deaf)], observer=events.append)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.stop()
    assert [event.path for event in events if isinstance(event, ChildStuck)] == [("root", "deaf")]


async def test_a_crash_during_cleanup_does_not_kill_the_supervisor(autojump_clock: MockClock) -> None:
    async def messy(*, task_status: Any) -> None:
        async with trio.open_nursery():
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                raise RuntimeError("in cleanup")

    record: list[str] = []
    sibling = Actor("sibling", record)
    supervisor = Supervisor("root", [sibling.spec(), ChildSpec(id="messy", start=messy)])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.stop()
    assert record == ["start sibling", "drain sibling", "end sibling"]


async def test_a_raising_observer_harms_nobody(caplog: pytest.LogCaptureFixture, autojump_clock: MockClock) -> None:
    def observer(_: object) -> None:
        raise ZeroDivisionError

    record: list[str] = []
    supervisor = Supervisor("root", [actor.spec() for actor in family(record, 1)], observer=observer)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.stop()
    assert record == ["start a", "drain a", "end a"]
    assert supervisor.observer_failures > 2
    assert len(caplog.records) == 1


async def test_children_come_and_go(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a, b = family(record, 2)
    supervisor = Supervisor("root", [a.spec()])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.add_child(b.spec())
        await trio.sleep(1)
        assert supervisor.children() == ["a", "b"]
        supervisor.remove_child("a")
        await trio.sleep(1)
        assert supervisor.children() == ["b"]
        supervisor.stop()
    assert record == ["start a", "start b", "drain a", "end a", "drain b", "end b"]


@pytest.mark.parametrize(
    "make",
    [
        lambda spec: Supervisor("root", [spec(), spec()]),
        lambda spec: Supervisor("root", [spec(id="")]),
        lambda spec: Supervisor("root", [spec(backoff=Backoff(initial_seconds=30, maximum_seconds=30))]),
        lambda spec: Supervisor("root", [spec(start_timeout_seconds=0)]),
        lambda spec: Supervisor("root", [spec(backoff=Backoff(jitter=2))]),
    ],
)
def test_a_spec_that_can_not_work_is_refused(make: Callable[[Callable[..., ChildSpec]], Supervisor]) -> None:
    def spec(**options: Any) -> ChildSpec:
        plain: dict[str, Any] = {"id": "a", "start": trio.sleep_forever}
        return ChildSpec(**(plain | options))

    with pytest.raises(SpecError):
        make(spec)


async def test_the_backoff_doubles_and_starts_anew_after_a_healthy_life(autojump_clock: MockClock) -> None:
    record: list[str] = []
    actor = Actor("a", record)
    starts: list[float] = []

    async def run(*, task_status: Any) -> None:
        starts.append(trio.current_time())
        await actor.run(task_status=task_status)

    spec = ChildSpec(
        id="a", start=run, backoff=Backoff(initial_seconds=1, jitter=0, healthy_seconds=20), drain=actor.drain
    )
    supervisor = Supervisor("root", [spec], intensity=Intensity(restarts=3, period_seconds=20))
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        delays = []
        for life in (1, 1, 25):
            await trio.sleep(life)
            crashed = trio.current_time()
            actor.end(RuntimeError("bug"))
            await trio.sleep(8)
            delays.append(round(starts[-1] - crashed, 3))
        assert delays == [1, 2, 1]
        supervisor.stop()


async def test_a_restart_that_became_due_while_the_observer_was_slow_happens(autojump_clock: MockClock) -> None:
    record: list[str] = []
    actor = Actor("a", record)
    supervisor = Supervisor("root", [actor.spec()], observer=lambda _event: autojump_clock.jump(1.0))
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        actor.end(ValueError("a crash"))
        await trio.sleep(60)
        assert record.count("start a") == 2
        nursery.cancel_scope.cancel()
