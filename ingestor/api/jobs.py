"""The routes of the jobs: begin one, see how far they are, and cancel one.

`/api/audit` and `/api/backfill` are what users ask for; `/api/jobs` has everything that is compared, whoever began it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ingestor.history.jobs import Jobs
from ingestor.history.work import OUT_OF_REACH, UNFINISHED, Job, JobState, is_within_reach
from ingestor.model import instants
from ingestor.model.errors import IngestorError
from metrics.codes import JobKind

MAXIMUM_JOBS = 1000
_From = Annotated[datetime, Field(serialization_alias="from", validation_alias="from")]


class Span(BaseModel):
    """From when to when, without an end until now; of which home, when there are several."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    from_: Annotated[AwareDatetime, Field(alias="from")]
    to: AwareDatetime | None = None
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

    `accounted` are not there either: they stand in the quarantine, or their entity was renamed or left out.
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

    @router.post("", response_model=shape)
    async def begin(wanted: Span) -> Comparing:
        return shape.model_validate(_shown(await _ask(jobs, kind, wanted, homes)))

    return router


def routes(jobs: Jobs) -> APIRouter:
    """Return the routes, to be put under `/api/jobs`."""
    router = APIRouter()

    @router.get("")
    async def read(limit: Annotated[int, Query(ge=1, le=MAXIMUM_JOBS)] = 100) -> list[AnyJob]:
        return [shown(job) for job in await jobs.read(limit=limit)]

    @router.get("/{number}")
    async def read_one(number: Annotated[int, Path(ge=1, lt=2**63)]) -> AnyJob:
        job = await jobs.find(number)
        if job is None:
            raise HTTPException(404, f"there is no job {number}")
        return shown(job)

    @router.delete("/{number}")
    async def cancel(number: Annotated[int, Path(ge=1, lt=2**63)]) -> AnyJob:
        job = await jobs.cancel(number)
        if job is None:
            raise HTTPException(404, f"there is no job {number}")
        if job.state is not JobState.CANCELLED:
            raise HTTPException(409, f"job {number} has ended before: {job.state}")
        return shown(job)

    return router


def shown(job: Job) -> AnyJob:
    """Return a job as the API shows it."""
    told = {name: getattr(job, name) for name in ("kind", "cause", "state")}
    return AnyJob.model_validate(_shown(job) | told)


def bounds(wanted: Span) -> tuple[int, int | None]:
    """Return a span in Unix microseconds. Raises `ValueError` for one that is empty, or that no database can hold."""
    from_us = instants.microseconds(wanted.from_)
    to_us = None if wanted.to is None else instants.microseconds(wanted.to)
    for name, at_us in (("from", from_us), ("to", to_us)):
        if at_us is not None and not is_within_reach(at_us):
            raise ValueError(f"{name}: {OUT_OF_REACH}")
    if from_us >= (instants.now_us() if to_us is None else to_us):
        raise ValueError("the span of time is empty: it begins after its end")
    return from_us, to_us


async def _ask(jobs: Jobs, kind: JobKind, wanted: Span, homes: Sequence[str]) -> Job:
    """Begin what is wanted. Raises what answers 400 for a span or a home that cannot be, 409 and 503."""
    try:
        from_us, to_us = bounds(wanted)
    except ValueError as mistake:
        raise HTTPException(400, str(mistake)) from None
    home = homes[0] if wanted.home is None and len(homes) == 1 else wanted.home
    if home is None or home not in homes:
        raise HTTPException(400, f"home: must be one of {', '.join(homes)}")
    try:
        job = await jobs.ask(home, kind, from_us, to_us, instants.now_us())
    except IngestorError as error:
        raise HTTPException(503, str(error)) from None
    if job is None:
        raise HTTPException(409, f"another {kind} of this home is under way")
    return job


def _shown(job: Job) -> dict[str, object]:
    """Return every figure by its name."""
    names = ("id", "home", "code", "compared", "imported", "accounted", "statistics")
    figures: dict[str, object] = {name: getattr(job, name) for name in names}
    figures |= {"from": instants.moment(job.from_us), "to": instants.moment(job.to_us)}
    state = JobState.RUNNING if job.state in UNFINISHED else job.state
    return figures | {"state": state, "detail": job.reason, "refilled": job.imported, "share": round(job.share, 4)}
