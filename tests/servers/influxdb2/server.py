"""A test double of InfluxDB 2.7.12's HTTP API, on loopback: buckets, writes, InfluxQL's simple reads; no Flux.

A test replays recorded answers of the real server against it. `fault` stands before a write and may answer instead.
While `disk_full` is set it answers 500 to writes, and goes on with that until it is started again, as the real one.
"""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.influxdb2.parser import ParseError, parse
from tests.servers.influxdb2.storage import Answer, Bucket

ORG, ORG_ID = "home", "0000000000000001"
ROOT, WRITER, READER = "root-token", "write-only-token", "read-only-token"
MINIMUM_RETENTION_SECONDS = 3600

_COMPARED = r""""?(\w+)"?(::tag|) (=|!=|=~|!~) ['/]((?:\\.|[^'/\\])*)['/]"""

Fault = Callable[["InfluxDB2"], "Answer | None"]


class InfluxDB2:
    """One server. `buckets` are by name; its lock is held while a request is answered."""

    def __init__(self, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.fault: Fault | None = None
        self.retry_after: str | None = None
        self.before_delete: Callable[[], object] = lambda: None
        self.tokens = {ROOT: {"read", "write", "own"}, WRITER: {"write"}, READER: {"read"}}
        self.clock_ns = clock_ns
        self.disk_full = False
        self.port = 0
        self.sockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Listen, at the same port as before."""
        self._refusing = False
        handler = type("Handler", (_Handler,), {"double": self})
        self._server = _Server(("127.0.0.1", self.port), handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, and close every connection; what was written is kept."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for connection in list(self.sockets):
            with suppress(OSError):  # it ended by itself
                connection.shutdown(socket.SHUT_RDWR)

    def make_bucket(self, name: str, every_seconds: int = 0, description: str | None = None) -> Bucket:
        """Make a bucket, or answer why not."""
        if name in self.buckets:
            raise Answer(422, "conflict", f"bucket with name {name} already exists")
        if name.startswith("_"):
            raise Answer(400, "invalid", f"bucket name {name} is invalid. Buckets may not start with underscore")
        if 0 < every_seconds < MINIMUM_RETENTION_SECONDS:
            raise Answer(500, "internal error", "retention policy duration must be at least 1h0m0s")
        made = Bucket(f"{len(self.buckets) + 2:016x}", name, every_seconds, 0, description, self.clock_ns)
        self.buckets[name] = made
        return made

    def answer(  # noqa: C901, PLR0911  the table of what it is asked
        self, method: str, path: str, query: dict[str, str], token: str | None, body: bytes
    ) -> tuple[int, Any]:
        """Return status and JSON (none for an empty answer). Raises `Answer`."""
        if path == "/ping":
            return 204, None
        if path == "/metrics":
            return 200, None
        if path == "/health":
            return 200, {"name": "influxdb", "status": "pass", "version": "v2.7.12"}
        if path == "/api/v2/write":
            if self.fault is not None and (failure := self.fault(self)) is not None:
                raise failure
            self._refusing = self._refusing or self.disk_full
            if self._refusing:
                raise Answer(
                    500, "internal error", "unexpected error writing points to database: no space left on device"
                )
            with self._lock:
                return self._write(method, query, token, body)
        with self._lock:
            rights = self._rights(token)
            if path == "/api/v2/orgs":
                found = self._org(query.get("org", ORG))
                return 200, {"orgs": [found] if "own" in rights else []}
            if path.startswith("/api/v2/buckets"):
                return self._bucket_api(method, path, query, rights, body)
            if path == "/api/v2/delete":
                return self._delete(query, rights, json.loads(body))
            if path == "/query":
                return 200, self._select(query, rights)
        raise Answer(404, "not found", "path not found")

    def _write(self, method: str, query: dict[str, str], token: str | None, body: bytes) -> tuple[int, None]:
        if method != "POST":
            raise Answer(405, "method not allowed", "allow: OPTIONS, POST")
        rights = self._rights(token)
        if not {"org", "orgID"} & query.keys():
            raise Answer(400, "invalid", "Please provide either orgID or org")
        self._org(query.get("org", ORG))
        precision = query.get("precision", "ns")
        if precision not in {"ns", "us", "ms", "s"}:
            raise Answer(400, "invalid", "invalid precision; valid precision units are ns, us, ms, and s")
        name = query.get("bucket", "")
        found = [bucket for bucket in self.buckets.values() if name in {bucket.name, bucket.id}]
        if not found:
            raise Answer(404, "not found", f'bucket "{name}" not found' if name else "bucket not found")
        if "write" not in rights:
            raise Answer(403, "forbidden", "insufficient permissions for write")
        try:
            points = parse(body.decode("utf-8", "surrogateescape"), precision)
        except ParseError as error:
            raise Answer(400, "invalid", str(error)) from None
        found[0].write(points)
        return 204, None

    def _delete(self, query: dict[str, str], rights: set[str], asked: dict[str, str]) -> tuple[int, None]:
        """Delete what has all tags of a predicate, of both times and between them."""
        self.before_delete()
        if query.get("bucket") not in self.buckets:
            raise Answer(404, "not found", f'bucket "{query.get("bucket")}" not found')
        if "write" not in rights:
            raise Answer(403, "forbidden", "insufficient permissions to delete")
        tags = dict(re.findall(r'(\w+)="([^"]*)"', asked["predicate"]))
        self.buckets[query["bucket"]].delete(tags.pop("_measurement"), tags, asked["start"], asked["stop"])
        return 204, None

    def _bucket_api(
        self, method: str, path: str, query: dict[str, str], rights: set[str], body: bytes
    ) -> tuple[int, Any]:
        said = json.loads(body) if body else {}
        if method == "GET":
            if "read" not in rights:
                return 200, {"buckets": []}
            if query.get("name") not in self.buckets:
                raise Answer(404, "not found", f'bucket "{query.get("name")}" not found')
            return 200, {"buckets": [_shown(self.buckets[query["name"]])]}
        if ("own" if method == "POST" else "write") not in rights:  # who may write to a bucket may change it, too
            raise Answer(401, "unauthorized", f"write:orgs/{ORG_ID}/buckets is unauthorized")
        rules = said.get("retentionRules") or []
        if method == "POST":
            every = rules[0]["everySeconds"] if rules else 0
            return 201, _shown(self.make_bucket(said["name"], every, said.get("description")))
        [bucket] = [bucket for bucket in self.buckets.values() if bucket.id == path.rpartition("/")[2]]
        bucket.change(rules)
        return 200, _shown(bucket)

    def _select(self, query: dict[str, str], rights: set[str]) -> dict[str, Any]:
        """Answer `SELECT * FROM "m" [WHERE entity_id = '..' AND time < .. AND time > ..] [ORDER BY] [LIMIT n]`."""
        if "read" not in rights or query["db"] not in self.buckets:
            return {"results": [{"statement_id": 0, "error": f"database not found: {query['db']}"}]}
        text = query["q"]
        if keys := re.fullmatch(r'SHOW (TAG|FIELD) KEYS FROM "(\w+)"', text):
            return self.buckets[query["db"]].keys(keys[2], of_tags=keys[1] == "TAG")
        bucket, shown = self.buckets[query["db"]], text.partition(" FROM ")[0]
        typed = re.findall(r'"?(\w+)"?::(string|float|integer|unsigned|boolean|tag)(?: AS (\w+))?', shown)
        asked = {alias or name: (name, kind) for name, kind, alias in typed}
        [measurement] = re.findall(r'FROM "?(\w+)"?', text)
        limits = re.findall(r"LIMIT (\d+)", text)
        needed = re.findall(r'^SELECT "?(\w+)"?(?:::\w+)? FROM', text)
        compared = [
            (name, is_tag, operator, re.sub(r"\\(.)", r"\1", said))
            for name, is_tag, operator, said in re.findall(_COMPARED, text)
        ]
        above = re.findall(r"(\w+)::integer > (\d+)", text)
        below = re.findall(r"(\w+)::integer < (\d+)", text)
        since = [int(found) for found in re.findall(r"time >= (-?\d+)", text)]
        before = [int(found) for found in re.findall(r"time < (-?\d+)", text)]
        after = [
            (self.clock_ns() if base == "now()" else int(base)) - int(seconds) * 10**9
            for base, seconds in re.findall(r"time > (now\(\)|\d+) - (\d+)s", text)
        ]

        fields = bucket.field_names(measurement)

        def holds(row: dict[str, Any], name: str, is_tag: str, operator: str, said: str) -> bool:
            """Compare a tag; where there is a field of that name, it is the one that is meant, unless it `is_tag`."""
            found = (row["tags"] if is_tag or name not in fields else row).get(name)
            found = found if isinstance(found, str) else ""
            equal = re.search(said, found) is not None if "~" in operator else found == said
            return equal is operator.startswith("=")

        def wanted(row: dict[str, Any]) -> bool:
            return (
                all(row.get(name) is not None for name in needed)
                and all(row.get(name, 0) > int(number) for name, number in above)
                and all(row.get(name, 0) < int(number) for name, number in below)
                and all(row["time"] < bound for bound in before)
                and all(row["time"] > bound for bound in after)
                and all(row["time"] >= bound for bound in since)
                and all(holds(row, *one) for one in compared)
            )

        groups = re.findall(r'GROUP BY ("?\w+"?(?:, "?\w+"?)*)', text)
        group = groups[0].replace('"', "").split(", ") if groups else []
        if maximum := re.findall(r"max\((\w+)::integer\)", text):
            return bucket.select(measurement, 1, wanted, first=lambda row: -row[maximum[0]], asked=asked)
        if counted := re.findall(r"count\((\w+)::\w+\) AS (\w+)", text):
            asked = {name: (name, kind) for name, kind, _ in typed}
            return bucket.count(measurement, dict(counted), wanted, asked)
        limit, sign = int(limits[0]) if limits else None, 1 if "ORDER BY time LIMIT" in text else -1
        return bucket.select(measurement, limit, wanted, first=lambda row: sign * row["time"], group=group, asked=asked)

    def _rights(self, token: str | None) -> set[str]:
        if token not in self.tokens:
            raise Answer(401, "unauthorized", "unauthorized access")
        return self.tokens[token]

    def _org(self, name: str) -> dict[str, str]:
        if name != ORG:
            raise Answer(404, "not found", f'organization name "{name}" not found')
        return {"id": ORG_ID, "name": ORG}


@contextmanager
def influxdb2() -> Generator[InfluxDB2]:
    """Hold a running double."""
    double = InfluxDB2()
    try:
        yield double
    finally:
        double.stop()


def _shown(bucket: Bucket) -> dict[str, Any]:
    rule = {
        "type": "expire",
        "everySeconds": bucket.every_seconds,
        "shardGroupDurationSeconds": bucket.shard_seconds,
    }
    described = {"description": bucket.description} if bucket.description else {}
    return {"id": bucket.id, "orgID": ORG_ID, "type": "user", "name": bucket.name, "retentionRules": [rule]} | described


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_about: object) -> None:
        """Say nothing of a client that is gone."""


class _Handler(BaseHTTPRequestHandler):
    double: InfluxDB2
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.double.sockets.add(self.connection)

    def finish(self) -> None:
        self.double.sockets.discard(self.connection)
        super().finish()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the standard library's name
        """Say nothing."""

    def _respond(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        try:
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            known = token if scheme in {"Token", "Bearer"} else None
            self._send(*self.double.answer(self.command, parts.path, query, known, body))
        except Answer as answer:
            self._send(answer.status, {"code": answer.code, "message": answer.message})
        except (gzip.BadGzipFile, zlib.error, EOFError):
            words = "An internal error has occurred - check server logs"
            self._send(500, {"code": "internal error", "message": words})

    do_GET = do_POST = do_PATCH = do_HEAD = _respond  # noqa: N815  the standard library's names

    def _send(self, status: int, content: Any) -> None:
        text = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("X-Influxdb-Version", "v2.7.12")
        if text:
            self.send_header("Content-Type", "application/json; charset=utf-8")
        if status in {429, 503} and self.double.retry_after is not None:
            self.send_header("Retry-After", self.double.retry_after)
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)
