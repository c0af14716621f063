"""The routes of the jobs: begin one, see how far they are, and cancel one.

`/api/audit` and `/api/backfill` are what users ask for; `/api/jobs` has everything that is compared, whoever began it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from ingestor.api.errors import failures
from ingestor.api.models import RowId
from ingestor.history.jobs import Jobs
from ingestor.history.work import UNFINISHED, Job, JobState
from ingestor.model import instants
from ingestor.model.errors import UsageError
from metrics.codes import ErrorCode, JobKind

MAXIMUM_JOBS = 1000
Moment = Annotated[AwareDatetime, AfterValidator(instants.within_reach)]
_From = Annotated[datetime, Field(serialization_alias="from", validation_alias="from")]


class Span(BaseModel):
    """From when to when, without an end until now; of which home, when there are several."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[Moment, Field(alias="from")]
    to: Moment | None = None
    home: str | None = None


class Comparing(BaseModel):
    """What is compared with the recorder: `share` of it is done. `detail` says why it waits or has ended.

    A job that a user asked for is `running` as long as it has not ended.
    """

    id: int
    home: str
    from_: _From
    to: datetime
    share: float
    state: JobState
    code: str
    detail: str
    compared: int


class AuditJob(Comparing):
    """An audit. `compared` were found in the recorder; `refilled` were not in the store.

    `accounted` stand in the quarantine instead.
    """

    refilled: int
    accounted: int


class BackfillJob(Comparing):
    """A backfill. `compared` were found in the recorder, `imported` were not in the store yet.

    `statistics` are hours of long-term statistics that were imported.
    """

    imported: int
    statistics: int


class AnyJob(Comparing):
    """A job, with why it was begun: empty where a user asked for it. Its state tells those apart that wait."""

    kind: JobKind
    cause: str
    imported: int
    accounted: int
    statistics: int


def audits(jobs: Jobs, homes: Sequence[str]) -> APIRouter:
    """Return the routes, to be put under `/api/audit`, of these homes."""
    return _asked_for(jobs, homes, JobKind.AUDIT, AuditJob)


def backfills(jobs: Jobs, homes: Sequence[str]) -> APIRouter:
    """Return the routes, to be put under `/api/backfill`, of these homes."""
    return _asked_for(jobs, homes, JobKind.BACKFILL, BackfillJob)


def _asked_for(jobs: Jobs, homes: Sequence[str], kind: JobKind, shape: type[Comparing]) -> APIRouter:
    router = APIRouter()

    @router.get("", response_model=list[shape])  # type: ignore[valid-type]  # each kind has its own
    async def read() -> list[Comparing]:
        return [shape.model_validate(_shown(job)) for job in await jobs.read(kind=kind, of_user=True)]

    @router.post("", response_model=shape, responses=failures(409))
    async def begin(wanted: Span) -> Comparing:
        return shape.model_validate(_shown(await _ask(jobs, kind, wanted, homes)))

    return router


def routes(jobs: Jobs) -> APIRouter:
    """Return the routes, to be put under `/api/jobs`."""
    router = APIRouter()

    @router.get("")
    async def read(limit: Annotated[int, Query(ge=1, le=MAXIMUM_JOBS)] = 100) -> list[AnyJob]:
        return [shown(job) for job in await jobs.read(limit=limit)]

    @router.get("/{number}", responses=failures(404))
    async def read_one(number: RowId) -> AnyJob:
        job = await jobs.find(number)
        if job is None:
            raise UsageError(f"there is no job {number}", code=ErrorCode.NOT_FOUND)
        return shown(job)

    @router.delete("/{number}", responses=failures(404, 409))
    async def cancel(number: RowId) -> AnyJob:
        job = await jobs.cancel(number)
        if job is None:
            raise UsageError(f"there is no job {number}", code=ErrorCode.NOT_FOUND)
        if job.state is not JobState.CANCELLED:
            raise UsageError(f"job {number} has ended before: {job.state}", code=ErrorCode.CONFLICT)
        return shown(job)

    return router


def shown(job: Job) -> AnyJob:
    """Return a job as the API shows it."""
    told = {name: getattr(job, name) for name in ("kind", "cause", "state")}
    return AnyJob.model_validate(_shown(job) | told)


def bounds(wanted: Span) -> tuple[int, int | None]:
    """Return a span in Unix microseconds. Raises `UsageError` for one that is empty."""
    from_us = instants.microseconds(wanted.from_)
    to_us = None if wanted.to is None else instants.microseconds(wanted.to)
    if from_us >= (instants.now_us() if to_us is None else to_us):
        raise UsageError("the span of time is empty: it begins after its end")
    return from_us, to_us


async def _ask(jobs: Jobs, kind: JobKind, wanted: Span, homes: Sequence[str]) -> Job:
    """Begin what is wanted. Raises `UsageError` for a span or a home that cannot be, or while another is under way."""
    from_us, to_us = bounds(wanted)
    home = homes[0] if wanted.home is None and len(homes) == 1 else wanted.home
    if home is None or home not in homes:
        raise UsageError(f"home: must be one of {', '.join(homes)}")
    job = await jobs.ask(home, kind, from_us, to_us, instants.now_us())
    if job is None:
        raise UsageError(f"another {kind} of this home is under way", code=ErrorCode.PENDING)
    return job


def _shown(job: Job) -> dict[str, object]:
    """Return every figure by its name."""
    names = ("id", "home", "code", "compared", "imported", "accounted", "statistics")
    figures: dict[str, object] = {name: getattr(job, name) for name in names}
    figures |= {"from": instants.moment(job.from_us), "to": instants.moment(job.to_us)}
    state = JobState.RUNNING if job.state in UNFINISHED else job.state
    return figures | {"state": state, "detail": job.reason, "refilled": job.imported, "share": round(job.share, 4)}
