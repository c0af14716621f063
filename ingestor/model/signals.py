"""Waiting for something that happens again and again, and for the first of several things."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio


class Signal:
    """Wakes everyone who waits for it, each time that it is sent; who comes later waits for the next time.

    A waiter looks first whether there is anything to do. Nothing is missed where no `await` lies between that look and
    the wait, or where the next time is taken before the look:

        while not is_ready():                  while True:
            await signal.wait()                    changed = signal.next
                                                   await look()
                                                   await changed.wait()
    """

    def __init__(self) -> None:
        self._next: trio.Event | None = None  # made when somebody wants it: sending to nobody costs nothing

    @property
    def next(self) -> trio.Event:
        """What is set when the signal is sent next."""
        if self._next is None:
            self._next = trio.Event()
        return self._next

    def send(self) -> None:
        """Wake everyone who waits."""
        if self._next is not None:
            self._next.set()
            self._next = None

    async def wait(self) -> None:
        """Wait until the signal is sent next."""
        await self.next.wait()


async def first_of(*waits: Callable[[], Awaitable[object]]) -> None:
    """Return when the first of these has happened; the others are cancelled."""
    async with trio.open_nursery() as nursery:
        for wait in waits:
            nursery.start_soon(_then_cancel, wait, nursery.cancel_scope)


async def _then_cancel(wait: Callable[[], Awaitable[object]], scope: trio.CancelScope) -> None:
    await wait()
    scope.cancel()
