"""What works jobs off with a simulated recorder, a real spool and a store of memory that confirms when told to."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import trio

from ingestor.assembly.files import STATE
from ingestor.history.archive import Archive
from ingestor.history.audit import Audit
from ingestor.history.holdings import Holdings
from ingestor.history.jobs import Jobs
from ingestor.history.ledger import Ledger
from ingestor.history.work import Job
from ingestor.history.worker import Worker
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.live.entities import Entities
from ingestor.model.channels import Inbox
from ingestor.model.gaps import Kept
from ingestor.model.records import Event, Record, Series, Watermark
from ingestor.storage.database import Database
from ingestor.storage.importer import Importer
from ingestor.storage.intake import Intake
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.spool import Spool
from ingestor.storage.store import Retention
from ingestor.storage.valve import Valve
from metrics.codes import JobKind
from tests.actors.heard import Heard
from tests.actors.homes import TOKEN, serving, simulated

HOME = "home"
UNDERWAY_US = 30 * 10**6


class Store:
    """A store as far as an audit asks it: it has the times of what was confirmed."""

    def __init__(self) -> None:
        self.times: dict[str, set[int]] = {}
        self.retention = Retention(seconds=0)

    async def keys(self, home: str, from_ns: int, to_ns: int, *, statistics: bool = False) -> dict[str, set[int]]:
        """Return what is stored within [from, to)."""
        assert home == HOME
        if statistics:
            return {}
        return {of: {at for at in times if from_ns <= at < to_ns} for of, times in self.times.items()}

    def take(self, events: Sequence[Event]) -> None:
        """Store them."""
        for event in events:
            self.times.setdefault(event.series.entity_id, set()).add(event.time_ns)


class MemoryJournal:
    """What is imported: it is stored at once."""

    def __init__(self, store: Store) -> None:
        self.refilled: list[Event] = []
        self._store = store

    async def commit(self, records: Sequence[Record], *, live: bool = True) -> None:
        """Store them."""
        assert not live
        events = [one for one in records if isinstance(one, Event)]
        self.refilled += events
        self._store.take(events)


class Rig:
    """Jobs and their surroundings. The clock is so far ahead that all but the last half second is compared."""

    def __init__(self, directory: Path, entity_ids: Collection[str]) -> None:
        self.heard = Heard()
        self.store: Any = Store()
        self.spool = Spool(directory, 10**9, Valve(), self.heard)
        self.server = simulated()
        self.state = Database(directory / "state.sqlite3", STATE)
        self.ledger = Ledger(self.state, self.heard)
        self.jobs = Jobs(self.state)
        self.journal: Any = MemoryJournal(self.store)
        self.intake = Intake(Inbox(trio.open_memory_channel[list[Kept]](0)[1]))
        self._series = {one: Series(home=HOME, entity_id=one, domain=one.partition(".")[0]) for one in entity_ids}
        self.intake.opened(Watermark(at_ns=1, removed=False, series=one) for one in self._series.values())

    @property
    def refilled(self) -> list[Event]:
        """What was brought back."""
        refilled: list[Event] = self.journal.refilled
        return refilled

    def record(self, entity_id: str, at_us: int, state: str | None) -> None:
        """Let the recorder have a row; rows come in the order of their times."""
        at = datetime.fromtimestamp(at_us // 10**6, UTC).replace(microsecond=at_us % 10**6)
        given = None if state is None else {"state": state, "attributes": {}}
        self.server.home.recorder.write(entity_id, at.isoformat(), given)

    def event(self, entity_id: str, at_us: int, state: str) -> Event:
        """Return a change as it was captured live."""
        return Event(time_ns=at_us * 1000, series=self._series[entity_id], state=state)

    def audit(self) -> Audit:
        """Return what compares; to be asked for while the home is served."""
        endpoint = Endpoint(home=HOME, url=self.server.url, token=lambda: TOKEN)
        holdings = Holdings(
            home=HOME,
            store=self.store,
            quarantine=Quarantine(self.state, self.heard),
            ledger=self.ledger,
            entities=Entities(),
            importer=Importer(self.journal, self.spool, self.intake, lambda _fact: None),
        )
        archive = Archive(endpoint=endpoint, persons=list, weather=lambda _at_ns: None)
        ahead_ns = UNDERWAY_US * 1000 - 500_000_000
        return Audit(archive, holdings, self.jobs, UNDERWAY_US, lambda: time.time_ns() + ahead_ns)

    async def audited(self, from_us: int, to_us: int, kind: JobKind = JobKind.AUDIT) -> Job:
        """Return an audit, or another job, at its end."""
        job = await self.jobs.ask(HOME, kind, from_us, to_us, to_us)
        assert job is not None
        return await self.audit().run(job)

    def worker(self, look: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint) -> Worker:
        """Return the actor."""
        return Worker(self.audit(), self.ledger, self.heard, look)


@asynccontextmanager
async def auditing(directory: Path, *entity_ids: str) -> AsyncGenerator[Rig]:
    """Hold a rig whose home is served until the end of the block."""
    rig = Rig(directory, entity_ids)
    async with serving(rig.server):
        try:
            await rig.spool.open()
            yield rig
        finally:
            await rig.spool.aclose()
            await rig.state.aclose()
