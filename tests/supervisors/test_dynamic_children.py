from __future__ import annotations

import gc
import weakref

import pytest
import trio
from trio.testing import MockClock

from supervisors import Intensity, Restart, SpecError, Strategy, Supervisor
from tests.supervisors.actors import Actor, family, running


async def test_children_come_and_go(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a, b = family(record, 2)
    supervisor = Supervisor("root", [a.spec()])
    async with running(supervisor):
        supervisor.add_child(b.spec())
        assert supervisor.children() == ["a", "b"]
        await trio.sleep(1)
        supervisor.remove_child("a")
        await trio.sleep(1)
        assert supervisor.children() == ["b"]
    assert record == ["start a", "start b", "drain a", "end a", "drain b", "end b"]


async def test_one_added_and_one_removed_at_once_do_not_wait_for_each_other(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a, b = family(record, 2)
    a.stubborn = True
    supervisor = Supervisor("root", [a.spec()])
    async with running(supervisor):
        supervisor.remove_child("a")
        supervisor.add_child(b.spec())
        await trio.sleep(1)
        assert record == ["start a", "drain a", "start b"]
        await trio.sleep(5)
        assert record[3:] == ["end a"]


async def test_an_added_child_does_not_wait_for_a_sibling_that_can_not_start(autojump_clock: MockClock) -> None:
    a, b, c = family([])
    supervisor = Supervisor("root", [a.spec()])
    async with running(supervisor):
        b.start_seconds = 1000
        supervisor.add_child(b.spec())
        supervisor.add_child(c.spec())
        await trio.sleep(1)
        assert (b.running, c.running, supervisor.snapshot().children[2].state) == (1, 1, "up")


async def test_an_id_is_taken_until_its_child_has_ended(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a = Actor("a", record, cleanup_seconds=1)
    supervisor = Supervisor("root", [])
    async with running(supervisor):
        supervisor.add_child(a.spec())
        with pytest.raises(SpecError, match="there is a child a already"):
            supervisor.add_child(a.spec())
        await trio.sleep(1)
        supervisor.remove_child("a")
        supervisor.remove_child("a")
        with pytest.raises(SpecError, match="there is a child a already"):
            supervisor.add_child(a.spec())
        await trio.sleep(2)
        supervisor.add_child(a.spec())
        await trio.sleep(1)
    assert record == ["start a", "drain a", "end a"] * 2


async def test_a_child_that_waits_for_its_backoff_can_be_removed(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a = Actor("a", record)
    supervisor = Supervisor("root", [a.spec()])
    async with running(supervisor):
        a.end(RuntimeError("bug"))
        await trio.sleep(0.05)
        supervisor.remove_child("a")
        await trio.sleep(1)
        assert (record, supervisor.children()) == (["start a", "end a"], [])


async def test_a_child_removed_before_it_began_never_begins(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a = Actor("a", record)
    supervisor = Supervisor("root", [])
    async with running(supervisor):
        supervisor.add_child(a.spec())
        supervisor.remove_child("a")
        await trio.sleep(1)
    assert record == []


async def test_a_removed_child_that_crashes_is_not_restarted_nor_counted(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a = Actor("a", record)
    a.cleanup_error = RuntimeError("in cleanup")
    supervisor = Supervisor("root", [a.spec()], intensity=Intensity(restarts=0, period_seconds=1))
    async with running(supervisor):
        supervisor.remove_child("a")
        await trio.sleep(1)
    assert record == ["start a", "drain a", "end a"]


async def test_what_was_added_outlives_a_restart_of_the_supervisor_and_what_was_temporary_does_not(
    autojump_clock: MockClock,
) -> None:
    record: list[str] = []
    a, b, c, d = family(record, 4)
    inner = Supervisor("inner", [a.spec(), d.spec()], intensity=Intensity(restarts=0, period_seconds=60))
    outer = Supervisor("outer", [inner.as_child()])
    async with running(outer):
        inner.add_child(b.spec())
        inner.add_child(c.spec(restart=Restart.TEMPORARY))
        inner.remove_child("d")
        await trio.sleep(1)
        assert inner.children() == ["a", "b", "c"]
        record.clear()
        a.end(RuntimeError("bug"))
        await trio.sleep(1)
        assert record == ["end a", "drain c", "end c", "drain b", "end b", "start a", "start b"]
        assert inner.children() == ["a", "b"]


async def test_children_can_come_and_go_while_nothing_runs(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a, b, c = family(record)
    supervisor = Supervisor("root", [a.spec()])
    supervisor.add_child(b.spec())
    supervisor.remove_child("a")
    assert supervisor.children() == ["b"]
    with pytest.raises(SpecError, match="c is temporary, and nothing runs that it could join"):
        supervisor.add_child(c.spec(restart=Restart.TEMPORARY))
    async with running(supervisor):
        assert record == ["start b"]


async def test_nothing_added_to_a_stopping_supervisor_starts_before_its_next_run(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a, b = family(record, 2)
    a.cleanup_seconds = 1
    supervisor = Supervisor("root", [a.spec()])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        supervisor.stop()
        supervisor.add_child(b.spec())
    assert record == ["start a", "drain a", "end a"]
    async with running(supervisor):
        assert record[3:] == ["start a", "start b"]


async def test_a_temporary_child_that_has_ended_leaves_nothing_behind(autojump_clock: MockClock) -> None:
    supervisor = Supervisor("root", [])
    async with running(supervisor):
        actor = Actor("a", [])
        forgotten = weakref.ref(actor)
        supervisor.add_child(actor.spec(restart=Restart.TEMPORARY))
        await trio.sleep(1)
        actor.end()
        await trio.sleep(1)
        del actor
        gc.collect()
        assert forgotten() is None


async def test_a_supervisor_can_be_added_and_takes_part_in_the_tree(autojump_clock: MockClock) -> None:
    told: list[object] = []
    a = Actor("a", [])
    deep = Supervisor("deep", [a.spec()])
    home = Supervisor("home", [deep.as_child()])
    root = Supervisor("root", [], observer=told.append)
    async with running(root):
        root.add_child(home.as_child())
        await trio.sleep(1)
        assert a.running
        assert deep.path == ("root", "home", "deep")
        assert "ChildStarted(path=('root', 'home', 'deep', 'a'))" in map(str, told)
        root.remove_child("home")
        await trio.sleep(1)
        assert not a.running


@pytest.mark.parametrize("strategy", [Strategy.REST_FOR_ONE, Strategy.ONE_FOR_ALL])
def test_children_come_and_go_only_under_one_for_one(strategy: Strategy) -> None:
    a, b = family([], 2)
    supervisor = Supervisor("root", [a.spec()], strategy=strategy)
    with pytest.raises(SpecError, match="only under one_for_one"):
        supervisor.add_child(b.spec())
    with pytest.raises(SpecError, match="only under one_for_one"):
        supervisor.remove_child("a")


def test_who_is_not_there_can_not_be_removed() -> None:
    with pytest.raises(SpecError, match="root: there is no child a"):
        Supervisor("root", []).remove_child("a")


def test_a_child_that_can_not_work_is_not_added() -> None:
    supervisor = Supervisor("root", [])
    with pytest.raises(SpecError, match="timeouts are positive"):
        supervisor.add_child(Actor("a", []).spec(start_timeout_seconds=0))
    assert supervisor.children() == []
