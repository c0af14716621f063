from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ingestor.model.signals import Signal, first_of


async def test_a_signal_wakes_everyone_each_time_that_it_is_sent() -> None:
    signal, woken = Signal(), list[str]()

    async def wait(name: str) -> None:
        await signal.wait()
        woken.append(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, "first")
        nursery.start_soon(wait, "second")
        await wait_all_tasks_blocked()
        signal.send()
        nursery.start_soon(wait, "third")
        await wait_all_tasks_blocked()
        assert sorted(woken) == ["first", "second"]
        signal.send()
    assert woken[2:] == ["third"]


async def test_what_is_sent_between_the_look_and_the_wait_is_not_missed(autojump_clock: MockClock) -> None:
    signal = Signal()
    changed = signal.next
    signal.send()
    with trio.fail_after(1):
        await changed.wait()
    with trio.move_on_after(1) as scope:
        await first_of(signal.wait, signal.next.wait)
    assert scope.cancelled_caught
