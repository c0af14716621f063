"""The route of the gap ledger."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from ingestor.api import views
from ingestor.api.models import Gap, RowId
from ingestor.history.ledger import Ledger

MAXIMUM_GAPS = 1000


def routes(ledger: Ledger) -> APIRouter:
    """Return the routes, to be put under `/api/gaps`."""
    router = APIRouter()

    @router.get("", response_model=list[Gap])
    async def read(
        limit: Annotated[int, Query(ge=1, le=MAXIMUM_GAPS)] = 100, before: RowId | None = None, home: str | None = None
    ) -> Response:
        found = await ledger.read(limit=limit, before=before, home=home)
        return Response(views.gaps(found), media_type="application/json")

    return router
