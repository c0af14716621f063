from __future__ import annotations

from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from ingestor.model.channels import Inbox, Outbox


async def test_what_is_peeked_at_stays_until_it_is_committed() -> None:
    sender, receiver = trio.open_memory_channel[str](2)
    inbox = Inbox(receiver)
    assert inbox.held == []
    await sender.send("first")
    await sender.send("second")
    assert [await inbox.peek(), await inbox.peek()] == ["first", "first"]
    assert inbox.held == ["first"]
    inbox.commit()
    assert inbox.held == []
    assert await inbox.peek() == "second"


async def test_what_is_held_comes_before_the_end_of_the_channel() -> None:
    sender, receiver = trio.open_memory_channel[str](1)
    inbox = Inbox(receiver)
    await sender.send("last")
    await sender.aclose()
    await inbox.peek()
    assert await inbox.peek() == "last"
    inbox.commit()
    with pytest.raises(trio.EndOfChannel):
        await inbox.peek()


async def test_a_cancelled_peek_takes_nothing_out(autojump_clock: MockClock) -> None:
    sender, receiver = trio.open_memory_channel[str](1)
    inbox = Inbox(receiver)
    with trio.move_on_after(1):
        await inbox.peek()
    assert inbox.held == []
    await sender.send("first")
    with trio.CancelScope() as scope:
        scope.cancel()
        await inbox.peek()
    assert inbox.held == []
    assert await inbox.peek() == "first"


async def test_a_flush_sends_all_that_is_held_as_one_list() -> None:
    sender, receiver = trio.open_memory_channel[list[int]](2)
    outbox = Outbox(sender)
    await outbox.flush()
    outbox.append(1)
    outbox.extend([2, 3])
    assert len(outbox) == 3
    await outbox.flush()
    await outbox.flush()
    assert len(outbox) == 0
    await outbox.aclose()
    assert [items async for items in receiver] == [[1, 2, 3]]


async def test_a_flush_into_a_closed_channel_raises_and_holds_everything() -> None:
    sender, receiver = trio.open_memory_channel[list[int]](1)
    outbox = Outbox(sender)
    outbox.append(1)
    receiver.close()
    with pytest.raises(trio.BrokenResourceError):
        await outbox.flush()
    await outbox.aclose()
    await outbox.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await outbox.flush()
    assert outbox.items == [1]


async def test_of_work_that_raises_nothing_is_held() -> None:
    def work() -> Iterator[int]:
        yield 1
        raise ValueError("the second is bad")

    outbox = Outbox(trio.open_memory_channel[list[int]](1)[0])
    with pytest.raises(ValueError, match="the second"):
        outbox.extend(work())
    assert len(outbox) == 0


async def test_a_cancelled_flush_holds_what_it_did_not_send(autojump_clock: MockClock) -> None:
    sender, receiver = trio.open_memory_channel[list[int]](0)
    outbox = Outbox(sender)
    outbox.append(1)
    with trio.move_on_after(1):
        await outbox.flush()
    assert len(outbox) == 1
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.flush)
        assert await receiver.receive() == [1]
    assert len(outbox) == 0


async def test_a_flush_that_is_cancelled_in_the_moment_of_its_delivery_has_sent(autojump_clock: MockClock) -> None:
    sender, receiver = trio.open_memory_channel[list[int]](0)
    outbox = Outbox(sender)
    outbox.append(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.flush)
        await wait_all_tasks_blocked()
        received = receiver.receive_nowait()
        nursery.cancel_scope.cancel()
    assert (received, len(outbox)) == ([1], 0)


async def test_what_is_appended_during_a_flush_goes_with_the_next_in_order(autojump_clock: MockClock) -> None:
    sender, receiver = trio.open_memory_channel[list[int]](0)
    outbox = Outbox(sender)
    outbox.append(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.flush)
        await wait_all_tasks_blocked()
        outbox.append(2)
        nursery.start_soon(outbox.flush)
        await wait_all_tasks_blocked()
        assert [await receiver.receive(), await receiver.receive()] == [[1], [2]]


async def test_an_outbox_that_is_closed_in_place_of_its_stage_sends_what_was_left() -> None:
    send, receive = trio.open_memory_channel[list[int]](1)
    outbox = Outbox(send)
    outbox.extend([1, 2])
    outbox.close()
    outbox.close()
    assert (await receive.receive(), len(outbox)) == ([1, 2], 0)
    with pytest.raises(trio.EndOfChannel):
        await receive.receive()


async def test_an_outbox_that_is_closed_over_a_full_channel_keeps_what_it_could_not_send() -> None:
    send, _receive = trio.open_memory_channel[list[int]](0)
    outbox = Outbox(send)
    outbox.append(1)
    outbox.close()
    assert outbox.items == [1]


async def test_an_inbox_holds_more_than_one_item_until_it_commits() -> None:
    send, receive = trio.open_memory_channel[int](3)
    inbox = Inbox(receive)
    for number in (1, 2, 3):
        await send.send(number)
    assert [await inbox.peek(), await inbox.peek_more(), await inbox.peek()] == [1, 2, 1]
    assert inbox.held == [1, 2]
    inbox.commit()
    assert await inbox.peek() == 3


async def test_what_is_held_survives_a_cancelled_wait_for_more_and_the_end_of_the_channel(
    autojump_clock: MockClock,
) -> None:
    send, receive = trio.open_memory_channel[int](1)
    inbox = Inbox(receive)
    await send.send(1)
    await inbox.peek()
    with trio.move_on_after(1):
        await inbox.peek_more()
    send.close()
    with pytest.raises(trio.EndOfChannel):
        await inbox.peek_more()
    assert inbox.held == [1]
