"""InfluxDB 2.7 as the store, through influxdb-client; what its answers mean was measured on 2.7.12.

| answer | meaning |
|---|---|
| 204 | all written |
| 400, 413 | refused as a whole |
| 422 | points that conflict or are too old were left out, the others written |
| 401, 403, 404 | this token may not, or there is no such bucket: keep everything, tell the user |
| 429, 5xx, no answer | away: keep everything, try again |
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar, cast

import httpx
import msgspec
import trio
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from msgspec import Struct
from pydantic import SecretStr
from urllib3.exceptions import HTTPError

from ingestor.model import fields
from ingestor.model.errors import CredentialsRefused, IngestorError, Rejected, Unavailable
from ingestor.model.http import no_answer
from ingestor.model.records import Event, Point, Watermark
from ingestor.storage.lines import EVENTS, MARKS, STATISTICS, LineEncoder
from ingestor.storage.store import Finding
from metrics.codes import ErrorCode

TIMEOUT_SECONDS = 10.0
WRITE_TIMEOUT_SECONDS = 30.0  # a server under load may take long; a shorter wait would only add to its load
ROWS_IN_A_PART = 5000
DAY_SECONDS = 86_400
OURS = "made by ha-ingestor"  # the description that tells our bucket, whose retention we may change
RANGES_SECONDS = (3600, DAY_SECONDS, 30 * DAY_SECONDS, None)  # widening: a search in everything is slow
_ACCOUNT_STATUS = {401, 403, 404}
TOO_LARGE = 413
_BAD_STATUS = {400, TOO_LARGE, 422}

_EXPIRED = re.compile(r"partial write: dropped (\d+) points outside retention policy")
_CONFLICT = re.compile(
    r'input field \\?"(.+?)\\?" on measurement \\?"(.+?)\\?" is type (\w+), already exists as type (\w+)'
)
_CONFLICT_SENTENCE = (
    'the field "{0}" of "{1}" holds a {3} in this bucket already, so a {2} is refused: does another program write it?'
)

T = TypeVar("T")


class _Series(Struct):
    columns: list[str]
    values: list[list[Any]]
    tags: dict[str, str] = {}


class _Result(Struct):
    series: list[_Series] = []
    error: str = ""


class _Part(Struct):
    """A part of an answer to InfluxQL, a line of its own."""

    results: list[_Result]


_part = msgspec.json.Decoder(_Part)


class InfluxDBStore:
    """Writes lines into one bucket, from one thread at a time. The token never appears in an error."""

    name = "influxdb"
    is_journal = False

    def __init__(self, *, url: str, token: SecretStr, org: str, bucket: str, retention_days: int) -> None:
        self._url = url
        self._org = org
        self._bucket = bucket
        self._retention_days = retention_days
        self._client = InfluxDBClient(
            url=url, token=token.get_secret_value(), org=org, timeout=int(WRITE_TIMEOUT_SECONDS * 1000), retries=False
        )
        self._write_api = self._client.write_api(write_options=SYNCHRONOUS)
        self._headers = {"Authorization": f"Token {token.get_secret_value()}"}
        self._limiter = trio.CapacityLimiter(1)
        self._encoder = LineEncoder()

    async def prepare(self) -> None:
        """Make the bucket with its retention when it is missing; a token that may not is no failure until a write."""
        await self._in_thread(self._make_bucket)

    async def write(self, points: Sequence[Point]) -> int:
        """Write all points in one request."""
        try:
            await self._in_thread(partial(self._write, points))
        except Rejected as refusal:
            if found := _EXPIRED.search(str(refusal)):
                return int(found[1])  # said only when nothing else was wrong
            raise
        return 0

    async def recent(self, *, limit: int, entity_id: str | None = None, before_ns: int | None = None) -> list[Event]:
        """Return the newest events first, by InfluxQL, which is faster than Flux over many series."""
        rows: list[dict[str, Any]] = []
        for seconds in RANGES_SECONDS:
            rows = await self._select(_query(limit, entity_id, before_ns, seconds))
            if len(rows) >= limit:
                break
        return [fields.event(row) for row in rows]

    async def keys(self, home: str, from_ns: int, to_ns: int, *, statistics: bool = False) -> dict[str, set[int]]:
        """Return the times of all events, or statistics, of a home within [from, to), by entity."""
        where = f"home = '{home}' AND time >= {from_ns} AND time < {to_ns}"  # a home's name holds no quotes
        found: dict[str, set[int]] = {}
        asked = 'mean, "min", "max", sum, state' if statistics else "state, removed"  # every point has one of them
        source = STATISTICS if statistics else EVENTS

        def take(row: Mapping[str, Any]) -> None:
            found.setdefault(row["entity_id"], set()).add(row["time"])

        await self._select_each(f'SELECT {asked}, entity_id FROM "{source}" WHERE {where}', take)
        return found

    async def newest(self, home: str) -> list[Watermark]:
        """Return the newest event of every entity."""
        query = f"SELECT * FROM \"{EVENTS}\" WHERE home = '{home}' GROUP BY entity_id ORDER BY time DESC LIMIT 1"
        events = map(fields.event, await self._select(query))
        return [Watermark(at_ns=one.time_ns, removed=one.removed, series=one.series) for one in events]

    async def oldest_ns(self, home: str) -> int | None:
        """Return the time of the oldest event that did not come with a snapshot."""
        query = f"SELECT persons_home FROM \"{EVENTS}\" WHERE home = '{home}' ORDER BY time LIMIT 1"
        found = await self._select(query)
        return found[0]["time"] if found else None

    async def mark(self, home: str) -> int:
        """Return the highest mark: times do not tell which one is, a clock may have stepped."""
        found = await self._select(f"SELECT max(batch) AS batch FROM \"{MARKS}\" WHERE home = '{home}'")
        return int(found[0]["batch"]) if found else 0

    async def set_retention(self, days: int) -> None:
        """Set the bucket's retention, if the bucket was made by us."""
        self._retention_days = days
        await self._in_thread(self._apply_retention)

    async def check(self) -> list[Finding]:
        """Ask for the server's health and for the bucket."""
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
                health = await client.get(f"{self._url}/health")
            version = health.json().get("version", "")
        except httpx.HTTPError as error:
            away = no_answer(f"InfluxDB at {self._url}", error)
            return [Finding(subject="database", works=False, detail=str(away), hint=away.hint)]
        except (ValueError, AttributeError) as error:
            hint = "is INFLUXDB_URL right, and does InfluxDB run there?"
            return [Finding(subject="database", works=False, detail=f"{self._url}: {_short(error)}", hint=hint)]
        return [
            Finding(subject="database", works=True, detail=f"InfluxDB {version} at {self._url}"),
            await self._check_bucket(),
        ]

    async def aclose(self) -> None:
        """Close the client's connections."""
        self._write_api.close()
        self._client.close()

    async def _check_bucket(self) -> Finding:
        subject = "bucket"
        try:
            found = await self._in_thread(self._find_bucket)
        except IngestorError as error:
            return Finding(subject=subject, works=False, detail=str(error), hint=error.hint)
        if found is None:
            detail = (
                f"{self._bucket} does not exist yet, or this token may not see it; it is made at the start if allowed"
            )
            return Finding(subject=subject, works=True, detail=detail)
        return Finding(subject=subject, works=True, detail=f"{self._bucket} in {self._org}")

    async def _select(self, query: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        await self._select_each(query, rows.append)
        return rows

    async def _select_each(self, query: str, take: Callable[[dict[str, Any]], object]) -> None:
        """Take row by row: all at once a million would need a gigabyte, and stop everything else for seconds."""
        parameters = {"db": self._bucket, "q": query, "epoch": "ns", "chunked": "true"}
        parameters["chunk_size"] = str(ROWS_IN_A_PART)
        try:
            async with (
                httpx.AsyncClient(timeout=TIMEOUT_SECONDS, headers=self._headers) as client,
                client.stream("GET", f"{self._url}/query", params=parameters) as answer,
            ):
                if answer.is_error:
                    await answer.aread()
                    raise self._no_answer(answer)
                async with aclosing(cast("AsyncGenerator[str]", answer.aiter_lines())) as lines:
                    async for line in lines:  # a part each
                        for row in _rows(line):
                            take(row)
        except msgspec.MsgspecError as error:
            raise self._stranger(str(error)) from None
        except httpx.HTTPError as error:
            raise no_answer(f"InfluxDB at {self._url}", error) from None

    def _silent(self, error: HTTPError) -> Unavailable:
        return Unavailable(f"no answer from InfluxDB at {self._url}: {_short(error)}", code=ErrorCode.NO_ANSWER)

    def _stranger(self, why: str) -> Unavailable:
        return Unavailable(f"what answers at {self._url} is no InfluxDB: {why}", code=ErrorCode.SERVER_ERROR)

    def _no_answer(self, answer: httpx.Response) -> IngestorError:
        if answer.status_code in _ACCOUNT_STATUS:
            return self._refused(answer.status_code, answer.text)
        return Unavailable(f"InfluxDB answered {answer.status_code}: {answer.text[:200]}", code=ErrorCode.SERVER_ERROR)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        def mapped() -> T:
            try:
                return work()
            except ApiException as error:
                raise self._meaning(error) from None
            except HTTPError as error:
                raise self._silent(error) from None

        return await trio.to_thread.run_sync(mapped, abandon_on_cancel=True, limiter=self._limiter)

    def _write(self, points: Sequence[Point]) -> None:
        lines = self._encoder.encode(points)
        if lines:
            self._write_api.write(bucket=self._bucket, org=self._org, record=lines)
            if self._client.api_client.last_response.status != HTTPStatus.NO_CONTENT:  # which InfluxDB alone says
                raise self._stranger("it took points like a web page")

    def _find_bucket(self) -> Any:  # noqa: ANN401  the library's type is not exported
        """Return the bucket; a token that may not see it gets an empty list, one that may see all gets 404."""
        api: Any = self._client.buckets_api()
        try:
            found = api.find_buckets(name=self._bucket, org=self._org).buckets
        except ApiException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        if not isinstance(found, list):
            raise self._stranger("it does not tell of buckets")
        return found[0] if found else None

    def _make_bucket(self) -> None:
        if self._find_bucket() is not None:  # only a token that nobody knows may not even ask
            return
        try:
            self._client.buckets_api().create_bucket(
                bucket_name=self._bucket, org=self._org, description=OURS, retention_rules=self._rules()
            )
        except ApiException as error:
            if error.status not in _ACCOUNT_STATUS | {422}:  # 422: it was made in the meantime
                raise

    def _apply_retention(self) -> None:
        bucket = self._find_bucket()
        if bucket is not None and bucket.description == OURS:
            bucket.retention_rules = self._rules()
            self._client.buckets_api().update_bucket(bucket=bucket)

    def _rules(self) -> list[dict[str, Any]]:
        return [{"type": "expire", "everySeconds": self._retention_days * DAY_SECONDS}]  # 0 is for ever

    def _meaning(self, error: ApiException) -> IngestorError:
        said = str(error.body or error.reason or "")[:1000]
        if error.status in _ACCOUNT_STATUS:
            return self._refused(error.status, said)
        if error.status in _BAD_STATUS and (error.status == TOO_LARGE or '"code"' in said):  # InfluxDB's own words
            if conflict := _CONFLICT.search(said):
                return Rejected(_CONFLICT_SENTENCE.format(*conflict.groups()), code=ErrorCode.FIELD_CONFLICT)
            return Rejected(f"InfluxDB refused the points ({error.status}): {said}")
        wished = str(dict(error.headers or {}).get("Retry-After", ""))
        return Unavailable(
            f"InfluxDB answered {error.status}: {said[:200]}",
            code=ErrorCode.SERVER_ERROR if error.status == HTTPStatus.INTERNAL_SERVER_ERROR else ErrorCode.OVERLOADED,
            retry_after_seconds=float(wished) if wished.isdecimal() else None,
        )

    def _refused(self, status: int, said: str) -> CredentialsRefused:
        meanings = {
            401: (ErrorCode.HTTP_401, "InfluxDB does not know INFLUXDB_TOKEN"),
            403: (ErrorCode.HTTP_403, f"INFLUXDB_TOKEN may not write to the bucket {self._bucket}"),
            404: (
                ErrorCode.HTTP_404,
                f"there is no bucket {self._bucket} in {self._org} for INFLUXDB_TOKEN, and it may not make one",
            ),
        }
        code, sentence = meanings[status]
        return CredentialsRefused(f"{sentence} ({said[:200].strip()})", code=code)


def _query(limit: int, entity_id: str | None, before_ns: int | None, seconds: int | None) -> str:
    conditions = []
    if entity_id is not None:
        quoted = entity_id.replace("\\", "\\\\").replace("'", "\\'")
        conditions.append(f"entity_id = '{quoted}'")
    if before_ns is not None:
        conditions.append(f"time < {before_ns}")
    if seconds is not None:
        conditions.append(f"time > {'now()' if before_ns is None else before_ns} - {seconds}s")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f'SELECT * FROM "{EVENTS}"{where} ORDER BY time DESC LIMIT {limit}'


def _rows(line: str) -> Iterator[dict[str, Any]]:
    """Yield the rows of one part of an answer to InfluxQL. Raises `Unavailable` where it tells of an error instead."""
    for result in _part.decode(line).results:
        if result.error:
            raise Unavailable(f"InfluxDB answered: {result.error[:200]}", code=ErrorCode.SERVER_ERROR)
        for series in result.series:
            for values in series.values:
                yield series.tags | dict(zip(series.columns, values, strict=True))


def _short(error: Exception) -> str:
    return str(error)[:200] or type(error).__name__
