"""The routes of what was dropped: what there is, and that the user knows of it."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel

from ingestor.model import instants
from ingestor.storage.losses import Dropped, Losses


class Loss(BaseModel):
    """Records that were dropped together; without `acknowledged` nobody has said yet that he knows of them."""

    id: int
    dropped: datetime
    reason: str
    records: int
    events: int
    detail: str
    acknowledged: datetime | None = None


class Acknowledged(BaseModel):
    """How many entries were not acknowledged before."""

    acknowledged: int


def routes(losses: Losses) -> APIRouter:
    """Return the routes, to be put under `/api/losses`."""
    router = APIRouter()

    @router.get("")
    async def read() -> list[Loss]:
        return [shown(one) for one in await losses.read()]

    @router.post("/acknowledge")
    async def acknowledge() -> Acknowledged:
        return Acknowledged(acknowledged=await losses.acknowledge())

    return router


def shown(one: Dropped) -> Loss:
    """Return an entry as the API tells it."""
    known_ns = one.acknowledged_ns
    return Loss(
        id=one.id,
        dropped=instants.moment(instants.to_us(one.at_ns)),
        reason=one.reason,
        records=one.records,
        events=one.events,
        detail=one.detail,
        acknowledged=None if known_ns is None else instants.moment(instants.to_us(known_ns)),
    )
