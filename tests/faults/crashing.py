"""The real service, in which a signal makes one actor crash at a random line: `python -m tests.faults.crashing run`.

On SIGUSR1 the file named by FAULTS_ORDER says which actor and how many of its lines still run; at the next line an
`InjectedCrash` is raised there, and when and where is added to the file named by FAULTS_RECORD. On SIGUSR2 the spool
takes everything of its next commit but one event, and says nothing. The product has no hook for either: the lines are
counted by a trace function, which is gone once it has raised.
"""

from __future__ import annotations

import json
import linecache
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from types import CodeType, FrameType
from typing import Any

import httpx

import ingestor.api.status
import ingestor.history.keeper
from ingestor.__main__ import main
from ingestor.model.records import Event, Record
from ingestor.storage.spool import Spool
from tests.servers.asking import CLIENT
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until

ACTORS = {
    "connection": ("Connection.", "Session.", "Reconnect."),
    "subscription": ("Subscription.", "Stream.take", "Stream.accept", "Stream._begin", "Stream._count_received"),
    "spool": ("Committer.", "Intake.", "Spool.commit", "Spool.open", "EmbeddedJournal."),
    "writer": ("Writer.", "Retry.", "Delivery.", "Spool.due", "Spool.acknowledge"),
    "weather": ("WeatherPoller.",),
    "api": ("ApiServer.", "HttpConnection.run", "HttpConnection._head"),
}
"""What the qualified names of an actor's own code begin with."""
OURS = ("/ingestor/",)
MOST_LINES = 40


class InjectedCrash(Exception):
    """An error that nobody expects."""


class Crasher:
    """Crashes the actor that is ordered, once per order."""

    def __init__(self, order: Path, record: Path) -> None:
        self._order = order
        self._record = record
        self._actor = ""
        self._lines = 0

    def obey(self, *_signal: object) -> None:
        """Read the order, and count from the next call or resumption on."""
        ordered = json.loads(self._order.read_text())
        self._actor, self._lines = ordered["actor"], ordered["lines"]
        sys.settrace(self._called)

    def _called(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        return self._traced if self._belongs(frame.f_code) else None

    def _belongs(self, code: CodeType) -> bool:
        return code.co_qualname.startswith(ACTORS[self._actor]) and any(part in code.co_filename for part in OURS)

    def _traced(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            self._lines -= 1
            if self._lines <= 0 and not _may_leave_a_block(frame):
                sys.settrace(None)
                self._crash(f"{frame.f_code.co_qualname}:{frame.f_lineno}")
        return self._traced

    def _crash(self, where: str) -> None:
        with self._record.open("a") as file:
            file.write(json.dumps({"actor": self._actor, "where": where, "at_ns": time.time_ns()}) + "\n")
        raise InjectedCrash(where)


def _may_leave_a_block(frame: FrameType) -> bool:
    """Return whether this line may be the end of a `with`.

    An error there, which nothing but a trace can raise, would leave the block without its exit, and Trio with a cancel
    scope that nobody closes.
    """
    return linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip().startswith(("with ", "async with "))


class CrashingIngestor(Ingestor):
    """An `ingestor run` whose actors can be made to crash."""

    module = "tests.faults.crashing"

    def __init__(self, directory: Path, **settings: str) -> None:
        self._order, self._record = directory / "order.json", directory / "record.jsonl"
        super().__init__(directory, FAULTS_ORDER=str(self._order), FAULTS_RECORD=str(self._record), **settings)
        self._record.touch()

    @property
    def crashes(self) -> list[dict[str, Any]]:
        """What crashed so far, where and when (Unix nanoseconds)."""
        return [json.loads(line) for line in self._record.read_text().splitlines()]

    def crash(self, actor: str, random: Random, seconds: float = 90) -> int:
        """Let an actor crash, and return when it did, in Unix nanoseconds; its API is used, and the weather moved."""
        before = len(self.crashes)
        self._order.write_text(json.dumps({"actor": actor, "lines": random.randint(1, MOST_LINES)}))
        os.kill(self.pid, signal.SIGUSR1)
        wait_until(lambda: self._stirred(random) and len(self.crashes) > before, f"{actor} crashes", seconds)
        return int(self.crashes[-1]["at_ns"])

    def lose(self) -> None:
        """Let it lose one event without a word."""
        os.kill(self.pid, signal.SIGUSR2)

    def _stirred(self, random: Random) -> bool:
        place = f"{random.uniform(-60, 60):.2f},{random.uniform(-180, 180):.2f}"
        with suppress(httpx.HTTPError):  # it is the API that crashes
            CLIENT.put(f"{self.url}/api/config", json={"weather_location": place}, timeout=5)
        return True


def lose(*_signal: object) -> None:
    """Lose one event of the next commit that has any."""
    commit = Spool.commit

    async def wrong(self: Spool, records: Sequence[Record], **options: Any) -> None:
        lost = next((one for one in records if isinstance(one, Event)), None)
        if lost is not None:
            Spool.commit = commit  # type: ignore[method-assign]
        await commit(self, [one for one in records if one is not lost], **options)

    Spool.commit = wrong  # type: ignore[method-assign]


def hurry(factor: float) -> None:
    """Shorten what the service measures over minutes, as the rules are that look at it."""
    ingestor.history.keeper.KEEP_SECONDS /= factor
    ingestor.api.status.STUCK_SECONDS /= factor  # type: ignore[assignment]


if __name__ == "__main__":
    hurry(float(os.environ.get("FAULTS_FACTOR", "1")))
    crasher = Crasher(Path(os.environ["FAULTS_ORDER"]), Path(os.environ["FAULTS_RECORD"]))
    signal.signal(signal.SIGUSR1, crasher.obey)
    signal.signal(signal.SIGUSR2, lose)
    main()
