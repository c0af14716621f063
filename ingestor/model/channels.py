"""The two ends of a channel that loses nothing when an actor crashes. The tree holds them, so they outlive a run.

An inbox forgets an item only when it is committed, an outbox only when it was sent. Every actor begins with a flush of
what its predecessor left. There are four ways to use them; `work` and `take` stand for code without an `await`.

A stage between two channels (`live/subscription.py`). A crash before `commit` repeats the work on the same item, a
crash after it repeats only the flush; between `extend` and `commit` nothing can happen:

    await outbox.flush()
    while True:
        try:
            item = await inbox.peek()
        except trio.EndOfChannel:
            break
        outbox.extend(work(item))
        inbox.commit()
        await outbox.flush()
    await outbox.aclose()

A source (`live/connection.py`, `weather/poller.py`), where one task appends and another flushes. What is appended
during a flush goes with the next one:

    outbox.append(take(frame))                        # in the task that reads
    arrived.set()

    await arrived.wait()                              # in the task that sends
    await outbox.flush()

A sink that gathers (`storage/committer.py`). What was received stays held while the disk fails, however often that is;
a cancelled `peek_more` has taken nothing:

    await inbox.peek()
    with trio.move_on_after(seconds):
        while not enough(inbox.held):
            await inbox.peek_more()
    await journal.commit(inbox.held)
    inbox.commit()

The end (`assembly/`), when a stage is down that should have ended its stream. The next one still sees the end, and
whatever was left is counted:

    outbox.close()
    left = [*inbox.held, *outbox.items]

Trio's memory channels send and receive an item wholly or, when cancelled, not at all. So with one stage at a time at
each end nothing is lost, nothing is doubled, and the order is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Inbox(Generic[T]):
    """The receiving end of a channel. Keeps each item until it is committed."""

    def __init__(self, channel: trio.MemoryReceiveChannel[T]) -> None:
        self._channel = channel
        self._held: list[T] = []

    @property
    def held(self) -> list[T]:
        """A copy of the items that were received and not committed, in order."""
        return list(self._held)

    async def peek(self) -> T:
        """Return the first held item; without one, receive an item and hold it.

        Only a receive waits and can be cancelled; nothing is taken then.

        Raises:
          trio.EndOfChannel: nothing is held, every sender is closed and the channel is empty.
        """
        if not self._held:
            self._held.append(await self._channel.receive())
        return self._held[0]

    async def peek_more(self) -> T:
        """Receive one more item, hold it behind the others and return it. Takes nothing when cancelled.

        Raises:
          trio.EndOfChannel: every sender is closed and the channel is empty; what is held stays held.
        """
        self._held.append(await self._channel.receive())
        return self._held[-1]

    def commit(self) -> None:
        """Forget everything that is held."""
        self._held.clear()


class Outbox(Generic[T]):
    """The sending end of a channel of lists. Keeps each item until it is sent; `len` is how many wait.

    `entered` is called with what comes in by `extend`.
    """

    def __init__(
        self, channel: trio.MemorySendChannel[list[T]], entered: Callable[[Iterable[T]], None] = lambda _items: None
    ) -> None:
        self._channel = channel
        self._entered = entered
        self._items: list[T] = []
        self._sending = trio.Lock()

    def __len__(self) -> int:
        """Return how many items wait to be sent."""
        return len(self._items)

    @property
    def items(self) -> list[T]:
        """A copy of the items that wait to be sent, in order."""
        return list(self._items)

    def append(self, item: T) -> None:
        """Hold one more item for the next flush."""
        self._items.append(item)

    def extend(self, items: Iterable[T]) -> None:
        """Hold more items for the next flush: all of them, or none if iterating over them raises."""
        more = list(items)
        self._items.extend(more)
        self._entered(more)

    async def flush(self) -> None:
        """Send everything that is held, as one list; return at once if there is nothing.

        Whatever it raises, and when it is cancelled, all items that were not sent are still held. A second flush waits
        for the first.

        Raises:
          trio.BrokenResourceError: the receiver is closed.
          trio.ClosedResourceError: this end is closed.
        """
        async with self._sending:
            items = list(self._items)
            if not items:
                return
            await self._channel.send(items)
            del self._items[: len(items)]

    def close(self) -> None:
        """Close this end in place of a stage that is down; send what it left if there is room, else keep it.

        Never waits and never raises; closing again does no harm.
        """
        try:
            if self._items:
                self._channel.send_nowait(list(self._items))
                self._items.clear()
        except (trio.WouldBlock, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the owner finds it in `items`
        self._channel.close()

    async def aclose(self) -> None:
        """Close this end, so that the receiver sees the end of the stream; closing again does no harm."""
        await self._channel.aclose()
