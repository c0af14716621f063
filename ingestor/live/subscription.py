"""The actor behind the socket: it decodes and enriches what the connection received, and hands events to the spool."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import trio

from ingestor.homeassistant.wire import State
from ingestor.live.fence import Fence
from ingestor.live.frames import HomeMessage
from ingestor.live.stream import HELD_SECONDS, Location, Stream
from ingestor.model.channels import Inbox, Outbox
from ingestor.model.gaps import Kept
from metrics import facts
from supervisors import Progress


class Subscription:
    """Works a home's messages off. The stream, the inbox and the outbox outlive a run: a crash repeats what was held.

    `commands` takes the names of answers that became stale, for the connection to ask for; `on_location` hears where
    the home is, `on_weather` the states of its weather entities, `fence` what a refill waits for.
    """

    def __init__(
        self,
        stream: Stream,
        inbox: Inbox[list[HomeMessage]],
        outbox: Outbox[Kept],
        commands: trio.MemorySendChannel[list[str]],
        report: facts.Report,
        on_location: Callable[[Location], None],
        fence: Fence | None = None,
        *,
        on_weather: Callable[[Mapping[str, State]], None] = lambda _states: None,
    ) -> None:
        self.progress = Progress()
        self._stream = stream
        self._inbox = inbox
        self._outbox = outbox
        self._commands = commands
        self._report = report
        self._on_location = on_location
        self._fence = fence
        self._on_weather = on_weather
        self._stale: set[str] = set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Work until the connection ends the stream, then end the spool's."""
        task_status.started()
        await self._outbox.flush()
        while True:
            messages: list[HomeMessage] | None = None
            try:
                with trio.move_on_after(HELD_SECONDS if self._stream.held else math.inf):
                    messages = await self._inbox.peek()
            except trio.EndOfChannel:
                break
            self._work(messages or [], release=messages is None)
            await self._outbox.flush()
        self._work([], release=True)
        await self._outbox.flush()
        await self._outbox.aclose()

    def _work(self, messages: list[HomeMessage], *, release: bool) -> None:
        """Take, hand over and commit, with no await between: either all of it happened, or none."""
        taken = self._stream.take(messages, release=release)
        self._outbox.extend([*taken.notes, *taken.records])  # one list is one transaction
        self._stream.accept()
        self._inbox.commit()
        self.progress.report()
        for fact in taken.reports:
            self._report(fact)
        if self._fence:
            self._fence.tell(taken.passed, taken.notes)
        if taken.location:
            self._on_location(taken.location)
        if taken.weather is not None:
            self._on_weather(taken.weather)
        self._stale |= taken.stale
        self._ask()

    def _ask(self) -> None:
        if self._stale:
            try:
                self._commands.send_nowait(sorted(self._stale))
            except trio.WouldBlock:
                return  # asked for with the next batch
            self._stale = set()
