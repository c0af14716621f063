"""The REST application: the routers that it is given, behind its doors; it holds no state of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, FastAPI, Response, Security
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPBearer

from ingestor.api import reading
from ingestor.api.doors import Doors
from ingestor.api.errors import add_handlers, failures
from ingestor.config import Settings

GUARDED = [Security(HTTPBearer(auto_error=False, description="API_TOKEN, where one is set"))]
"""Says in the OpenAPI what the doors have asked for already."""
OPEN_ANSWERS = failures(400, 403)
GUARDED_ANSWERS = failures(400, 401, 403, 408, 413, 503)


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


def application(settings: Settings, probes: APIRouter, guarded: Mapping[str, APIRouter]) -> Doors:
    """Return the application: `probes` are for anybody, the others, by their prefixes, for who has the token."""
    app = Application(title="ha-ingestor", docs_url=None, redoc_url=None, redirect_slashes=False)
    add_handlers(app)
    app.include_router(probes, responses=OPEN_ANSWERS)
    for prefix, router in guarded.items():
        app.include_router(router, prefix=prefix, dependencies=GUARDED, responses=GUARDED_ANSWERS)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(reading.page(app.openapi()), headers={"content-security-policy": reading.POLICY})

    return Doors(app, settings)
