"""The routes of the quarantine: list, show, replay, drop."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict

from ingestor.api.errors import failures
from ingestor.api.models import RowId
from ingestor.model.errors import UsageError
from ingestor.model.instants import SECOND_NS
from ingestor.storage.quarantine import Quarantine, Quarantined
from ingestor.storage.replay import Replay


class QuarantinedRecord(BaseModel):
    """A record that could not be stored, with the reason. `record` is what would have been stored."""

    id: int
    quarantined_at: datetime
    home: str | None
    entity_id: str | None
    code: str
    message: str
    record: dict[str, object]


class Selection(BaseModel):
    """Which records: those with these ids, or all. What cannot be undone wants one of the two said."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ids: list[RowId] | None = None
    all: bool = False

    def explicit(self) -> Selection:
        """Return the selection, for what cannot be undone. Raises `UsageError` for one that says neither, or both."""
        if self.all is (self.ids is not None):
            raise UsageError('say which records: {"ids": [1, 2]}, or {"all": true}')
        return self


class Outcome(BaseModel):
    """How many records are done, and why the others are not, by id. What was refused again has another id now."""

    done: int
    failures: dict[int, str] = {}


def routes(quarantine: Quarantine, replaying: Replay) -> APIRouter:
    """Return the routes, to be put under `/api/quarantine`."""
    router = APIRouter()

    @router.get("")
    async def read(limit: Annotated[int, Query(ge=1, le=1000)] = 100, after: RowId = 0) -> list[QuarantinedRecord]:
        return [shown(one) for one in await quarantine.read(limit=limit, after=after)]

    @router.get("/{id_}", responses=failures(404))
    async def show(id_: RowId) -> QuarantinedRecord:
        return shown(await quarantine.find(id_))

    @router.post("/replay", responses=failures(404))
    async def replay(wanted: Selection) -> Outcome:
        done = await replaying.replay(await quarantine.handles(wanted.ids))
        return Outcome(done=done.replayed, failures=done.failures)

    @router.post("/drop", responses=failures(404))
    async def drop(wanted: Selection) -> Outcome:
        return Outcome(done=await quarantine.remove(await quarantine.handles(wanted.explicit().ids)))

    return router


def shown(one: Quarantined) -> QuarantinedRecord:
    """Return a record as the API shows it."""
    return QuarantinedRecord(
        id=one.id,
        quarantined_at=datetime.fromtimestamp(one.at_ns // SECOND_NS, UTC),
        home=one.home,
        entity_id=one.entity_id,
        code=one.code,
        message=one.message,
        record=msgspec.to_builtins(one.record),
    )
