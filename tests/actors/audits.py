"""An auditor with a simulated recorder, a real spool and a store of memory that confirms when it is told to."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestor.assembly.files import STATE
from ingestor.history.auditor import Auditing, Auditor
from ingestor.history.ledger import Ledger
from ingestor.history.reading import Reader
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.model.records import Event, Series
from ingestor.storage.database import Database
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.spool import Spool
from ingestor.storage.valve import Valve
from tests.actors.heard import Heard
from tests.actors.homes import TOKEN, serving, simulated

HOME = "home"
UNDERWAY_US = 30 * 10**6


class Store:
    """A store as far as an audit asks it: it has the times of what was confirmed."""

    def __init__(self) -> None:
        self.times: dict[str, set[int]] = {}

    async def keys(self, home: str, from_ns: int, to_ns: int) -> dict[str, set[int]]:
        """Return what is stored within [from, to)."""
        assert home == HOME
        return {of: {at for at in times if from_ns <= at < to_ns} for of, times in self.times.items()}

    def take(self, events: Sequence[Event]) -> None:
        """Store them."""
        for event in events:
            self.times.setdefault(event.series.entity_id, set()).add(event.time_ns)


class Rig:
    """An auditor and its surroundings. Its clock is so far ahead that all but the last half second is compared."""

    def __init__(self, directory: Path, entity_ids: Collection[str]) -> None:
        self.heard = Heard()
        self.store: Any = Store()
        self.spool = Spool(directory, 10**9, Valve(), self.heard)
        self.server = simulated()
        self.refilled: list[Event] = []
        self.state = Database(directory / "state.sqlite3", STATE)
        self.ledger = Ledger(self.state, self.heard)
        self._series = {one: Series(home=HOME, entity_id=one, domain=one.partition(".")[0]) for one in entity_ids}

    def record(self, entity_id: str, at_us: int, state: str | None) -> None:
        """Let the recorder have a row; rows come in the order of their times."""
        at = datetime.fromtimestamp(at_us // 10**6, UTC).replace(microsecond=at_us % 10**6)
        given = None if state is None else {"state": state, "attributes": {}}
        self.server.home.recorder.write(entity_id, at.isoformat(), given)

    def event(self, entity_id: str, at_us: int, state: str) -> Event:
        """Return a change as it was captured live."""
        return Event(time_ns=at_us * 1000, series=self._series[entity_id], state=state)

    def auditor(self) -> Auditor:
        """Return the auditor; to be asked for while the home is served."""
        auditing = Auditing(
            endpoint=Endpoint(home=HOME, url=self.server.url, token=lambda: TOKEN),
            store=self.store,
            ledger=self.ledger,
            quarantine=Quarantine(self.state, self.heard),
            reader=Reader(persons=list, weather=lambda _at_ns: None),
            commit=self._commit,
            series=lambda: self._series,
            confirmed=self.spool.confirmed,
            retention_days=lambda: 0,
            underway_us=UNDERWAY_US,
        )
        return Auditor(auditing, lambda: time.time_ns() + UNDERWAY_US * 1000 - 500_000_000)

    async def _commit(self, events: Sequence[Event]) -> None:
        self.refilled += events
        self.store.take(events)


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
