"""The routes of the audit: begin one, and see how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ingestor.api.spans import Span, bounds, home_of
from ingestor.history.asked import AskedAudit, AskedAudits
from ingestor.model import instants
from ingestor.model.errors import UsageError
from metrics.codes import ErrorCode


class AuditJob(BaseModel):
    """An audit: `share` of it is done. `compared` were found in the recorder.

    `refilled` were not in the store, `accounted` stand in the quarantine instead.
    """

    id: int
    home: str
    from_: Annotated[datetime, Field(serialization_alias="from", validation_alias="from")]
    to: datetime
    share: float
    state: Literal["running", "done", "failed"]
    detail: str
    compared: int
    refilled: int
    accounted: int


def routes(audits: AskedAudits, homes: Sequence[str]) -> APIRouter:
    """Return the routes, to be put under `/api/audit`, of these homes."""
    router = APIRouter()

    @router.get("")
    async def read() -> list[AuditJob]:
        return [shown(one) for one in audits.read()]

    @router.post("")
    async def begin(wanted: Span) -> AuditJob:
        from_us, to_us = bounds(wanted)
        asked = audits.ask(home_of(wanted, homes), from_us, to_us, instants.now_us())
        if asked is None:
            raise UsageError("another audit of this home is under way", code=ErrorCode.CONFLICT)
        return shown(asked)

    return router


def shown(audit: AskedAudit) -> AuditJob:
    """Return an audit as the API shows it."""
    told = {name: getattr(audit, name) for name in ("id", "home", "state", "detail")}
    found = {name: getattr(audit.found, name) for name in ("compared", "refilled", "accounted")}
    times = {"from": instants.moment(audit.from_us), "to": instants.moment(audit.to_us)}
    return AuditJob.model_validate(told | found | times | {"share": round(audit.share, 4)})
