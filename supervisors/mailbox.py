"""Where a supervisor waits: for news of its children, for a command, and for the next deadline."""

from __future__ import annotations

import trio

from supervisors.messages import News


class Mailbox:
    """Keeps news until it is taken. A cancellation loses nothing."""

    def __init__(self) -> None:
        self._news: list[News] = []
        self._woken = trio.Event()

    def put(self, news: News) -> None:
        """Add a piece of news and wake the supervisor."""
        self._news.append(news)
        self.wake()

    def wake(self) -> None:
        """Make `wait` return although there is no news: a command has changed what is wanted."""
        self._woken.set()

    async def wait(self, deadline: float) -> None:
        """Wait for news or the deadline, then let every task run that woke at the same moment.

        Trio runs those in a random order. Without the second wait that order would decide what the supervisor sees.
        """
        with trio.CancelScope(deadline=deadline):
            await self._woken.wait()
        await trio.lowlevel.checkpoint()

    def take(self) -> list[News]:
        """Return all news since the last call."""
        news, self._news = self._news, []
        self._woken = trio.Event()
        return news
