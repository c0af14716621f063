from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from supervisors import ChildFailed, ChildRestarting, ChildSpec, Intensity, Restart, Strategy, Supervisor
from tests.supervisors.actors import Actor, family, run_until, running


async def test_a_crash_during_the_start_holds_up_those_behind_until_it_succeeds(autojump_clock: MockClock) -> None:
    record: list[str] = []

    async def third_time_lucky(*, task_status: Any) -> None:
        record.append("start b")
        if record.count("start b") < 3:
            raise OSError("port taken")
        task_status.started()
        await trio.sleep_forever()

    a, c = Actor("a", record), Actor("c", record)
    async with running(Supervisor("root", [a.spec(), ChildSpec(id="b", start=third_time_lucky), c.spec()])):
        assert record == ["start a", "start b", "start b", "start b", "start c"]


async def test_a_crash_during_the_stop_is_reported_and_final(autojump_clock: MockClock) -> None:
    record: list[str] = []
    told: list[object] = []
    a, b = family(record, 2)
    b.cleanup_error = RuntimeError("in cleanup")
    async with running(Supervisor("root", [a.spec(), b.spec()], observer=told.append)):
        pass
    assert record == ["start a", "start b", "drain b", "end b", "drain a", "end a"]
    assert [event.path for event in told if isinstance(event, ChildFailed)] == [("root", "b")]


async def test_a_group_of_cancellation_and_error_from_a_cleanup_kills_nobody(autojump_clock: MockClock) -> None:
    told: list[object] = []

    async def messy(*, task_status: Any) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            task_status.started()
            try:
                await trio.sleep_forever()
            finally:
                raise RuntimeError("in cleanup")

    record: list[str] = []
    specs = [Actor("sibling", record).spec(), ChildSpec(id="messy", start=messy)]
    async with running(Supervisor("root", specs, observer=told.append)):
        pass
    assert record == ["start sibling", "drain sibling", "end sibling"]
    assert [repr(event.error) for event in told if isinstance(event, ChildFailed)] == ["RuntimeError('in cleanup')"]


async def test_a_crash_while_a_sibling_is_restarted_restarts_both_once(autojump_clock: MockClock) -> None:
    record: list[str] = []
    told: list[object] = []
    a, b, c = family(record)
    c.cleanup_seconds = 1
    specs = [actor.spec() for actor in (a, b, c)]
    supervisor = Supervisor("root", specs, strategy=Strategy.REST_FOR_ONE, observer=told.append)
    async with running(supervisor):
        record.clear()
        b.end(RuntimeError("first"))
        await trio.sleep(0.5)
        a.end(RuntimeError("second"))
        await trio.sleep(5)
        assert record == ["end b", "drain c", "end a", "end c", "start a", "start b", "start c"]
        assert [event.path[-1] for event in told if isinstance(event, ChildRestarting)] == ["b", "c", "a"]
        assert [child.restarts for child in supervisor.snapshot().children] == [1, 1, 1]


async def test_a_crash_in_the_cleanup_of_a_restarted_group_is_not_counted_again(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a, b, c = family(record)
    c.cleanup_error = RuntimeError("in cleanup")
    specs = [actor.spec() for actor in (a, b, c)]
    intensity = Intensity(restarts=1, period_seconds=60)
    async with running(Supervisor("root", specs, strategy=Strategy.ONE_FOR_ALL, intensity=intensity)):
        a.end(RuntimeError("bug"))
        await trio.sleep(5)
        assert [actor.running for actor in (a, b, c)] == [1, 1, 1]


async def test_a_successor_waits_for_a_predecessor_that_takes_its_time_to_end(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a, b = family(record, 2)
    b.cleanup_seconds = 60
    async with running(Supervisor("root", [a.spec(), b.spec(drain=None)], strategy=Strategy.ONE_FOR_ALL)):
        a.end(RuntimeError("bug"))
        await trio.sleep(59)
        assert record[2:] == ["end a"]
        await trio.sleep(5)
        assert record[2:] == ["end a", "end b", "start a", "start b"]
        b.cleanup_seconds = 0


@pytest.mark.parametrize("attempt", range(5))
@pytest.mark.parametrize("strategy", Strategy)
async def test_exits_that_arrive_together_are_handled_in_one_way(
    strategy: Strategy, attempt: int, autojump_clock: MockClock
) -> None:
    told: list[object] = []
    actors = family([], 4)
    supervisor = Supervisor("root", [actor.spec() for actor in actors], strategy=strategy, observer=told.append)
    async with running(supervisor):
        told.clear()
        for actor in (actors[3], actors[1], actors[2]):
            actor.end(RuntimeError("bug"))
        await trio.sleep(5)
        seen = [(type(event).__name__, event.path[-1]) for event in told]  # type: ignore[attr-defined]  # all have one
        assert seen[:3] == [("ChildFailed", "b"), ("ChildFailed", "c"), ("ChildFailed", "d")]
        planned = [path for name, path in seen if name == "ChildRestarting"]
        assert planned == (["a", "b", "c", "d"] if strategy is Strategy.ONE_FOR_ALL else ["b", "c", "d"])
        assert all(actor.running for actor in actors)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
async def test_what_is_to_end_the_process_passes_through_and_ends_the_siblings(
    kind: type[BaseException], autojump_clock: MockClock
) -> None:
    record: list[str] = []
    a, b = family(record, 2)
    inner = Supervisor("inner", [a.spec()])
    outer = Supervisor("outer", [inner.as_child(), b.spec()])
    with pytest.raises(BaseExceptionGroup) as raised:
        await run_until(outer, lambda: a.end(kind()))
    passed, rest = raised.value.split(kind)
    assert passed is not None
    assert rest is None
    assert sorted(record[2:]) == ["end a", "end b"]
    assert (inner.snapshot().state, outer.snapshot().state) == ("stopped", "stopped")


async def test_an_interrupt_that_shares_a_group_with_an_error_passes_and_the_error_is_reported(
    autojump_clock: MockClock,
) -> None:
    told: list[object] = []
    a = Actor("a", [])
    both = BaseExceptionGroup("both", [KeyboardInterrupt(), RuntimeError("bug")])
    with pytest.raises(BaseExceptionGroup) as raised:
        await run_until(Supervisor("root", [a.spec()], observer=told.append), lambda: a.end(both))
    assert raised.value.split(KeyboardInterrupt)[1] is None
    assert [repr(event.error) for event in told if isinstance(event, ChildFailed)] == ["RuntimeError('bug')"]


async def test_a_cancelled_that_a_child_kept_from_elsewhere_is_a_loud_failure_of_its_supervisor(
    autojump_clock: MockClock,
) -> None:
    record: list[str] = []

    async def stray(*, task_status: Any) -> None:
        record.append("start stray")
        task_status.started()
        if record.count("start stray") > 1:
            await trio.sleep_forever()
        kept: BaseException | None = None
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.lowlevel.checkpoint()
            except trio.Cancelled as cancelled:
                kept = cancelled
        assert kept is not None
        raise kept

    inner = Supervisor("inner", [Actor("a", record).spec(drain=None), ChildSpec(id="stray", start=stray)])
    outer = Supervisor("outer", [inner.as_child()])
    async with running(outer):
        await trio.sleep(1)
        assert record == ["start a", "start stray", "end a", "start a", "start stray"]
        assert outer.snapshot().children[0].last_error == (
            "RuntimeError: a child of outer/inner raised a Cancelled that belongs to no scope of it"
        )


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")

    def __len__(self) -> int:
        return 0


async def test_an_error_that_has_no_text_and_is_false_is_an_error_all_the_same(autojump_clock: MockClock) -> None:
    a = Actor("a", [])
    supervisor = Supervisor("root", [a.spec(restart=Restart.TRANSIENT)])
    async with running(supervisor):
        a.end(Unspeakable())
        await trio.sleep(1)
        [child] = supervisor.snapshot().children
        assert (child.restarts, child.last_error) == (1, "Unspeakable: (an error without a text)")


class Traced(Exception):
    """One that can be watched."""


async def test_an_error_is_freed_at_once_with_all_that_its_traceback_holds(autojump_clock: MockClock) -> None:
    errors: list[weakref.ref[Traced]] = []

    async def run(*, task_status: Any) -> None:
        task_status.started()
        if errors:
            await trio.sleep_forever()
        error = Traced()
        errors.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    gc.disable()
    try:
        async with running(Supervisor("root", [ChildSpec(id="a", start=run)])):
            await trio.sleep(1)
            assert [error() for error in errors] == [None]
    finally:
        gc.enable()


async def test_of_a_group_all_errors_are_told_in_few_words(autojump_clock: MockClock) -> None:
    a = Actor("a", [])
    supervisor = Supervisor("root", [a.spec()])
    async with running(supervisor):
        a.end(ExceptionGroup("two", [OSError("disk full"), ExceptionGroup("deep", [ValueError("x" * 1000)])]))
        await trio.sleep(1)
        [child] = supervisor.snapshot().children
        assert child.last_error == ("OSError: disk full; ValueError: " + "x" * 1000)[:200]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda error: error,
        lambda error: ExceptionGroup("one", [ExceptionGroup("in another", [error])]),
        lambda error: ExceptionGroup("with others", [OSError(), ExceptionGroup("deep", [TypeError(), error])]),
    ],
)
async def test_a_fatal_error_stops_the_siblings_and_is_raised_unwrapped_through_every_level(
    wrap: Callable[[Exception], Exception], autojump_clock: MockClock
) -> None:
    record: list[str] = []
    fatal = ValueError("configuration")
    a, b = family(record, 2)
    inner = Supervisor("inner", [b.spec(fatal=(ValueError,))])
    middle = Supervisor("middle", [inner.as_child()])
    outer = Supervisor("outer", [a.spec(), middle.as_child()])

    async def crash_later() -> None:
        await trio.sleep(1)
        b.end(wrap(fatal))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(crash_later)
        with pytest.raises(ValueError, match="configuration") as raised:
            await outer.run()
    assert raised.value is fatal
    assert record == ["start a", "start b", "end b", "drain a", "end a"]


async def test_a_supervisor_may_be_the_border_of_what_is_fatal(autojump_clock: MockClock) -> None:
    a = Actor("a", [])
    inner = Supervisor("inner", [a.spec(fatal=(ValueError,))])
    outer = Supervisor("outer", [inner.as_child(fatal=())])
    async with running(outer):
        a.end(ValueError("configuration"))
        await trio.sleep(1)
        [child] = outer.snapshot().children
        assert (child.restarts, child.last_error) == (1, "ValueError: configuration")


async def test_the_first_fatal_error_wins_also_over_giving_up(autojump_clock: MockClock) -> None:
    first, second = ValueError("first"), ValueError("second")
    a, b, c = family([])
    a.cleanup_error, b.cleanup_error = second, first
    specs = [actor.spec(fatal=(ValueError,)) for actor in (a, b, c)]
    supervisor = Supervisor("root", specs, intensity=Intensity(restarts=0, period_seconds=1))
    with pytest.raises(ExceptionGroup) as raised:
        await run_until(supervisor, lambda: c.end(RuntimeError("one too many")))
    assert raised.value.exceptions == (first,)


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


async def test_a_stage_that_goes_down_with_a_sibling_may_be_cancelled_at_once(autojump_clock: MockClock) -> None:
    record: list[str] = []
    first, second = Actor("a", record), Actor("b", record, stubborn=True)
    specs = [first.spec(), second.spec(drain_to_restart=False, shutdown_timeout_seconds=7)]
    supervisor = Supervisor("root", specs, strategy=Strategy.REST_FOR_ONE)
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        first.end(ValueError("a crash"))
        await trio.sleep(1)
        assert record == ["start a", "start b", "end a", "end b", "start a", "start b"]
        stopped_at = trio.current_time()
        supervisor.stop()
    assert record[6:] == ["drain b", "end b", "drain a", "end a"]
    assert trio.current_time() - stopped_at == 7
