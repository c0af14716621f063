"""The server at INFLUXDB_URL: asking it, and what its answers mean, as measured on InfluxDB 2.7.12.

| answer, in InfluxDB's own words | meaning |
|---|---|
| 204 | all written |
| 400, 413, 422 to a write | refused as a whole, or in part: the points are bad |
| 401, 403, 404 | this token may not, or there is no such organisation or bucket: keep everything, tell the user |
| 429, 5xx, none | away: keep everything, try again |

Whatever answers in other words is no InfluxDB 2, or something in front of one: a web server, a log-in, a redirect, an
InfluxDB 1 or 3. That is an outage, too, for it may be mended behind the same address. A write of nothing tells all of
it in advance: 204 where points would be taken, else the very refusal that they would get.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from ssl import SSLContext, create_default_context
from typing import Any

import httpx
import msgspec
from msgspec import Struct
from pydantic import SecretStr

from ingestor.model import instants, tls
from ingestor.model.errors import CredentialsRefused, IngestorError, Rejected, Unavailable
from ingestor.model.http import no_answer, retry_after_seconds
from ingestor.model.unreadable import UNREADABLE
from ingestor.storage.store import DAY_SECONDS, Retention
from metrics.codes import ErrorCode
from metrics.redaction import Redactor

TIMEOUT_SECONDS = 10.0
OURS = "made by ha-ingestor"  # the description that tells our bucket, whose retention we may change
QUOTED_CHARACTERS = 200
TOO_LARGE = 413
_LOG_IN = {401: ErrorCode.HTTP_401, 403: ErrorCode.HTTP_403}
_REFUSED = _LOG_IN | {404: ErrorCode.HTTP_404}
_BAD_STATUS = {400, TOO_LARGE, 422}
_NEEDED = ", and InfluxDB 2.7 is needed"
_FOREIGN_VERSION = re.compile(r"v?(?!2\.)(\d+\.[\w.-]+)")
_NAMES_ITSELF = re.compile(r"(\w+)(?: server)? is healthy", re.IGNORECASE)
_HTTPS_SPOKEN = re.compile(r"https? request (was sent )?to (an )?https", re.IGNORECASE)

_CONFLICT = re.compile(
    r'input field \\?"(.+?)\\?" on measurement \\?"(.+?)\\?" is type (\w+), already exists as type (\w+)'
)
_CONFLICT_SENTENCE = (
    'the field "{0}" of "{1}" holds a {3} in this bucket already, so a {2} is refused: does another program write it?'
)


class _Rule(Struct, rename="camel"):
    every_seconds: int = 0
    shard_group_duration_seconds: int = 0


class Bucket(Struct, rename="camel"):
    """What InfluxDB says of a bucket."""

    id: str
    description: str = ""
    retention_rules: list[_Rule] = []

    @property
    def retention(self) -> Retention:
        """For how long it keeps points."""
        seconds = self.retention_rules[0].every_seconds if self.retention_rules else 0
        return Retention(seconds=seconds, is_ours=self.description == OURS)


class _Buckets(Struct):
    buckets: list[Bucket]


class _Organisation(Struct):
    id: str


class _Organisations(Struct):
    orgs: list[_Organisation]


class _Said(Struct):
    """How InfluxDB words that it does not do something."""

    code: str
    message: str = ""


_said = msgspec.json.Decoder(_Said)


class InfluxDBServer:
    """Asks over HTTP for one organisation and one bucket. The token never appears in an error.

    No proxy of the environment is asked, since the library that writes the points asks none.

    Whatever it is asked may raise `Unavailable` or `CredentialsRefused`.
    """

    def __init__(self, *, url: str, token: SecretStr, org: str, bucket: str, ca_file: Path | None = None) -> None:
        self.url = url
        self.org = org
        self.bucket = bucket
        self.ca_file = ca_file
        self._headers = {"Authorization": f"Token {token.get_secret_value()}"}
        self._tls: SSLContext | None = None
        self._clean = Redactor({token.get_secret_value()}).clean  # what a server says is kept in files of ours, too

    @asynccontextmanager
    async def stream(self, method: str, path: str, **request: Any) -> AsyncGenerator[httpx.Response]:  # noqa: ANN401
        """Hold an answer whose body was not read yet."""
        try:
            async with (
                httpx.AsyncClient(
                    timeout=TIMEOUT_SECONDS, headers=self._headers, verify=self._trust(), trust_env=False
                ) as client,
                client.stream(method, f"{self.url}{path}", **request) as answer,
            ):
                yield answer
        except httpx.HTTPError as error:
            if cause := tls.cause_of(error):
                raise self._no_tls(await tls.sentence(self.url, cause, "INFLUXDB", self.ca_file)) from None
            raise no_answer(f"InfluxDB at {self.url}", error) from None

    async def ask(self, method: str, path: str, **request: Any) -> httpx.Response:  # noqa: ANN401  what httpx takes
        """Return a whole answer, whatever its status."""
        async with self.stream(method, path, **request) as answer:
            await answer.aread()
        return answer

    async def version(self) -> str:
        """Return what the server says that it is; nothing when it does not say. Raises for one that is another.

        A version that is no number is a build of one's own. VictoriaMetrics takes points, too, and names itself
        elsewhere, as Prometheus does.
        """
        said = str((await self.ask("GET", "/ping")).headers.get("X-Influxdb-Version", ""))
        if another := _FOREIGN_VERSION.match(said):
            raise self.another(f"InfluxDB {another[1]}{_NEEDED}")
        if not said and (named := _NAMES_ITSELF.match((await self.ask("GET", "/-/healthy")).text)):
            raise self.another(f"{named[1]}{_NEEDED}")
        return said.removeprefix("v")

    async def try_to_write(self, line: str = "") -> None:
        """Return when points would be taken; a line is. Raises `Rejected` for that line alone."""
        parameters = {"org": self.org, "bucket": self.bucket}
        answer = await self.ask("POST", "/api/v2/write", params=parameters, content=line.encode())
        if answer.status_code != HTTPStatus.NO_CONTENT:
            error = self.refusal(answer.status_code, answer.text, answer.headers)
            raise self.another("no InfluxDB 2") if isinstance(error, Rejected) and not line else error

    async def delete(self, measurement: str, tags: Mapping[str, str], from_ns: int, to_ns: int) -> None:
        """Delete the points of a measurement that have these tags, of both these times and between them."""
        wanted = " AND ".join(f'{name}="{text}"' for name, text in {"_measurement": measurement, **tags}.items())
        span = {"start": instants.text_ns(from_ns), "stop": instants.text_ns(to_ns), "predicate": wanted}
        answer = await self.ask("POST", "/api/v2/delete", params={"org": self.org, "bucket": self.bucket}, json=span)
        if answer.status_code != HTTPStatus.NO_CONTENT:
            raise self.refusal(answer.status_code, answer.text, answer.headers)

    async def organisation_id(self) -> str | None:
        """Return the organisation's id; none where there is no such one, or this token may not see it."""
        answer = await self.ask("GET", "/api/v2/orgs", params={"org": self.org})
        if answer.status_code in _REFUSED:
            return None
        found = self._decoded(answer, _Organisations).orgs
        return found[0].id if found else None

    async def find_bucket(self) -> Bucket | None:
        """Return the bucket; none where there is none, or this token may not see it."""
        answer = await self.ask("GET", "/api/v2/buckets", params={"name": self.bucket, "org": self.org})
        if answer.status_code == HTTPStatus.NOT_FOUND and _own_words(answer.text):
            return None
        found = self._decoded(answer, _Buckets).buckets
        return found[0] if found else None

    async def make_bucket(self, retention_days: int) -> bool:
        """Make the bucket; return whether it is there now, which needs a token that may make one."""
        organisation = await self.organisation_id()
        if organisation is None:
            return False
        bucket = {"orgID": organisation, "name": self.bucket, "description": OURS} | _rules(
            retention_days * DAY_SECONDS
        )
        made = await self.ask("POST", "/api/v2/buckets", json=bucket)
        if made.is_success or made.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:  # made in the meantime
            return True
        if made.status_code in _REFUSED:
            return False
        raise self.refusal(made.status_code, made.text, made.headers)

    async def set_retention(self, bucket: Bucket, days: int) -> None:
        """Let the bucket keep its points for so many days, which a token that may write to it may do."""
        seconds, more = days * DAY_SECONDS, {}
        if any(0 < seconds < rule.shard_group_duration_seconds for rule in bucket.retention_rules):
            more["shardGroupDurationSeconds"] = DAY_SECONDS  # a shard may last no longer than what is in it
        answer = await self.ask("PATCH", f"/api/v2/buckets/{bucket.id}", json=_rules(seconds, **more))
        if not answer.is_success:
            raise self.refusal(answer.status_code, answer.text, answer.headers)

    def refusal(self, status: int, said: str, headers: Mapping[str, str]) -> IngestorError:
        """Return what an answer means that is no success."""
        said = self._clean(said)
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return self._away(status, said, headers)
        own = _own_words(said)
        if status == TOO_LARGE or (own and status in _BAD_STATUS):
            return _rejected(status, said[:1000])
        if own and status in _REFUSED and own.message != "path not found":
            return self._refused(status, own.message[:QUOTED_CHARACTERS].strip())
        if status in _LOG_IN:
            front = f"something in front of InfluxDB at {self.url} wants a log-in of its own (HTTP {status})"
            return CredentialsRefused(f"{front}, or it is an InfluxDB 3{_NEEDED}", code=_LOG_IN[status])
        if "Location" in headers:
            return self.another(f"a redirect to {self._clean(headers['Location'])}: set INFLUXDB_URL to its goal")
        wants_https = "a server that wants https: begin INFLUXDB_URL with https://"
        no_influxdb = f"no InfluxDB 2 (HTTP {status}): are host, port and path in INFLUXDB_URL right?"
        return self.another(wants_https if _HTTPS_SPOKEN.search(said) else no_influxdb)

    def may_not_read(self, said: str) -> CredentialsRefused:
        """Return the error for a bucket that cannot be read."""
        sentence = f"INFLUXDB_TOKEN may not read the bucket {self.bucket}, or it is not there: it has to read and write"
        return CredentialsRefused(f"{sentence} ({said})", code=ErrorCode.HTTP_404)

    def another(self, what: str) -> Unavailable:
        """Return the error for what is not the server that we need."""
        return Unavailable(f"what answers at {self.url} is {what}", code=ErrorCode.WRONG_SERVER)

    def silent(self, error: Exception) -> Unavailable:
        """Return the error for no answer at all."""
        said = str(error)[:QUOTED_CHARACTERS] or type(error).__name__
        return Unavailable(f"no answer from InfluxDB at {self.url}: {said}", code=ErrorCode.NO_ANSWER)

    def _trust(self) -> SSLContext | bool:
        """Return what TLS goes by; reading all that a system trusts takes 20 ms."""
        if not self.url.startswith("https:"):
            return False
        try:
            if self._tls is None and self.ca_file:
                self._tls = create_default_context(cafile=self.ca_file)
            self._tls = self._tls or httpx.create_ssl_context()
        except OSError:
            raise self._no_tls(f"INFLUXDB_CA_FILE: {self.ca_file} cannot be read as a certificate") from None
        return self._tls

    def _no_tls(self, sentence: str) -> Unavailable:
        return Unavailable(sentence, code=ErrorCode.TLS, hint="see INFLUXDB_URL and INFLUXDB_CA_FILE")

    def _decoded(self, answer: httpx.Response, kind: type[Any]) -> Any:  # noqa: ANN401  one of that kind
        if answer.is_success:
            try:
                return msgspec.json.decode(answer.content, type=kind)
            except UNREADABLE as error:
                raise self.another(f"no InfluxDB 2: {error}") from None
        raise self.refusal(answer.status_code, answer.text, answer.headers)

    def _away(self, status: int, said: str, headers: Mapping[str, str]) -> Unavailable:
        return Unavailable(
            f"InfluxDB answered {status}: {said[:QUOTED_CHARACTERS]}",
            code=ErrorCode.SERVER_ERROR if status == HTTPStatus.INTERNAL_SERVER_ERROR else ErrorCode.OVERLOADED,
            retry_after_seconds=retry_after_seconds(headers),
        )

    def _refused(self, status: int, said: str) -> CredentialsRefused:
        if said.startswith("organization"):
            what = f"there is no organisation {self.org} at {self.url} for INFLUXDB_TOKEN: see INFLUXDB_ORG"
        elif status == HTTPStatus.NOT_FOUND:
            where = f"there is no bucket {self.bucket} in {self.org} for INFLUXDB_TOKEN"
            what = f"{where}, and it may not make one: see INFLUXDB_BUCKET"
        elif status == HTTPStatus.FORBIDDEN:
            what = f"INFLUXDB_TOKEN may not write to the bucket {self.bucket}: it has to read and write"
        else:
            what = "InfluxDB does not know INFLUXDB_TOKEN"
        return CredentialsRefused(f"{what} ({said})", code=_REFUSED[status])


def _rejected(status: int, said: str) -> Rejected:
    if conflict := _CONFLICT.search(said):
        return Rejected(_CONFLICT_SENTENCE.format(*conflict.groups()), code=ErrorCode.FIELD_CONFLICT)
    return Rejected(f"InfluxDB refused the points ({status}): {said}")


def _own_words(said: str) -> _Said | None:
    """Return what InfluxDB says; none where somebody else does."""
    try:
        return _said.decode(said)
    except UNREADABLE:
        return None


def _rules(seconds: int, **more: int) -> dict[str, Any]:
    return {"retentionRules": [{"type": "expire", "everySeconds": seconds} | more]}  # 0 is for ever
