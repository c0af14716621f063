"""What was lost behind our back, with several homes: each is recovered as far as it has lost something."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from ingestor.assembly.files import STATE
from ingestor.history.jobs import Jobs
from ingestor.history.ledger import Ledger
from ingestor.history.recovery import Recovery
from ingestor.model.channels import Inbox
from ingestor.model.errors import Unavailable
from ingestor.model.gaps import GapFound, Kept
from ingestor.model.records import StoreMark, Watermark
from ingestor.storage.database import Database
from ingestor.storage.intake import Intake
from ingestor.storage.marks import Marks
from ingestor.storage.spool import Spool
from ingestor.storage.valve import Valve
from metrics import facts
from metrics.codes import ErrorCode, GapCause, Loss
from tests.actors.heard import Heard
from tests.servers.records import START_NS, event

HOMES = ("attic", "barn", "cellar")
HOUR_NS = 3600 * 10**9


class Store:
    """A store as far as it is asked what it has of a home; `is_away` lets it answer nothing."""

    def __init__(self, *, is_journal: bool) -> None:
        self.is_journal = is_journal
        self.is_away = False
        self.marks_of: dict[str, list[Watermark]] = {}
        self.marked: dict[str, int] = {}

    async def prepare(self) -> None:
        if self.is_away:
            raise Unavailable("no answer", code=ErrorCode.NO_ANSWER)

    async def newest(self, home: str) -> list[Watermark]:
        return self.marks_of.get(home, [])

    async def oldest_ns(self, home: str) -> int | None:
        del home
        return START_NS

    async def mark(self, home: str) -> int:
        return self.marked.get(home, 0)


class Rig:
    """A recovery of three homes, with files of its own and a store of memory."""

    def __init__(self, directory: Path, *, store_is_journal: bool = False) -> None:
        self.heard = Heard()
        store: Any = Store(is_journal=store_is_journal)
        self.store = store
        self.spool = Spool(directory, 10**9, Valve(), self.heard)
        self.state = Database(directory / "state.sqlite3", STATE, self.heard)
        self.ledger = Ledger(self.state, self.heard, lambda: 9)
        self.jobs = Jobs(self.state)
        self.intake = Intake(Inbox(trio.open_memory_channel[list[Kept]](0)[1]))
        self.recovery = Recovery(HOMES, store, self.spool, self.intake, self.ledger, self.jobs, self.heard)

    async def start_first(self, *homes: str) -> None:
        """Let the ledger have the first start of homes."""
        times: dict[str, Any] = {"from_us": 0, "found_ns": START_NS}
        for home in homes:
            gap = GapFound(gap=f"{home}:1", home=home, cause=GapCause.FIRST_START, detail="", **times)
            await self.ledger.record([gap])

    async def compared(self) -> list[tuple[str, str]]:
        """Return which homes are compared with their recorders, and why."""
        return [(job.home, job.cause) for job in reversed(await self.jobs.read())]


@asynccontextmanager
async def rig(directory: Path, *, store_is_journal: bool = False) -> AsyncGenerator[Rig]:
    made = Rig(directory, store_is_journal=store_is_journal)
    await made.spool.open()
    try:
        yield made
    finally:
        await made.spool.aclose()
        await made.state.aclose()


def mark(home: str) -> Watermark:
    return Watermark(at_ns=START_NS, removed=False, series=event(home=home).series)


async def test_of_homes_that_the_journal_does_not_know_only_those_in_the_store_have_lost_something(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as one:
        one.store.marks_of = {"attic": [mark("attic")], "barn": [mark("barn")]}
        assert await one.recovery.recollect([mark("attic")]) == [mark("attic"), mark("barn")]
        assert one.intake.losses == {"barn": Loss.SPOOL_LOST}
        assert await one.spool.open() == [mark("barn")]


async def test_while_the_store_is_away_homes_in_the_ledger_have_lost_something_and_a_new_one_has_not(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as one:
        await one.start_first("attic", "barn")
        one.store.is_away = True
        assert await one.recovery.recollect([mark("attic")]) == [mark("attic")]
        assert one.intake.losses == {"barn": Loss.SPOOL_LOST}


async def test_a_home_whose_ledger_is_gone_is_compared_though_others_have_begun_a_new_one(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        await one.start_first("attic")
        one.intake.opened([mark("attic"), mark("barn")])
        for home in HOMES:
            await one.recovery.look(home)
        assert await one.compared() == [("barn", Loss.STATE_LOST)]
        assert [fact.code for fact in one.heard.of(facts.Warned)] == [Loss.STATE_LOST]


async def test_an_embedded_database_of_before_is_compared_once_for_every_home(tmp_path: Path) -> None:
    async with rig(tmp_path, store_is_journal=True) as one:
        await one.start_first(*HOMES)
        await one.ledger.close("attic:1", closed=[], listed={}, refilled=0)
        one.store.marked = dict.fromkeys(HOMES, 8)
        async with trio.open_nursery() as nursery:
            for home in HOMES:
                nursery.start_soon(one.recovery.look, home)
        assert await one.compared() == [(home, Loss.STORE_RESTORED) for home in HOMES]


async def test_a_spool_or_store_is_lost_only_when_no_home_has_the_mark_that_it_should(tmp_path: Path) -> None:
    async with rig(tmp_path) as one:
        store: Any = one.store
        marks = Marks(HOMES, store, one.spool, one.recovery.begin, lambda: START_NS + 1)
        hour_ns = START_NS - START_NS % HOUR_NS
        assert marks.of(3) == [StoreMark(time_ns=hour_ns, home=home, batch=3) for home in HOMES]
        await one.spool.commit([event()])
        one.spool.acknowledge([1])
        one.store.marked = {"barn": 1}  # attic and cellar are new
        await marks.check(at_once=True)
        assert await one.compared() == []
        one.store.marked = {}
        await marks.check(at_once=True)
        assert await one.compared() == [(home, Loss.STORE_RESTORED) for home in HOMES]
