"""Small messages gather before they are read; a flood is read at once."""

from __future__ import annotations

import trio
from trio.testing import MockClock, memory_stream_pair

from ingestor.homeassistant.gathering import FLOOD_BYTES, GatheringStream


async def test_messages_that_come_within_the_pause_are_read_together(autojump_clock: MockClock) -> None:
    far, near = memory_stream_pair()
    stream = GatheringStream(near, lambda: 0.1)

    async def send() -> None:
        for letter in b"abcd":
            await far.send_all(bytes([letter]))
            await trio.sleep(0.03)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        assert await stream.receive_some() == b"abcd"


async def test_what_follows_a_large_read_is_read_at_once(autojump_clock: MockClock) -> None:
    far, near = memory_stream_pair()
    stream = GatheringStream(near, lambda: 0.1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(far.send_all, bytes(2 * FLOOD_BYTES))
        began = trio.current_time()
        await stream.receive_some(FLOOD_BYTES)
        paused = trio.current_time() - began
        await stream.receive_some(FLOOD_BYTES)
        assert (round(paused, 3), round(trio.current_time() - began, 3)) == (0.1, 0.1)


async def test_without_a_pause_a_message_is_read_when_it_comes(autojump_clock: MockClock) -> None:
    far, near = memory_stream_pair()
    stream = GatheringStream(near, lambda: 0.0)
    await far.send_all(b"a")
    began = trio.current_time()
    assert await stream.receive_some() == b"a"
    assert trio.current_time() == began
    await stream.aclose()
