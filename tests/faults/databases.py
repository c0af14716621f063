"""The database under test, with one interface: embedded, a real InfluxDB 2 of our own or a given one, or the double.

One of our own is started by the command that TEST_INFLUXDB_COMMAND names, as `COMMAND DIR PORT`; a given one is at
TEST_INFLUXDB_URL, with TEST_INFLUXDB_TOKEN and TEST_INFLUXDB_ORG, and cannot be stopped. Without either it is the
double.
"""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from ingestor.model.records import Event, Series
from tests.servers.asking import CLIENT
from tests.servers.influxdb2.server import ORG, ROOT, InfluxDB2
from tests.servers.processes import Process, free_port, wait_until
from tests.servers.truth import Row

EVERYTHING = "SELECT * FROM home_assistant_events"
NEWEST = "SELECT * FROM home_assistant_events WHERE time > now() - 7200s ORDER BY time DESC LIMIT 1"
HOLDS = "SELECT * FROM home_assistant_events WHERE entity_id = '{}' AND state = '{}'"
CHUNK_ROWS = "10000"
_UNKNOWN = dict.fromkeys((*Series.__struct_fields__, *Event.__struct_fields__))  # InfluxDB leaves out what no row has


class Database(Protocol):
    """What every kind can do."""

    def rows(self) -> list[Row]:
        """Return every event that is stored."""

    def newest_ns(self) -> int:
        """Return the time of the newest one; 0 when there is none, or no answer."""

    def holds(self, entity_id: str, state: str) -> bool:
        """Return whether an entity's change to a state is stored; not when there is no answer."""

    def close(self) -> None:
        """End it."""


class Embedded:
    """The service's own file. It is read with no lock that could stand in the service's way."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "events.sqlite3"

    def rows(self) -> list[Row]:
        return self._query(EVERYTHING)

    def newest_ns(self) -> int:
        try:
            return int(self._query("SELECT max(time) AS newest FROM events")[0]["newest"] or 0)
        except sqlite3.Error:  # not made yet
            return 0

    def holds(self, entity_id: str, state: str) -> bool:
        try:
            return bool(self._query(HOLDS.format(entity_id, state)))
        except sqlite3.Error:
            return False

    def close(self) -> None:
        """Leave the file."""

    def _query(self, sql: str) -> list[Row]:
        connection = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=10)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql)]
        finally:
            connection.close()


class InfluxDB:
    """A bucket of one InfluxDB 2, over HTTP. `token` is the service's, `root` the harness's own."""

    def __init__(self, port: int, *, org: str, root: str, token: str | None = None) -> None:
        self.port = port
        self.org = org
        self.token = token or root
        self.bucket = f"faults-{uuid4().hex}"
        self._root = root
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Token {root}"}, timeout=60
        )

    def settings(self, url: str) -> dict[str, str]:
        """Return what the service needs to write to it, by way of a URL."""
        names = {"TOKEN": self.token, "ORG": self.org, "BUCKET": self.bucket}
        return {"INFLUXDB_URL": url} | {f"INFLUXDB_{name}": value for name, value in names.items()}

    def make_bucket(self) -> None:
        """Make the bucket before the service does."""
        organisation = self._json("GET", "/api/v2/orgs", params={"org": self.org})["orgs"][0]["id"]
        self._json("POST", "/api/v2/buckets", json={"orgID": organisation, "name": self.bucket, "retentionRules": []})

    def write(self, lines: str) -> None:
        """Write lines of the harness's own."""
        parameters = {"org": self.org, "bucket": self.bucket}
        self._client.post("/api/v2/write", params=parameters, content=lines).raise_for_status()

    def rows(self) -> list[Row]:
        return [_UNKNOWN | row for row in self._select(EVERYTHING)]

    def newest_ns(self) -> int:
        try:
            return max((row["time"] for row in self._select(NEWEST)), default=0)
        except httpx.HTTPError:
            return 0

    def holds(self, entity_id: str, state: str) -> bool:
        try:
            found = self._select(HOLDS.format(entity_id, state))
        except httpx.HTTPError:
            return False
        return bool(found)

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Drop the bucket's client; the server is not ours."""
        self._client.close()

    def revoke(self) -> None:
        """Let the service's token be refused."""
        raise NotImplementedError

    def grant(self) -> None:
        """Let it be accepted again."""
        raise NotImplementedError

    def token_that_may(self, *actions: str) -> str:
        """Make a token for nothing but the bucket, which is there."""
        raise NotImplementedError

    def _json(self, method: str, path: str, **request: Any) -> Any:
        answer = self._client.request(method, path, **request)
        answer.raise_for_status()
        return answer.json()

    def _select(self, query: str) -> list[Row]:
        parameters = {"db": self.bucket, "q": query, "epoch": "ns", "chunked": "true", "chunk_size": CHUNK_ROWS}
        answer = self._client.get("/query", params=parameters)
        answer.raise_for_status()
        return [
            dict(zip(series["columns"], values, strict=True))
            for chunk in answer.text.splitlines()
            for result in json.loads(chunk)["results"]
            for series in result.get("series", [])
            for values in series["values"]
        ]


class GivenInfluxDB(InfluxDB):
    """A real one that runs already; the service's token is made for it, so that it can be deactivated."""

    def __init__(self, port: int, *, org: str, root: str) -> None:
        super().__init__(port, org=org, root=root)
        self._authorize()

    def revoke(self) -> None:
        self._set("inactive")

    def grant(self) -> None:
        self._set("active")

    def token_that_may(self, *actions: str) -> str:
        found = self._json("GET", "/api/v2/buckets", params={"org": self.org, "name": self.bucket})["buckets"][0]
        resource = {"type": "buckets", "orgID": found["orgID"], "id": found["id"]}
        permissions = [{"action": action, "resource": resource} for action in actions]
        made = self._json("POST", "/api/v2/authorizations", json={"orgID": found["orgID"], "permissions": permissions})
        return str(made["token"])

    def _authorize(self) -> None:
        organisation = self._json("GET", "/api/v2/orgs", params={"org": self.org})["orgs"][0]["id"]
        resource = {"type": "buckets", "orgID": organisation}
        permissions: list[dict[str, Any]] = [{"action": action, "resource": resource} for action in ("read", "write")]
        permissions.append({"action": "read", "resource": {"type": "orgs"}})
        made = self._json("POST", "/api/v2/authorizations", json={"orgID": organisation, "permissions": permissions})
        self.token, self._authorization = made["token"], made["id"]

    def _set(self, status: str) -> None:
        self._json("PATCH", f"/api/v2/authorizations/{self._authorization}", json={"status": status})


class OwnInfluxDB(GivenInfluxDB):
    """A real one in a process of its own, with all its data in a directory."""

    def __init__(self, command: str, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._command = command
        port = free_port()
        self._process = self._spawned(port)
        setup = {"username": "faults", "password": "faults-password", "org": ORG, "bucket": "first", "token": ROOT}
        CLIENT.post(f"http://127.0.0.1:{port}/api/v2/setup", json=setup, timeout=30).raise_for_status()
        super().__init__(port, org=ORG, root=ROOT)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def start(self) -> None:
        self._process = self._spawned(self.port)

    def stop(self) -> None:
        self._process.stop()

    def close(self) -> None:
        super().close()
        self.stop()

    def _spawned(self, port: int) -> Process:
        process = Process([self._command, str(self._directory), str(port)], self._directory)
        wait_until(lambda: _answers(port), "InfluxDB answers")
        return process


class DoubledInfluxDB(InfluxDB):
    """The double, in this process."""

    def __init__(self) -> None:
        self.double = InfluxDB2()
        super().__init__(self.double.port, org=ORG, root=ROOT, token="token-of-the-service")  # noqa: S106  it opens nothing
        self.grant()

    def start(self) -> None:
        self.double.start()

    def stop(self) -> None:
        self.double.stop()

    def close(self) -> None:
        super().close()
        self.stop()

    def revoke(self) -> None:
        del self.double.tokens[self.token]

    def grant(self) -> None:
        self.double.tokens[self.token] = {"read", "write", "own"}

    def token_that_may(self, *actions: str) -> str:
        token = f"a token that may {' and '.join(actions)}".replace(" ", "-")
        self.double.tokens[token] = set(actions)
        return token


def influxdb(directory: Path) -> InfluxDB:
    """Return the best InfluxDB that this environment offers."""
    if command := os.environ.get("TEST_INFLUXDB_COMMAND"):
        return OwnInfluxDB(command, directory)
    if url := os.environ.get("TEST_INFLUXDB_URL"):
        org, root = (os.environ[f"TEST_INFLUXDB_{name}"] for name in ("ORG", "TOKEN"))
        return GivenInfluxDB(urlsplit(url).port or 80, org=org, root=root)
    return DoubledInfluxDB()


def _answers(port: int) -> bool:
    try:
        return CLIENT.get(f"http://127.0.0.1:{port}/ping", timeout=1).is_success
    except httpx.HTTPError:
        return False
