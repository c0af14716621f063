"""The two ends of a stage that loses nothing when it crashes. Both are held by the tree, not by the actor.

A stage peeks at the inbox, works without an await, appends to the outbox and commits, and only then flushes:

    await outbox.flush()  # what a predecessor left
    while True:
        batch = await inbox.peek()
        outbox.extend(work(batch))
        inbox.commit()
        await outbox.flush()

A crash before `commit` repeats the work; one after it repeats only the flush. Trio sends and receives either wholly or,
when cancelled, not at all; so nothing is lost, nothing doubled, and the order kept. One stage at a time owns an end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Inbox(Generic[T]):
    """The receiving end of a channel that forgets an item only when told to."""

    def __init__(self, channel: trio.MemoryReceiveChannel[T]) -> None:
        self._channel = channel
        self._held: list[T] = []

    @property
    def held(self) -> list[T]:
        """The items that were peeked at and not committed, in order."""
        return list(self._held)

    async def peek(self) -> T:
        """Return what is held, or receive one item and hold it. Raises `trio.EndOfChannel` when there will be none."""
        if not self._held:
            self._held.append(await self._channel.receive())
        return self._held[0]

    async def peek_more(self) -> T:
        """Receive one more item and hold it behind the others; nothing is lost when this is cancelled."""
        self._held.append(await self._channel.receive())
        return self._held[-1]

    def commit(self) -> None:
        """Forget what is held."""
        self._held.clear()

    async def aclose(self) -> None:
        """Close the channel's end."""
        await self._channel.aclose()


class Outbox(Generic[T]):
    """The sending end of a channel of lists that forgets items only when they were sent."""

    def __init__(self, channel: trio.MemorySendChannel[list[T]]) -> None:
        self._channel = channel
        self._items: list[T] = []
        self._sending = trio.Lock()

    def __len__(self) -> int:
        """Return how many items wait to be sent."""
        return len(self._items)

    @property
    def items(self) -> list[T]:
        """What waits to be sent."""
        return list(self._items)

    def append(self, item: T) -> None:
        """Hold an item for the next flush."""
        self._items.append(item)

    def extend(self, items: Iterable[T]) -> None:
        """Hold several items for the next flush: all, or none when it raises."""
        self._items.extend(list(items))

    async def flush(self) -> None:
        """Send everything that is held, as one list; after a cancellation it is still held, or it was sent."""
        async with self._sending:
            items = list(self._items)
            if not items:
                return
            await self._channel.send(items)
            del self._items[: len(items)]

    def close(self) -> None:
        """Close the channel's end in place of a stage that will not; send what it left, where there is room."""
        try:
            if self._items:
                self._channel.send_nowait(list(self._items))
                self._items.clear()
        except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # it stays held, and its owner can tell
        self._channel.close()

    async def aclose(self) -> None:
        """Close the channel's end: its receiver sees the end of the stream."""
        await self._channel.aclose()
