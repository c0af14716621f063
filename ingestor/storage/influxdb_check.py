"""What is tried at an InfluxDB without a run: whether it is one, and whether a point that is written can be read back.

That point is no event and no mark: it has a measurement of its own, in which the checks of the same hour are one point.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from ingestor.model.errors import CredentialsRefused, IngestorError
from ingestor.storage.bucket_retention import foreign
from ingestor.storage.influxdb_server import InfluxDBServer
from ingestor.storage.store import Finding, Retention
from metrics.codes import ErrorCode

CHECKS = "ingestor_check"
_HOUR_NS = 3600 * 10**9

Select = Callable[[str], Awaitable[list[dict[str, Any]]]]
"""Returns the rows of a question in InfluxQL."""


async def findings(server: InfluxDBServer, select: Select, days: int) -> list[Finding]:
    """Return what was found of the server, and of the bucket, which should keep points for so many days."""
    try:
        version = await server.version()
    except IngestorError as error:
        return [Finding(works=False, detail=str(error), hint=error.hint)]
    detail = f"InfluxDB {version} at {server.url}" if version else f"{server.url} answers"
    return [Finding(detail=detail), await _bucket(server, select, days)]


async def _bucket(server: InfluxDBServer, select: Select, days: int) -> Finding:
    subject = "bucket"
    try:
        if not await _is_there(server):
            detail = f"{server.bucket} does not exist yet; a run makes it if INFLUXDB_TOKEN may"
            return Finding(subject=subject, detail=detail)
        await _write_and_read(server, select)
        kept, hint = await _retention(server, days)
    except IngestorError as error:
        return Finding(subject=subject, works=False, detail=str(error), hint=error.hint)
    return Finding(
        subject=subject, detail=f"{server.bucket} in {server.org}; a point was written and read back{kept}", hint=hint
    )


async def _is_there(server: InfluxDBServer) -> bool:
    """Return whether the bucket takes points. Raises, unless it is only missing and this token may see why."""
    try:
        await server.try_to_write()
    except CredentialsRefused as refusal:
        if refusal.code == ErrorCode.HTTP_404 and await server.organisation_id():
            return False
        raise
    return True


async def _retention(server: InfluxDBServer, days: int) -> tuple[str, str]:
    """Return what the bucket keeps, or will with the next run, and a warning where RETENTION_DAYS does not rule it."""
    bucket = await server.find_bucket()
    if bucket is None:
        return "", ""
    wanted = Retention.of_days(days)
    differs = bucket.retention.seconds != wanted.seconds
    if differs and bucket.retention.is_ours:
        return f"; it keeps {bucket.retention}, and {wanted} with the next run", ""
    hint = f"RETENTION_DAYS={days} is not applied: {foreign(server.bucket, bucket)}"
    return f"; it keeps {bucket.retention}", hint if differs else ""


async def _write_and_read(server: InfluxDBServer, select: Select) -> None:
    written = time.time_ns()
    at_ns = written // _HOUR_NS * _HOUR_NS
    await server.try_to_write(f"{CHECKS} written={written}i {at_ns}")
    try:
        rows = await select(f'SELECT written::integer FROM "{CHECKS}" WHERE time >= {at_ns} AND time < {at_ns + 1}')
    except CredentialsRefused as refusal:
        if refusal.code != ErrorCode.HTTP_404:
            raise
        said = f"INFLUXDB_TOKEN may write to the bucket {server.bucket}, but not read it: it has to do both"
        raise CredentialsRefused(said, code=refusal.code) from None
    if not any(row["written"] >= written for row in rows):
        raise server.another("no InfluxDB 2: it took a point, and does not have it")
