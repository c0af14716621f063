"""How a refill knows that every live event before an answer of the recorder has been worked off."""

from __future__ import annotations

import trio

from ingestor.homeassistant.session import FENCE
from ingestor.live.bounds import Bounds
from ingestor.model.errors import Unavailable
from ingestor.model.gaps import Note
from ingestor.model.signals import Signal
from metrics.codes import ErrorCode

PASS_SECONDS = 30.0


class Fence:
    """Shared by the subscription, which tells, and the refill, which asks. `bounds` outlive both."""

    def __init__(self, commands: trio.MemorySendChannel[list[str]]) -> None:
        self.bounds = Bounds()
        self._commands = commands
        self._number = 0
        self._passed: set[str] = set()
        self._told = Signal()

    def tell(self, passed: list[str], notes: list[Note]) -> None:
        """Take what a batch of the live stream brought."""
        for note in notes:
            self.bounds.learn(note)
        if passed:
            self._passed = set(passed)
            self._told.send()

    async def wait(self) -> None:
        """Wait until everything that Home Assistant had sent by now is worked off. Raises `Unavailable`."""
        self._number += 1
        name = f"{FENCE} {self._number}"
        with trio.move_on_after(PASS_SECONDS):
            await self._commands.send([name])
            while name not in self._passed:
                await self._told.wait()
            return
        raise Unavailable("there is no live connection to bound a gap by", code=ErrorCode.CLOSED)
