"""InfluxDB 2.7 as the store: points through influxdb-client, questions in InfluxQL; `influxdb_server` asks them.

Another program may write into our measurements. What it wrote with other types is not even seen, for each field is
asked for with its type; a row that lacks a tag which each of ours has is skipped, and counted (`model/fields.py`). Tags
are asked for as such, too: a field of the name of a tag, were there one row with it, would stand for the tag in all.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar, cast

import msgspec
import trio
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from msgspec import Struct
from pydantic import SecretStr
from urllib3.exceptions import HTTPError

from ingestor.model import fields, instants
from ingestor.model.errors import CredentialsRefused, IngestorError, Rejected, Unavailable
from ingestor.model.records import Event, Point, Watermark
from ingestor.model.unreadable import UNREADABLE
from ingestor.storage.bucket_retention import BucketRetention
from ingestor.storage.influxdb_check import findings
from ingestor.storage.influxdb_rename import Renaming
from ingestor.storage.influxdb_server import QUOTED_CHARACTERS, InfluxDBServer
from ingestor.storage.lines import EVENTS, MARKS, STATISTICS, LineEncoder
from ingestor.storage.store import DAY_SECONDS, Finding, Renamed, Retention
from metrics import facts
from metrics.codes import ErrorCode

WRITE_TIMEOUT_SECONDS = 30.0  # a server under load may take long; a shorter wait would only add to its load
ROWS_IN_A_PART = 5000
MOST_BATCHES = 2**53  # a number beyond it is none of ours: ten batches a second reach it in 28 million years
RANGES_SECONDS = (3600, DAY_SECONDS, 30 * DAY_SECONDS, None)  # widening: a search in everything is slow

_EXPIRED = re.compile(r"partial write: dropped (\d+) points outside retention policy")
_UNREADABLE = "database not found"  # which InfluxQL says with 200, of a bucket that the token may not read, too
_TAGS = ", ".join(f'"{tag.name}"::tag' for tag in fields.TAGS)
_EVENT = ", ".join([_TAGS, *(f'"{field.name}"::{field.type}' for field in fields.FIELDS)])
_IS_OURS = " AND ".join(f"\"{name}\"::tag != ''" for name in fields.IDENTIFYING)  # what lacks one hides none of ours
_SENSIBLE = f"time >= 0 AND time < {instants.LAST_US // 2 * 1000}"  # since 1970, and with room to calculate with
_ENTITY = "state::string, removed::boolean"  # every event has one of them
_HOUR = ", ".join(f'"{name}"::float' for name in ("mean", "min", "max", "sum", "state"))

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

    def __init__(
        self,
        *,
        url: str,
        token: SecretStr,
        org: str,
        bucket: str,
        retention_days: int,
        ca_file: Path | None = None,
        report: facts.Report = lambda _fact: None,
    ) -> None:
        self._server = InfluxDBServer(url=url, token=token, org=org, bucket=bucket, ca_file=ca_file)
        self._retention = BucketRetention(self._server, retention_days, report)
        self._report = report
        self._client = InfluxDBClient(
            url=url,
            token=token.get_secret_value(),
            org=org,
            timeout=int(WRITE_TIMEOUT_SECONDS * 1000),
            retries=False,
            ssl_ca_cert=str(ca_file) if ca_file else None,
        )
        self._write_api = self._client.write_api(write_options=SYNCHRONOUS)
        self._limiter = trio.CapacityLimiter(1)
        self._encoder = LineEncoder()
        self._renaming = Renaming(self._server, self._select_each, lambda lines: self._send(lambda: lines))

    @property
    def retention(self) -> Retention:
        """What the bucket keeps."""
        return self._retention.real

    async def prepare(self) -> None:
        """Find out whether points would be taken; make the bucket when it is missing, else see to its retention."""
        await self._server.version()
        try:
            await self._server.try_to_write()
        except CredentialsRefused as refusal:
            if refusal.code != ErrorCode.HTTP_404 or not await self._server.make_bucket(self._retention.days):
                raise
        await self._retention.apply()

    async def write(self, points: Sequence[Point]) -> int:
        """Write all points in one request."""
        if expired := await self._send(lambda: self._encoder.encode(points)):
            return expired
        if self._encoder.omitted:
            self._report(facts.AttributesOmitted(store=self.name, events=self._encoder.omitted))
        return 0

    async def recent(self, *, limit: int, entity_id: str | None = None, before_ns: int | None = None) -> list[Event]:
        """Return the newest events first, by InfluxQL, which is faster than Flux over many series."""
        rows: list[dict[str, Any]] = []
        for seconds in RANGES_SECONDS:
            rows = await self._select(_query(limit, entity_id, before_ns, seconds))
            if len(rows) >= limit:
                break
        return self._ours(rows, fields.event)

    async def count_since(self, home: str, from_ns: int) -> int:
        """Return how many events of a home there are since then."""
        asked = "count(state::string) AS changes, count(removed::boolean) AS removals"  # every event has one of them
        where = f"home::tag = '{home}' AND time >= {from_ns} AND {_IS_OURS}"
        found = await self._select(f'SELECT {asked} FROM "{EVENTS}" WHERE {where}')
        names = [name for name in ("changes", "removals") if found and found[0].get(name, 0) is not None]  # null is 0
        return sum(self._whole(found[0], name) for name in names)

    async def keys(self, home: str, from_ns: int, to_ns: int, *, statistics: bool = False) -> dict[str, set[int]]:
        """Return the times of all events, or statistics, of a home within [from, to), by entity."""
        where = f"home::tag = '{home}' AND time >= {from_ns} AND time < {to_ns}"  # a home's name holds no quotes
        found: dict[str, set[int]] = {}
        asked, kind, source = (_HOUR, "source", STATISTICS) if statistics else (_ENTITY, "domain", EVENTS)
        foreign = 0

        def take(row: Mapping[str, Any]) -> None:
            nonlocal foreign
            if fields.is_key(self._whole(row, "time"), row.get("entity_id"), row.get(kind)):
                found.setdefault(row["entity_id"], set()).add(row["time"])
            else:
                foreign += 1

        await self._select_each(f'SELECT {asked}, entity_id::tag, "{kind}"::tag FROM "{source}" WHERE {where}', take)
        self._skipped(foreign)
        return found

    async def newest(self, home: str) -> list[Watermark]:
        """Return the newest event of every entity."""
        asked = f"SELECT {_ENTITY}, {_TAGS} FROM \"{EVENTS}\" WHERE home::tag = '{home}' AND {_SENSIBLE}"
        rows = await self._select(f'{asked} GROUP BY entity_id, "domain" ORDER BY time DESC LIMIT 1')
        named = [row for row in rows if fields.is_entity(row.get("entity_id"), row.get("domain"))]
        self._skipped(len(rows) - len(named))  # the recorder refuses a question about any of these
        return self._ours(named, _watermark)

    async def oldest_ns(self, home: str) -> int | None:
        """Return the time of the oldest event that did not come with a snapshot."""
        where = f"home::tag = '{home}' AND {_IS_OURS} AND {_SENSIBLE} ORDER BY time LIMIT 1"
        found = await self._select(f'SELECT persons_home::integer FROM "{EVENTS}" WHERE {where}')
        return self._whole(found[0], "time") if found else None

    async def mark(self, home: str) -> int:
        """Return the highest mark: times do not tell which one is, a clock may have stepped."""
        where = f"home::tag = '{home}' AND batch::integer > 0 AND batch::integer < {MOST_BATCHES}"
        found = await self._select(f'SELECT max(batch::integer) AS batch FROM "{MARKS}" WHERE {where}')
        return self._whole(found[0], "batch") if found else 0

    async def count(self, home: str, entity_id: str) -> int:
        """Return how many points there are of an entity."""
        return await self._renaming.count(home, entity_id)

    async def foreign(self, home: str, entity_id: str) -> int:
        """Return how many points have only the id of an entity, and were written by another program."""
        return await self._renaming.foreign(home, entity_id)

    async def rename(self, home: str, old: str, new: str) -> Renamed | None:
        """Give a part of an entity's points another id."""
        return await self._renaming.part(home, old, new)

    async def set_retention(self, days: int) -> None:
        """Set the bucket's retention; of one that somebody else made, `UsageError`."""
        await self._retention.set(days)

    async def check(self) -> list[Finding]:
        """Ask for the server's version, and write a point into the bucket that is read back."""
        return await findings(self._server, self._select, self._retention.days)

    async def aclose(self) -> None:
        """Close the client's connections."""
        self._write_api.close()
        self._client.close()

    async def _select(self, query: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        await self._select_each(query, rows.append)
        return rows

    async def _select_each(self, query: str, take: Callable[[dict[str, Any]], object]) -> None:
        """Take row by row: all at once a million would need a gigabyte, and stop everything else for seconds."""
        server = self._server
        parameters = {"db": server.bucket, "q": query, "epoch": "ns", "chunked": "true"}
        parameters["chunk_size"] = str(ROWS_IN_A_PART)
        try:
            async with server.stream("GET", "/query", params=parameters) as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise self._no_rows(server.refusal(answer.status_code, answer.text, answer.headers))
                parts, failure = 0, None
                async with aclosing(cast("AsyncGenerator[str]", answer.aiter_lines())) as lines:
                    async for line in lines:  # read to the end: the library's generators are not closed otherwise
                        parts, failure = parts + 1, failure or self._take_part(line, take)
                if failure or not parts:
                    raise failure or server.another("no InfluxDB 2: it answers a question with nothing")
        except UnicodeError as error:
            raise server.another(f"no InfluxDB 2: {error}") from None

    def _take_part(self, line: str, take: Callable[[dict[str, Any]], object]) -> IngestorError | None:
        """Take the rows of one part of an answer to InfluxQL; return the error that it tells of instead."""
        try:
            for result in _part.decode(line).results:
                if _UNREADABLE in result.error:
                    return self._server.may_not_read(result.error)
                if result.error:
                    return Unavailable(f"InfluxDB answered: {result.error[:200]}", code=ErrorCode.SERVER_ERROR)
                for series in result.series:
                    for values in series.values:
                        take(series.tags | dict(zip(series.columns, values, strict=True)))
        except IngestorError as error:
            return error
        except (*UNREADABLE, ValueError) as error:
            return self._server.another(f"no InfluxDB 2: {error}")
        return None

    def _no_rows(self, error: IngestorError) -> IngestorError:
        return Unavailable(str(error), code=ErrorCode.SERVER_ERROR) if isinstance(error, Rejected) else error

    def _whole(self, row: Mapping[str, Any], name: str) -> int:
        """Return a whole number of a row."""
        number = row.get(name)
        if isinstance(number, int) and abs(number) < 2**63:
            return number
        raise self._server.another(f"no InfluxDB 2: {str(number)[:QUOTED_CHARACTERS]} is no {name}")

    def _ours(self, rows: Sequence[Mapping[str, Any]], make: Callable[[Mapping[str, Any]], T]) -> list[T]:
        """Make something of each row that is ours; count the others."""
        made = [make(row) for row in rows if fields.is_event(row)]
        self._skipped(len(rows) - len(made))
        return made

    def _skipped(self, rows: int) -> None:
        if rows:
            self._report(facts.RowsSkipped(store=self.name, rows=rows))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        def mapped() -> T:
            try:
                return work()
            except ApiException as error:
                said = str(error.body or error.reason or "")
                raise self._server.refusal(int(error.status or 0), said, dict(error.headers or {})) from None
            except HTTPError as error:
                raise self._server.silent(error) from None

        return await trio.to_thread.run_sync(mapped, abandon_on_cancel=True, limiter=self._limiter)

    async def _send(self, lines: Callable[[], bytes]) -> int:
        """Write lines that are made in the thread, and return how many of them the bucket does not keep any more."""
        try:
            await self._in_thread(lambda: self._write(lines()))
        except Rejected as refusal:
            if found := _EXPIRED.search(str(refusal)):
                return int(found[1])  # said only when nothing else was wrong
            raise
        return 0

    def _write(self, lines: bytes) -> None:
        if lines:
            self._write_api.write(bucket=self._server.bucket, org=self._server.org, record=lines)
            if self._client.api_client.last_response.status != HTTPStatus.NO_CONTENT:  # which InfluxDB alone says
                raise self._server.another("no InfluxDB 2: it took points like a web page")


def _query(limit: int, entity_id: str | None, before_ns: int | None, seconds: int | None) -> str:
    conditions = [_IS_OURS]
    if entity_id is not None:
        quoted = entity_id.replace("\\", "\\\\").replace("'", "\\'")
        conditions.append(f"entity_id::tag = '{quoted}'")
    if before_ns is not None:
        conditions.append(f"time < {before_ns}")
    if seconds is not None:
        conditions.append(f"time > {'now()' if before_ns is None else before_ns} - {seconds}s")
    return f'SELECT {_EVENT} FROM "{EVENTS}" WHERE {" AND ".join(conditions)} ORDER BY time DESC LIMIT {limit}'


def _watermark(row: Mapping[str, Any]) -> Watermark:
    return Watermark(at_ns=row["time"], removed=bool(row["removed"]), series=fields.series(row))
