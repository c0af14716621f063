"""How much longer a refill takes than a bare loop that fetches the same answers and writes them to the same store.

The home is a process of its own, whose recorder has that many changes of a gap. The refill fills the gap into the
embedded database; the loop asks the same questions, makes events of the rows, and writes those. They take turns, each
with a fresh file. Run it: `python -m tests.bench.bench_sweep 360000`; a second argument is how often.
"""

from __future__ import annotations

import multiprocessing
import statistics
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import trio

from ingestor.assembly.files import STATE
from ingestor.history.archive import Archive
from ingestor.history.holdings import Holdings
from ingestor.history.ledger import Ledger
from ingestor.history.refill import Refill
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.recorder import Recorder, opened
from ingestor.live.entities import Entities
from ingestor.live.fence import Fence
from ingestor.model import instants
from ingestor.model.channels import Inbox
from ingestor.model.gaps import GapFound, Interval, Kept
from ingestor.model.records import Event, Series
from ingestor.simulator.home import Json, SimulatedHome
from ingestor.simulator.recorder import SimulatedRecorder
from ingestor.simulator.server import SimulatedServer
from ingestor.storage.database import Database
from ingestor.storage.delivery import Delivery
from ingestor.storage.importer import RECORDS_IN_A_COMMIT, Importer
from ingestor.storage.intake import Intake
from ingestor.storage.journal import EmbeddedJournal
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.spool import Spool
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.valve import Valve

TOKEN = "token-of-the-simulated-home"  # noqa: S105  it opens nothing
ENTITIES = 100
EVERY_US = 10_000  # a hundred changes a second
UNUSED: Any = None

Question = tuple[list[str], int, int | None]


class LongRecorder(SimulatedRecorder):
    """A recorder that finds its rows quickly: they come in the order of their times."""

    def fill(self, changes: int, from_us: int) -> None:
        """Have so many changes."""
        self.rows = [
            (from_us + number * EVERY_US, _name(number), {"s": str(number), "a": _attributes(number), "lu": 0.0})
            for number in range(changes)
        ]
        for at_us, _, row in self.rows:
            row["lu"] = at_us / 1e6
        self.times = [at_us for at_us, _, _ in self.rows]

    def history(self, asked: Json) -> Json:
        """Return the answer to `history/history_during_period`."""
        start, end = _microseconds(asked["start_time"]), _microseconds(asked.get("end_time"))
        wanted, found = set(asked["entity_ids"]), dict[str, list[Json]]()
        for _, entity_id, row in self.rows[bisect_right(self.times, start) : bisect_left(self.times, end)]:
            if entity_id in wanted:
                found.setdefault(entity_id, []).append(row)
        return found


def serve(changes: int, from_us: int, ready: Any) -> None:
    """Be the home."""
    home = SimulatedHome(entities=1)
    recorder = LongRecorder(time.time)
    recorder.fill(changes, from_us)
    recorder.commands["history/history_during_period"] = recorder.history
    home.recorder = recorder
    server = SimulatedServer(home, token=TOKEN)

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            await nursery.start(server.run)
            ready.put(server.url)

    trio.run(run)


@asynccontextmanager
async def stored(directory: Path) -> AsyncGenerator[tuple[SQLiteStore, Importer, Database]]:
    """Hold a fresh database with what brings records there."""
    store, state = SQLiteStore(directory, 0), Database(directory / "state.sqlite3", STATE)
    spool = Spool(directory, 10**9, Valve(), print)
    journal = EmbeddedJournal(store, spool, Delivery("sqlite", UNUSED, lambda _fact: None), lambda _fact: None)
    intake = Intake(Inbox(trio.open_memory_channel[list[Kept]](0)[1]))
    intake.opened(await journal.open())
    try:
        yield store, Importer(journal, spool, intake, lambda _fact: None), state
    finally:
        for file in (store, spool, state):
            await file.aclose()


async def refill(url: str, directory: Path, gap: GapFound, asked: list[Question]) -> int:
    """Fill the gap; return how many changes came back. The questions are noted."""
    plain = Recorder.history

    async def noted(self: Recorder, entity_ids: Any, start_us: int, end_us: int | None, **more: Any) -> Any:
        asked.append(([*entity_ids], start_us, end_us))
        return await plain(self, entity_ids, start_us, end_us, **more)

    async with stored(directory) as (store, importer, state):
        ledger = Ledger(state, lambda _fact: None)
        await ledger.record([gap])
        quarantine = Quarantine(state, lambda _fact: None)
        holdings = Holdings(
            home="home", store=store, quarantine=quarantine, ledger=ledger, entities=Entities(), importer=importer
        )  # fmt: skip
        archive = Archive(endpoint=_endpoint(url), persons=list, weather=lambda _at_ns: None)
        fence, keeper = _stubs()
        filling = Refill(archive, holdings, fence, keeper, lambda _fact: None)
        Recorder.history = noted  # type: ignore[method-assign]
        try:
            await filling._fill_all()
        finally:
            Recorder.history = plain  # type: ignore[method-assign]
        return (await ledger.read())[0].refilled


async def bare(url: str, directory: Path, asked: Sequence[Question]) -> None:
    """Fetch the same answers, and write their rows."""
    async with stored(directory) as (store, _, _), opened(_endpoint(url)) as recorder:
        await recorder.wait_committed()
        for entity_ids, start_us, end_us in asked:
            answer, _ = await recorder.history(entity_ids, start_us, end_us)
            events = [
                Event(time_ns=row.at_us * 1000, series=_series(of), state=row.s, attributes=str(bytes(row.a), "utf-8"))
                for of, rows in answer.items()
                for row in rows
            ]
            for start in range(0, len(events), RECORDS_IN_A_COMMIT):
                await store.write(events[start : start + RECORDS_IN_A_COMMIT], live=False)


class _Keeper:
    async def take(self) -> None:
        """Nothing waits."""


def _stubs() -> tuple[Any, Any]:
    """Return what a refill asks of the live stream, and of the journal, where neither has anything for it."""
    return Fence(trio.open_memory_channel[list[str]](1)[0]), _Keeper()


def measure(changes: int, times: int) -> list[tuple[float, float]]:
    """Return the seconds of each refill, and of each loop behind it."""
    from_us = instants.now_us() - changes * EVERY_US - 3600 * 10**6
    until_us = from_us + (changes - 1) * EVERY_US
    intervals = tuple(
        Interval(
            entity_id=_name(number), series=_series(_name(number)), after_us=from_us - 1, captured=1, was_absent=False,
            until_us=until_us - (changes - 1 - number) % ENTITIES * EVERY_US, until_series=_series(_name(number)),
        )
        for number in range(ENTITIES)
    )  # fmt: skip
    gap = GapFound(
        gap="home:1", home="home", cause="closed", detail="", from_us=from_us - 1, found_ns=until_us * 1000,
        intervals=intervals, whole=True, intact_since_us=1,
    )  # fmt: skip
    ready: Any = multiprocessing.Queue()
    home = multiprocessing.Process(target=serve, args=(changes, from_us, ready), daemon=True)
    home.start()
    url, found = ready.get(), list[tuple[float, float]]()
    try:
        for _ in range(times):
            with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
                asked: list[Question] = []
                began = time.perf_counter()
                refilled = trio.run(refill, url, Path(ours), gap, asked)
                between = time.perf_counter()
                trio.run(bare, url, Path(theirs), asked)
                found.append((between - began, time.perf_counter() - between))
                assert refilled == changes, refilled
    finally:
        home.kill()
    return found


def _name(number: int) -> str:
    return f"sensor.number_{number % ENTITIES}"


def _attributes(number: int) -> Json:
    return {"unit_of_measurement": "W", "device_class": "power", "friendly_name": f"Number {number % ENTITIES}"}


def _series(entity_id: str) -> Series:
    return Series(home="home", entity_id=entity_id, domain="sensor", device_class="power", unit="W")


def _endpoint(url: str) -> Endpoint:
    return Endpoint(home="home", url=url, token=lambda: TOKEN)


def _microseconds(text: str | None) -> int:
    return 2**62 if text is None else instants.microseconds(datetime.fromisoformat(text))


def main(changes: str = "360000", times: str = "3") -> None:
    """Print each turn, and the ratio of the medians."""
    found = measure(int(changes), int(times))
    for ours, theirs in found:
        print(f"refill {ours:6.1f} s   bare loop {theirs:6.1f} s   {ours / theirs:.2f}")  # noqa: T201  a bench prints
    ratio = statistics.median(ours for ours, _ in found) / statistics.median(theirs for _, theirs in found)
    print(f"{changes} changes: the refill takes {ratio:.2f} times as long")  # noqa: T201  a bench prints


if __name__ == "__main__":
    main(*sys.argv[1:3])
