"""The route of recent events: of memory, and from the database where memory has too few, as after a restart."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import trio
from fastapi import APIRouter, Query, Response

from ingestor.api import views
from ingestor.api.models import HomeAssistantEvent
from ingestor.model.errors import IngestorError
from ingestor.model.records import Event
from ingestor.storage.recent import RecentEvents
from ingestor.storage.store import Store

MAXIMUM_EVENTS = 1000
OLDER_SECONDS = 2.0  # a database takes far less, and who asks does not want to wait for one that is away


def routes(recent: RecentEvents, store: Store) -> APIRouter:
    """Return the routes, to be put under `/api/events`."""
    router = APIRouter()

    @router.get("/recent", response_model=list[HomeAssistantEvent])
    async def read(
        limit: Annotated[int, Query(ge=1, le=MAXIMUM_EVENTS)] = 100, entity_id: str | None = None
    ) -> Response:
        found = recent.newest(limit, entity_id)
        if len(found) < limit:
            found = await _with_older(store, found, limit, entity_id)
        return Response(views.events(found), media_type="application/json")

    return router


async def _with_older(store: Store, found: list[Event], limit: int, entity_id: str | None) -> list[Event]:
    """Fill up with what only the store has; one that is away, or slow, leaves what memory has."""
    before_ns = found[-1].time_ns + 1 if found else None  # another entity may have changed at the very same time
    older: list[Event] = []
    with trio.move_on_after(OLDER_SECONDS), suppress(IngestorError):
        older = await store.recent(limit=limit, entity_id=entity_id, before_ns=before_ns)
    known = {(event.series.home, event.series.entity_id, event.time_ns) for event in found}
    new = [one for one in older if (one.series.home, one.series.entity_id, one.time_ns) not in known]
    return [*found, *new][:limit]
