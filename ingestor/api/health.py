"""The routes of how the service is: the probe, what Prometheus scrapes, and health and counts in detail."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from ingestor.api import views
from ingestor.api.models import DayStats, Probe, SystemHealth
from ingestor.api.status import StatusBoard
from ingestor.api.today import Today


def probes(status: StatusBoard, metrics: Callable[[], tuple[bytes, str]]) -> APIRouter:
    """Return the routes that anybody may read."""
    router = APIRouter()

    @router.get("/health", response_model=Probe, responses={503: {"model": Probe}})
    @router.head("/health", response_model=None, responses={503: {}})
    async def probe() -> Response:
        problems, warnings = status.problems, status.warnings
        told = Probe(
            status="unhealthy" if problems else "healthy",
            problems={part: problem.detail for part, problem in problems.items()},
            warnings={part: problem.detail for part, problem in warnings.items()},
            codes={part: problem.code for part, problem in (problems | warnings).items()},
        )
        return JSONResponse(told.model_dump(), status_code=503 if problems else 200)

    @router.get("/metrics", responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
    async def scrape() -> Response:
        content, content_type = metrics()
        return Response(content, headers={"content-type": content_type})

    return router


def routes(status: StatusBoard, enriching: Callable[[], bool], today: Today) -> APIRouter:
    """Return the routes, to be put under `/api`."""
    router = APIRouter()

    @router.get("/health")
    async def health() -> SystemHealth:
        return views.health(status, enriching=enriching())

    @router.get("/stats")
    async def stats() -> DayStats:
        return DayStats(**dict(views.stats(status)), stored_today=await today.stored(status.clock()))

    return router
