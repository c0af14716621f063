"""OTP's grid: who is started again, after which end, under which strategy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from supervisors import Restart, StopOrder, Strategy, Supervisor
from tests.supervisors.actors import Actor, family, running

EXITS: dict[str, Callable[[Actor], None]] = {
    "normal": lambda actor: actor.end(),
    "shutdown": lambda actor: actor.cancel_itself(),
    "crash": lambda actor: actor.end(RuntimeError("bug")),
}
RESTARTED = {
    (Restart.PERMANENT, "normal"): True,
    (Restart.PERMANENT, "shutdown"): True,
    (Restart.PERMANENT, "crash"): True,
    (Restart.TRANSIENT, "normal"): False,
    (Restart.TRANSIENT, "shutdown"): False,
    (Restart.TRANSIENT, "crash"): True,
    (Restart.TEMPORARY, "normal"): False,
    (Restart.TEMPORARY, "shutdown"): False,
    (Restart.TEMPORARY, "crash"): False,
}
RECORDS = {
    Strategy.ONE_FOR_ONE: ["end b", "start b"],
    Strategy.REST_FOR_ONE: ["end b", "drain c", "end c", "start b", "start c"],
    Strategy.ONE_FOR_ALL: ["end b", "drain c", "end c", "drain a", "end a", "start a", "start b", "start c"],
}


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("exit_", EXITS)
@pytest.mark.parametrize("restart", Restart)
async def test_an_end_restarts_whom_spec_and_strategy_name(
    restart: Restart, exit_: str, strategy: Strategy, autojump_clock: MockClock
) -> None:
    record: list[str] = []
    a, b, c = family(record)
    supervisor = Supervisor("root", [a.spec(), b.spec(restart=restart), c.spec()], strategy=strategy)
    async with running(supervisor):
        record.clear()
        EXITS[exit_](b)
        await trio.sleep(5)
        restarted = RESTARTED[restart, exit_]
        assert record == (RECORDS[strategy] if restarted else ["end b"])
        assert supervisor.children() == (["a", "c"] if restart is Restart.TEMPORARY else ["a", "b", "c"])
        assert (a.running, b.running, c.running) == (1, restarted, 1)


@pytest.mark.parametrize("strategy", [Strategy.REST_FOR_ONE, Strategy.ONE_FOR_ALL])
async def test_a_temporary_bystander_goes_down_with_its_siblings_and_stays_down(
    strategy: Strategy, autojump_clock: MockClock
) -> None:
    record: list[str] = []
    a, b, c = family(record)
    supervisor = Supervisor("root", [a.spec(), b.spec(restart=Restart.TEMPORARY), c.spec()], strategy=strategy)
    async with running(supervisor):
        a.end(RuntimeError("bug"))
        await trio.sleep(5)
        assert (a.running, b.running, c.running) == (1, 0, 1)
        assert supervisor.children() == ["a", "c"]


@pytest.mark.parametrize("strategy", [Strategy.REST_FOR_ONE, Strategy.ONE_FOR_ALL])
async def test_a_transient_child_that_was_done_is_done_again_with_its_siblings(
    strategy: Strategy, autojump_clock: MockClock
) -> None:
    record: list[str] = []
    a, b, c = family(record)
    supervisor = Supervisor("root", [a.spec(), b.spec(restart=Restart.TRANSIENT), c.spec()], strategy=strategy)
    async with running(supervisor):
        b.end()
        await trio.sleep(1)
        assert b.running == 0
        record.clear()
        a.end(RuntimeError("bug"))
        await trio.sleep(5)
        assert record == ["end a", "drain c", "end c", "start a", "start b", "start c"]


async def test_a_pipeline_also_restarts_in_its_stop_order(autojump_clock: MockClock) -> None:
    record: list[str] = []
    a, b, c = family(record)
    specs = [a.spec(), b.spec(), c.spec()]
    supervisor = Supervisor("root", specs, strategy=Strategy.ONE_FOR_ALL, stop_order=StopOrder.START_ORDER)
    async with running(supervisor):
        record.clear()
        c.end(RuntimeError("bug"))
        await trio.sleep(5)
        assert record == ["end c", "drain a", "end a", "drain b", "end b", "start a", "start b", "start c"]
