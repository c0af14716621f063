"""The route of recent events: of memory, and of one entity from the database, where memory has too few."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from ingestor.api import views
from ingestor.api.models import HomeAssistantEvent
from ingestor.model.errors import IngestorError
from ingestor.model.records import Event
from ingestor.storage.recent import RecentEvents
from ingestor.storage.store import Store

MAXIMUM_EVENTS = 1000


def routes(recent: RecentEvents, store: Store) -> APIRouter:
    """Return the routes, to be put under `/api/events`."""
    router = APIRouter()

    @router.get("/recent", response_model=list[HomeAssistantEvent])
    async def read(
        limit: Annotated[int, Query(ge=1, le=MAXIMUM_EVENTS)] = 100, entity_id: str | None = None
    ) -> Response:
        found = recent.newest(limit, entity_id)
        if len(found) < limit and entity_id is not None:
            found = await _with_older(store, found, limit, entity_id)
        return Response(views.events(found), media_type="application/json")

    return router


async def _with_older(store: Store, found: list[Event], limit: int, entity_id: str) -> list[Event]:
    """Fill up with what only the store has; a store that is away leaves what memory has."""
    before_ns = found[-1].time_ns if found else None
    try:
        return found + await store.recent(limit=limit - len(found), entity_id=entity_id, before_ns=before_ns)
    except IngestorError:
        return found
