from __future__ import annotations

import logging
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from supervisors import (
    ChildFailed,
    ChildSpec,
    ChildStarted,
    ChildStuck,
    Restart,
    StartTimeout,
    StopOrder,
    Supervisor,
)
from tests.supervisors.actors import STEADY, Actor, family, running

A_DAY = 86_400


async def test_children_start_in_order_and_stop_in_reverse(autojump_clock: MockClock) -> None:
    record: list[str] = []
    async with running(Supervisor("root", [actor.spec() for actor in family(record)])):
        assert record == ["start a", "start b", "start c"]
    assert record[3:] == ["drain c", "end c", "drain b", "end b", "drain a", "end a"]


async def test_a_pipeline_stops_in_the_order_of_its_start(autojump_clock: MockClock) -> None:
    record: list[str] = []
    specs = [actor.spec() for actor in family(record)]
    async with running(Supervisor("root", specs, stop_order=StopOrder.START_ORDER)):
        pass
    assert record[3:] == ["drain a", "end a", "drain b", "end b", "drain c", "end c"]


async def test_each_child_is_ready_before_the_next_starts_and_all_before_the_supervisor(
    autojump_clock: MockClock,
) -> None:
    told: list[object] = []
    actors = family([], 2)
    async with running(Supervisor("root", [actor.spec() for actor in actors], observer=told.append)):
        assert [str(event) for event in told] == [
            "SupervisorStateChanged(path=('root',), state='starting')",
            "ChildStarting(path=('root', 'a'))",
            "ChildStarted(path=('root', 'a'))",
            "ChildStarting(path=('root', 'b'))",
            "ChildStarted(path=('root', 'b'))",
            "SupervisorStateChanged(path=('root',), state='running')",
        ]
        told.clear()
    assert [str(event) for event in told] == [
        "SupervisorStateChanged(path=('root',), state='stopping')",
        "ChildStopped(path=('root', 'b'))",
        "ChildStopped(path=('root', 'a'))",
        "SupervisorStateChanged(path=('root',), state='stopped')",
    ]


async def test_a_child_that_is_not_ready_in_time_is_cancelled_and_started_again(autojump_clock: MockClock) -> None:
    told: list[object] = []
    starts = 0

    async def slow(*, task_status: Any) -> None:
        nonlocal starts
        starts += 1
        if starts > 1:
            task_status.started()
        await trio.sleep_forever()

    spec = ChildSpec(id="slow", start=slow, start_timeout_seconds=3)
    async with running(Supervisor("root", [spec], observer=told.append)):
        assert starts == 2
    [failed] = [event.error for event in told if isinstance(event, ChildFailed)]
    assert (type(failed), str(failed)) == (StartTimeout, "slow was not ready after 3 s")


async def test_a_child_that_is_ready_at_the_last_moment_is_in_time(autojump_clock: MockClock) -> None:
    for _ in range(20):  # Trio lets the two that wake at that moment run in a random order
        supervisor = Supervisor("root", [Actor("a", [], start_seconds=2).spec(start_timeout_seconds=2)])
        async with running(supervisor):
            assert supervisor.snapshot().children[0].restarts == 0


async def test_what_a_child_raises_when_its_start_times_out_is_its_error(autojump_clock: MockClock) -> None:
    record: list[str] = []
    told: list[object] = []
    actor = Actor("a", record, start_seconds=100)
    actor.cleanup_error = OSError("port taken")
    supervisor = Supervisor("root", [actor.spec(restart=Restart.TEMPORARY)], observer=told.append)
    async with running(supervisor):
        assert [repr(event.error) for event in told if isinstance(event, ChildFailed)] == ["OSError('port taken')"]


async def test_a_late_ready_does_not_revive_a_child_whose_start_timed_out(autojump_clock: MockClock) -> None:
    told: list[object] = []

    async def late(*, task_status: Any) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(4)
            task_status.started()
            await trio.sleep(20)

    spec = ChildSpec(id="late", start=late, start_timeout_seconds=3, restart=Restart.TEMPORARY)
    async with running(Supervisor("root", [spec], observer=told.append)):
        pass
    assert not [event for event in told if isinstance(event, ChildStarted)]
    assert [type(event.error) for event in told if isinstance(event, ChildFailed)] == [StartTimeout]
    assert [event for event in told if isinstance(event, ChildStuck)]


@pytest.mark.parametrize(
    ("restart", "starts", "children"),
    [(Restart.PERMANENT, 2, ["a", "b"]), (Restart.TRANSIENT, 1, ["a", "b"]), (Restart.TEMPORARY, 1, ["b"])],
)
async def test_a_child_may_return_before_it_was_ready(
    restart: Restart, starts: int, children: list[str], autojump_clock: MockClock
) -> None:
    record: list[str] = []

    async def run(*, task_status: Any) -> None:
        record.append("start a")
        if record.count("start a") == 2:
            task_status.started()
            await trio.sleep_forever()

    supervisor = Supervisor("root", [ChildSpec(id="a", start=run, restart=restart), Actor("b", record).spec()])
    async with running(supervisor):
        assert record == ["start a"] * starts + ["start b"]
        assert supervisor.children() == children


async def test_a_second_ready_is_a_bug_of_the_child(autojump_clock: MockClock) -> None:
    told: list[object] = []

    async def twice(*, task_status: Any) -> None:
        task_status.started()
        await trio.sleep(1)
        task_status.started()

    spec = ChildSpec(id="twice", start=twice, restart=Restart.TEMPORARY)
    async with running(Supervisor("root", [spec], observer=told.append)):
        await trio.sleep(2)
    [failed] = [event.error for event in told if isinstance(event, ChildFailed)]
    assert str(failed) == "twice called started() twice, or after it had ended"


async def test_a_predecessor_can_not_say_that_its_successor_is_ready(autojump_clock: MockClock) -> None:
    statuses: list[Any] = []
    supervisor_states: list[str] = []

    async def run(*, task_status: Any) -> None:
        statuses.append(task_status)
        if len(statuses) == 1:
            raise RuntimeError("bug")
        with pytest.raises(RuntimeError, match="after it had ended"):
            statuses[0].started()
        supervisor_states.append(supervisor.snapshot().state)
        task_status.started()
        await trio.sleep_forever()

    supervisor = Supervisor("root", [ChildSpec(id="a", start=run)])
    async with running(supervisor):
        assert supervisor_states == ["starting"]


async def test_a_child_that_does_not_finish_is_cancelled_after_its_shutdown_timeout(autojump_clock: MockClock) -> None:
    record: list[str] = []
    actor = Actor("a", record, stubborn=True)
    async with running(Supervisor("root", [actor.spec(shutdown_timeout_seconds=2)])):
        before = trio.current_time()
    assert trio.current_time() - before == pytest.approx(2)
    assert record == ["start a", "drain a", "end a"]


async def test_a_child_without_a_drain_is_cancelled_at_once(autojump_clock: MockClock) -> None:
    record: list[str] = []
    async with running(Supervisor("root", [Actor("a", record).spec(drain=None)])):
        before = trio.current_time()
    assert (trio.current_time(), record) == (before, ["start a", "end a"])


async def test_a_child_that_ignores_its_cancellation_is_named_once(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    told: list[object] = []
    deaf = Actor("deaf", [], cleanup_seconds=30)
    async with running(Supervisor("root", [deaf.spec(drain=None)], observer=told.append)):
        pass
    stuck = [event for event in told if isinstance(event, ChildStuck)]
    assert stuck == [ChildStuck(path=("root", "deaf"), waited_seconds=5.0)]
    assert [entry.getMessage() for entry in caplog.records] == ["root/deaf was cancelled 5 s ago and has not ended"]


async def test_a_drain_that_raises_is_reported_and_the_child_cancelled_at_once(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    def drain() -> None:
        raise LookupError("no event to set")

    told: list[object] = []
    caplog.set_level(logging.CRITICAL)
    deaf = Actor("deaf", [], cleanup_seconds=7)
    specs = [Actor("a", []).spec(drain=drain), deaf.spec(drain=drain)]
    async with running(Supervisor("root", specs, observer=told.append)):
        before = trio.current_time()
    assert trio.current_time() - before == pytest.approx(7)
    assert [repr(event.error) for event in told if isinstance(event, ChildFailed)] == [
        "LookupError('no event to set')"
    ] * 2
    assert [event.path for event in told if isinstance(event, ChildStuck)] == [("root", "deaf")]


async def test_a_stop_while_starting_starts_nothing_more_and_drains_what_is_there(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a, b, c = family(record)
    b.start_seconds = 5
    supervisor = Supervisor("root", [a.spec(), b.spec(shutdown_timeout_seconds=1), c.spec()])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.sleep(1)
        supervisor.stop()
    assert record == ["start a", "start b", "drain b", "end b", "drain a", "end a"]


async def test_a_stop_drains_also_below_a_supervisor_that_is_still_starting(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a, b = family(record, 2)
    b.start_seconds = 100
    inner = Supervisor("inner", [a.spec(), b.spec(shutdown_timeout_seconds=1, start_timeout_seconds=1000)])
    outer = Supervisor("outer", [inner.as_child()])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outer.run)
        await trio.sleep(1)
        outer.stop()
    assert record == ["start a", "start b", "drain b", "end b", "drain a", "end a"]


async def test_a_stop_reaches_a_child_whose_start_has_timed_out(autojump_clock: MockClock) -> None:
    record: list[str] = []
    slow = Actor("slow", record, start_seconds=100, cleanup_seconds=3)
    supervisor = Supervisor("root", [slow.spec(start_timeout_seconds=2)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run)
        await trio.sleep(3)
        supervisor.stop()
    assert record == ["start slow", "end slow"]
    assert trio.current_time() == pytest.approx(5)


async def test_a_stop_forgets_what_waits_for_its_backoff(autojump_clock: MockClock) -> None:
    record: list[str] = []
    told: list[object] = []
    a, b = family(record, 2)
    supervisor = Supervisor("root", [a.spec(), b.spec()], observer=told.append)
    async with running(supervisor):
        a.end(RuntimeError("bug"))
        await trio.sleep(0.05)
    assert record == ["start a", "start b", "end a", "drain b", "end b"]
    assert [str(event) for event in told[-4:]] == [
        "SupervisorStateChanged(path=('root',), state='stopping')",
        "ChildStopped(path=('root', 'a'))",
        "ChildStopped(path=('root', 'b'))",
        "SupervisorStateChanged(path=('root',), state='stopped')",
    ]


async def test_a_stop_before_the_run_lets_it_return_at_once_and_only_that_one(autojump_clock: MockClock) -> None:
    record: list[str] = []
    supervisor = Supervisor("root", [Actor("a", record).spec()])
    supervisor.stop()
    supervisor.stop()
    await supervisor.run()
    assert record == []
    async with running(supervisor):
        assert record == ["start a"]


async def test_a_supervisor_does_not_run_twice_at_once(autojump_clock: MockClock) -> None:
    supervisor = Supervisor("root", [])
    async with running(supervisor):
        with pytest.raises(RuntimeError, match="root runs already"):
            await supervisor.run()
        assert supervisor.snapshot().state == "running"


async def test_a_cancelled_run_cancels_all_children_at_once_and_accounts_for_each(autojump_clock: MockClock) -> None:
    told: list[object] = []
    record: list[str] = []
    a, b = family(record, 2)
    a.cleanup_error = RuntimeError("in cleanup")
    supervisor = Supervisor("root", [a.spec(), b.spec(drain=None)], observer=told.append)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        told.clear()
        nursery.cancel_scope.cancel()
    assert sorted(record[2:]) == ["end a", "end b"]
    assert [str(event) for event in told] == [
        "ChildFailed(path=('root', 'a'), error=RuntimeError('in cleanup'))",
        "SupervisorStateChanged(path=('root',), state='stopping')",
        "ChildStopped(path=('root', 'a'))",
        "ChildStopped(path=('root', 'b'))",
        "SupervisorStateChanged(path=('root',), state='stopped')",
    ]
    assert [child.state for child in supervisor.snapshot().children] == ["down", "down"]


async def test_an_idle_supervisor_is_never_scheduled(autojump_clock: MockClock) -> None:
    class Steps(trio.abc.Instrument):
        names: list[str] = []  # noqa: RUF012  of the one instance

        def before_task_step(self, task: trio.lowlevel.Task) -> None:
            self.names.append(task.name)

    inner = Supervisor("inner", [Actor("a", []).spec()])
    outer = Supervisor("outer", [inner.as_child(), Actor("b", []).spec(backoff=STEADY)])
    steps = Steps()
    async with running(outer):
        await trio.sleep(1)
        trio.lowlevel.add_instrument(steps)
        await trio.sleep(A_DAY)
        trio.lowlevel.remove_instrument(steps)
    assert len(steps.names) == 1, "this test itself, when it woke"
