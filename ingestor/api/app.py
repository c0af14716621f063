"""The REST application: routes over what the tree hands in; it holds no state of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Query, Response, Security
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.security import HTTPBearer

from ingestor.api import jobs, quarantine, reading, views
from ingestor.api.doors import Doors
from ingestor.api.errors import add_handlers, failures
from ingestor.api.models import (
    Configuration,
    ConfigurationChange,
    EventStats,
    Gap,
    HomeAssistantEvent,
    Probe,
    RowId,
    SystemHealth,
)
from ingestor.api.quarantine import QuarantineDesk
from ingestor.api.status import StatusBoard
from ingestor.config import Settings
from ingestor.history.jobs import Jobs
from ingestor.history.ledger import Ledger
from ingestor.model.errors import IngestorError, Unfinished, UsageError
from ingestor.model.records import Event
from ingestor.storage.recent import RecentEvents
from ingestor.storage.settings import SettingsStore
from ingestor.storage.store import Store

MAXIMUM_EVENTS = 1000
MAXIMUM_GAPS = 1000
GUARDED = [Security(HTTPBearer(auto_error=False, description="API_TOKEN, where one is set"))]
"""Says in the OpenAPI what the doors have asked for already."""
OPEN_ANSWERS = failures(400, 403)
GUARDED_ANSWERS = failures(400, 401, 403, 408, 413, 503)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the API reads, and the one thing it changes: the live settings."""

    settings: Settings
    live: SettingsStore
    status: StatusBoard
    recent: RecentEvents
    store: Store
    metrics: Callable[[], tuple[bytes, str]]
    enriching: Callable[[], bool]
    quarantine: QuarantineDesk
    ledger: Ledger
    jobs: Jobs


class Application(FastAPI):
    """Says in its OpenAPI which answers it gives: a wrong parameter is a 400 here."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI without what FastAPI takes for granted: its own refusals, and JSON."""
        if self.openapi_schema is None:
            made = super().openapi()
            for path in made["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
                    done = operation["responses"]["200"].get("content", {})
                    if len(done) > 1:  # what a route says itself, beside JSON
                        done.pop("application/json")
            for name in ("HTTPValidationError", "ValidationError"):
                made["components"]["schemas"].pop(name, None)
        return super().openapi()


def application(ports: Ports) -> Doors:
    """Return the application behind its doors."""
    return Doors(routes(ports), ports.settings)


def routes(ports: Ports) -> FastAPI:
    """Return the application without its doors, which says in its OpenAPI what they ask for."""
    app = Application(title="ha-ingestor", docs_url=None, redoc_url=None, redirect_slashes=False)
    add_handlers(app)
    _add_probes(app, ports)
    _add_reads(app, ports)
    _add_changes(app, ports)
    desk, homes = ports.quarantine, [home.name for home in ports.settings.homes]
    for name, router in (
        ("quarantine", quarantine.routes(desk)),
        ("jobs", jobs.routes(ports.jobs)),
        ("audit", jobs.audits(ports.jobs, homes)),
        ("backfill", jobs.backfills(ports.jobs, homes)),
    ):
        app.include_router(router, prefix=f"/api/{name}", dependencies=GUARDED, responses=GUARDED_ANSWERS)
    return app


def _add_probes(app: FastAPI, ports: Ports) -> None:
    @app.get("/health", response_model=Probe, responses=OPEN_ANSWERS | {503: {"model": Probe}})
    @app.head("/health", response_model=None, responses=OPEN_ANSWERS | {503: {}})
    async def probe() -> Response:
        found = ports.status.problems
        problems = {part: problem.detail for part, problem in found.items()}
        codes = {part: problem.code for part, problem in found.items()}
        told = Probe(status="unhealthy" if problems else "healthy", problems=problems, codes=codes)
        return JSONResponse(told.model_dump(), status_code=503 if problems else 200)

    @app.get("/metrics", responses=OPEN_ANSWERS | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}})
    async def metrics() -> Response:
        content, content_type = ports.metrics()
        return Response(content, headers={"content-type": content_type})

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(reading.page(app.openapi()), headers={"content-security-policy": reading.POLICY})


def _add_reads(app: FastAPI, ports: Ports) -> None:

    @app.get("/api/health", dependencies=GUARDED, responses=GUARDED_ANSWERS)
    async def health() -> SystemHealth:
        return views.health(ports.status, enriching=ports.enriching())

    @app.get("/api/stats", dependencies=GUARDED, responses=GUARDED_ANSWERS)
    async def stats() -> EventStats:
        return views.stats(ports.status)

    @app.get(
        "/api/events/recent", dependencies=GUARDED, responses=GUARDED_ANSWERS, response_model=list[HomeAssistantEvent]
    )
    async def recent(
        limit: Annotated[int, Query(ge=1, le=MAXIMUM_EVENTS)] = 100, entity_id: str | None = None
    ) -> Response:
        found = ports.recent.newest(limit, entity_id)
        if len(found) < limit and entity_id is not None:
            found = await _with_older(ports.store, found, limit, entity_id)
        return Response(views.events(found), media_type="application/json")

    @app.get("/api/gaps", dependencies=GUARDED, responses=GUARDED_ANSWERS, response_model=list[Gap])
    async def gaps(
        limit: Annotated[int, Query(ge=1, le=MAXIMUM_GAPS)] = 100, before: RowId | None = None, home: str | None = None
    ) -> Response:
        found = await ports.ledger.read(limit=limit, before=before, home=home)
        return Response(views.gaps(found), media_type="application/json")

    @app.get("/api/config", dependencies=GUARDED, responses=GUARDED_ANSWERS)
    async def configuration() -> Configuration:
        return views.configuration(ports.settings, ports.live.current)


def _add_changes(app: FastAPI, ports: Ports) -> None:
    @app.put("/api/config", dependencies=GUARDED, responses=GUARDED_ANSWERS)
    async def change(wanted: ConfigurationChange) -> Configuration:
        changes = wanted.model_dump(exclude_unset=True, exclude={"confirm"})
        if any(changes[name] is None for name in changes if name != "weather_location"):
            raise UsageError("retention_days and weather_cache_minutes are numbers")
        if not wanted.confirm and _shortens(ports.live.current.retention_days, changes.get("retention_days")):
            days = changes["retention_days"]
            raise UsageError(f"this deletes every event older than {days} days: repeat it with confirm: true")
        try:
            await ports.live.change(changes)
        except IngestorError as error:
            raise Unfinished("the change could not be kept", error) from None
        if "retention_days" in changes:
            await _apply_retention(ports.store, ports.live.current.retention_days)
        return views.configuration(ports.settings, ports.live.current)


async def _with_older(store: Store, found: list[Event], limit: int, entity_id: str) -> list[Event]:
    """Fill up with what only the store has; a store that is away leaves what memory has."""
    before_ns = found[-1].time_ns if found else None
    try:
        return found + await store.recent(limit=limit - len(found), entity_id=entity_id, before_ns=before_ns)
    except IngestorError:
        return found


async def _apply_retention(store: Store, days: int) -> None:
    try:
        await store.set_retention(days)
    except IngestorError as error:
        raise Unfinished("it is kept, but the database did not take it", error) from None


def _shortens(now_days: int, wanted_days: object) -> bool:
    """Return whether a wish for retention deletes something; 0 days is for ever."""
    return isinstance(wanted_days, int) and wanted_days > 0 and (now_days == 0 or wanted_days < now_days)
