"""The routes of the backfill: begin one, and see how far they are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ingestor.api.spans import Span, bounds, home_of
from ingestor.history.jobs import Job, Jobs
from ingestor.model import instants
from ingestor.model.errors import UsageError
from metrics.codes import ErrorCode


class BackfillJob(BaseModel):
    """A backfill: `share` of it is done. `compared` were found in the recorder, `imported` were not in the store yet.

    `statistics` are hours of long-term statistics that were imported.
    """

    id: int
    home: str
    from_: Annotated[datetime, Field(serialization_alias="from", validation_alias="from")]
    to: datetime
    share: float
    state: Literal["running", "done", "failed"]
    detail: str
    compared: int
    imported: int
    statistics: int


def routes(jobs: Jobs, homes: Sequence[str]) -> APIRouter:
    """Return the routes, to be put under `/api/backfill`, of these homes."""
    router = APIRouter()

    @router.get("")
    async def read() -> list[BackfillJob]:
        return [shown(job) for job in await jobs.read()]

    @router.post("")
    async def begin(wanted: Span) -> BackfillJob:
        from_us, to_us = bounds(wanted)
        home, now_us = home_of(wanted, homes), instants.now_us()
        job = await jobs.ask(home, from_us, to_us, now_us)
        if job is None:
            raise UsageError("another backfill of this home is under way", code=ErrorCode.CONFLICT)
        return shown(job)

    return router


def shown(job: Job) -> BackfillJob:
    """Return a backfill as the API shows it."""
    told = {
        name: getattr(job, name) for name in ("id", "home", "state", "detail", "compared", "imported", "statistics")
    }
    times = {"from": instants.moment(job.from_us), "to": instants.moment(job.to_us)}
    return BackfillJob.model_validate(told | times | {"share": round(job.share, 4)})
