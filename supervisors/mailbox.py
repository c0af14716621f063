"""Where a supervisor waits: for what its children tell, for a command, and for the next deadline."""

from __future__ import annotations

import trio

from supervisors.actions import Happening


class Mailbox:
    """Keeps what happened until it is taken. Nothing in it is lost to a cancellation."""

    def __init__(self) -> None:
        self._happened: list[Happening] = []
        self._wakened = trio.Event()

    def put(self, happening: Happening) -> None:
        """Bring something that happened."""
        self._happened.append(happening)
        self.wake()

    def wake(self) -> None:
        """Let `wait` return though nothing happened."""
        self._wakened.set()

    async def wait(self, deadline: float) -> None:
        """Wait until something happened or the deadline passes, and let all speak that woke at the same moment.

        Trio runs these in a random order: without the second wait it would decide what the supervisor sees first.
        """
        with trio.CancelScope(deadline=deadline):
            await self._wakened.wait()
        await trio.lowlevel.checkpoint()

    def take(self) -> list[Happening]:
        """Return all that happened since the last call."""
        happened, self._happened = self._happened, []
        self._wakened = trio.Event()
        return happened
