"""The doors of the API, as a stranger tries them: other names, no token, too much, too slowly, too often."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from ingestor.api import doors, http
from ingestor.api.doors import Doors, Names
from ingestor.api.errors import Failure
from ingestor.api.http import HttpConnection
from ingestor.api.server import MAXIMUM_CONNECTIONS, ApiServer
from ingestor.api.status import StatusBoard
from ingestor.assembly.files import STATE
from ingestor.commands.running import running_service
from ingestor.config import load
from ingestor.model.errors import Rejected
from ingestor.storage.database import Database
from ingestor.storage.quarantine import Quarantine
from metrics import facts
from metrics.codes import ErrorCode
from tests.actors.trees import running
from tests.servers.commands import command, environment
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.records import event
from tests.servers.simulated_home import simulated_home

TOKEN = "the-api-token"  # noqa: S105  it opens nothing
REFUSED = Rejected("a string, but it holds floats", code=ErrorCode.FIELD_CONFLICT)
KNOWN = {"authorization": f"Bearer {TOKEN}"}
HOME = {"HA_URL": "http://127.0.0.1:9", "HA_TOKEN": "t"}
MEBIBYTE = 1024 * 1024

ADMITTED = [
    ("127.0.0.1", "127.0.0.1:8080", None),
    ("127.0.0.1", "localhost", None),
    ("127.0.0.1", "LocalHost:1", "http://localhost:1"),
    ("::1", "[::1]:8080", "http://[::1]:8080"),
    ("127.0.0.1", "ingestor.lan", None),
    ("127.0.0.1", "localhost:8080", "https://ingestor.lan"),
    ("0.0.0.0", "192.168.1.5:8080", "http://192.168.1.5:8080"),  # noqa: S104  nothing is bound
    ("0.0.0.0", f"{socket.gethostname()}:8080", None),  # noqa: S104
    ("box.home", "box.home:8080", None),
]
STRANGE = [
    ("127.0.0.1", "evil.example", None),
    ("127.0.0.1", "evil.example:8080", "http://evil.example:8080"),
    ("127.0.0.1", "192.168.1.5:8080", None),
    ("127.0.0.1", "localhost.evil.example", None),
    ("127.0.0.1", "localhost@evil.example", None),
    ("127.0.0.1", "evil.example/localhost", None),
    ("127.0.0.1", "", None),
    ("127.0.0.1", "localhost:8080", "http://evil.example"),
    ("127.0.0.1", "localhost:8080", "http://localhost:3000"),
    ("127.0.0.1", "localhost:8080", "null"),
    ("127.0.0.1", "localhost:8080", ""),
    ("0.0.0.0", "evil.example", None),  # noqa: S104
    ("0.0.0.0", "192.168.1.5:8080", "http://evil.example"),  # noqa: S104
]


@pytest.mark.parametrize(("api_host", "host", "origin"), ADMITTED)
def test_names_of_this_machine_and_those_that_the_user_gives_are_admitted(
    api_host: str, host: str, origin: str | None
) -> None:
    assert Names(api_host, ["Ingestor.lan"]).admit(host, origin)


@pytest.mark.parametrize(("header", "values", "status"), [
    ("origin", ["http://evil.example", "http://localhost"], 403),
    ("origin", ["http://localhost", "http://evil.example"], 403),
    ("authorization", ["Bearer nothing", f"Bearer {TOKEN}"], 401),
    ("authorization", [f"Bearer {TOKEN}"], 200),
])  # fmt: skip
async def test_a_header_that_is_there_twice_is_not_one_of_its_values(
    header: str, values: list[str], status: int, tmp_path: Path
) -> None:
    async with running(tmp_path, api_token=TOKEN) as tree:
        known = list(KNOWN.items()) if header != "authorization" else []
        headers = [("host", "localhost"), *known, *((header, value) for value in values)]
        assert (await tree.request("GET", "/api/config", headers=headers)).status_code == status


@pytest.mark.parametrize(("api_host", "host", "origin"), STRANGE)
def test_every_other_name_and_every_other_page_is_strange(api_host: str, host: str, origin: str | None) -> None:
    assert not Names(api_host, ["ingestor.lan"]).admit(host, origin)


@pytest.mark.parametrize("token", [None, TOKEN])
async def test_a_page_that_rebinds_its_name_changes_and_reads_nothing(token: str | None, tmp_path: Path) -> None:
    asked: list[tuple[str, str, Any]] = [
        ("GET", "/api/events/recent", None),
        ("PUT", "/api/config", {"retention_days": 1, "confirm": True}),
        ("POST", "/api/quarantine/drop", {"all": True}),
        ("GET", "/health", None),
    ]
    async with running(tmp_path, api_token=token) as tree:
        for strange in ({"host": "evil.example:8080"}, {"origin": "http://evil.example"}):
            for method, path, body in asked:
                answer = await tree.request(method, path, json=body, headers=KNOWN | strange)
                assert (answer.status_code, shape(answer).code) == (403, "forbidden")
        config = (await tree.request("GET", "/api/config", headers=KNOWN)).json()
    assert config["retention_days"] == 0


GIVEN = {
    "Bearer the-api-token": 200,
    "bearer the-api-token": 200,
    "BEARER   the-api-token": 200,
    "the-api-token": 401,
    "Basic the-api-token": 401,
    "Bearer": 401,
    "Bearer the-api-toke": 401,
    "Bearer the-api-token-too": 401,
    "Bearer thé-api-token": 401,
}


async def test_the_scheme_counts_in_any_case_and_the_token_as_it_is(tmp_path: Path) -> None:
    async with running(tmp_path, api_token=TOKEN) as tree:
        headers = [{"authorization": given.encode()} for given in GIVEN]
        answers = [await tree.request("GET", "/api/stats", headers=header) for header in headers]
    assert [answer.status_code for answer in answers] == list(GIVEN.values())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "my-box"])  # noqa: S104
def test_what_other_machines_reach_wants_a_token_or_a_word(host: str, tmp_path: Path) -> None:
    code, said = command(tmp_path, "run", **HOME, API_HOST=host)
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith(f"ingestor: API_HOST: other machines reach {host}, ")
    assert "set API_TOKEN" in said
    assert "API_OPEN=true" in said
    settings = {"_env_file": None, "ha_url": "http://home.lan", "ha_token": "t", "api_host": host}
    for enough in ({"api_token": TOKEN}, {"api_open": True}):
        assert load(**settings, **enough).api_host == host


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_what_only_this_machine_reaches_wants_no_token(host: str) -> None:
    assert load(_env_file=None, ha_url="http://home.lan", ha_token=TOKEN, api_host=host).api_token is None


def test_api_hosts_are_names(tmp_path: Path) -> None:
    code, said = command(tmp_path, "run", **HOME, API_HOSTS="http://ingestor.lan")
    assert (code, said.startswith("ingestor: API_HOSTS: must be names like ingestor.lan")) == (2, True)


async def test_a_body_of_a_stranger_is_never_read_and_one_of_the_user_only_so_far(tmp_path: Path) -> None:
    async with running(tmp_path, api_token=TOKEN) as tree:
        port = int(tree.service.api.url.rpartition(":")[2])
        large = b'{"ids": [' + b" " * 8 * MEBIBYTE
        assert await said(port, head("POST", length=300 * MEBIBYTE, token="")) == 401
        assert await said(port, head("POST", length=300 * MEBIBYTE, token="") + large) == 401
        assert await said(port, head("POST", length=300 * MEBIBYTE)) == 413
        assert await said(port, head("POST", length=len(large)) + large) == 413
        chunked = head("POST", length=None) + b"%x\r\n%s\r\n0\r\n\r\n" % (len(large), large)
        assert await said(port, chunked) == 413
        assert await said(port, head("POST", length=2) + b"{}") == 400
        assert await said(port, head("POST", length=None) + b"2\r\n{}\r\n0\r\n\r\n") == 400
        assert await said(port, head("POST", length=None) + b"2\r\n{}\r\nzz\r\n") == 400
        assert await said(port, head("POST", length=9) + b"{}") == 400
        assert await said(port, head("GET", "/metrics", length=300 * MEBIBYTE)) == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"idz": [1]}',
        b'{"ids": null}',
        b'{"ids": [1], "all": true}',
        b'{"all": 0}',
        b'{"all": "yes"}',
        b'{"all": 1}',
        b'{"ids": [true]}',
        b'{"ids": ["1"]}',
    ],
)
async def test_nothing_is_dropped_without_a_word_that_says_which(body: bytes, tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        await tree.service.files.quarantine.add([(event(1), REFUSED), (event(2), REFUSED)])
        headers = {"content-type": "application/json"}
        answer = await tree.request("POST", "/api/quarantine/drop", content=body, headers=headers)
        assert (answer.status_code, shape(answer).code) == (400, "invalid")
        assert len((await tree.get("/api/quarantine")).json()) == 2


async def test_what_is_said_is_dropped_and_a_name_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        await tree.service.files.quarantine.add([(event(number), REFUSED) for number in range(4)])
        said: list[Any] = [{"ids": []}, {"ids": [1]}, {"all": True}, {"all": True}]
        done = [(await tree.request("POST", "/api/quarantine/drop", json=body)).json()["done"] for body in said]
        for path in ("/api/quarantine/drop", "/api/audit", "/api/config"):
            method = "PUT" if path == "/api/config" else "POST"
            headers = {"content-type": "application/json"}
            answer = await tree.request(method, path, content=b'{"\\ud800": 1}', headers=headers)
            assert (answer.status_code, shape(answer).code) == (400, "invalid")
    assert done == [0, 1, 3, 0]


def at_a_terminal(directory: Path, typed: bytes, *words: str) -> tuple[int, str]:
    """Run a command whose standard input is a terminal at which this is typed."""
    ours, theirs = os.openpty()
    try:
        os.write(ours, typed)
        ran = subprocess.run(
            [sys.executable, "-m", "ingestor", *words],
            cwd=directory,
            env=environment(**HOME, DATA_DIR=str(directory)),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return ran.returncode, ran.stdout + ran.stderr


async def test_dropping_everything_asks_at_a_terminal(tmp_path: Path) -> None:
    async with opened(tmp_path) as quarantine:
        await quarantine.add([(event(1), REFUSED), (event(2), REFUSED)])
    question = "forget all 2 records for good? [y/N] "
    refused = question + "ingestor: nothing was dropped\n  hint: --yes does not ask\n"
    for typed in (b"\n", b"no\n", b"\x04"):
        assert at_a_terminal(tmp_path, typed, "quarantine", "drop", "all") == (2, refused)
    assert at_a_terminal(tmp_path, b"\n", "quarantine", "drop", "1") == (0, "dropped: 1\n")
    code, said = at_a_terminal(tmp_path, b"y\n", "quarantine", "drop", "all")
    assert (code, said.count("dropped: 1\n")) == (0, 1)
    async with opened(tmp_path) as quarantine:
        await quarantine.add([(event(1), REFUSED)])
    assert at_a_terminal(tmp_path, b"", "quarantine", "drop", "all", "--yes") == (0, "dropped: 1\n")
    assert command(tmp_path, "quarantine", "drop", "all", **HOME, DATA_DIR=str(tmp_path)) == (0, "dropped: 0\n")


async def test_what_is_no_http_is_refused_in_the_same_shape(tmp_path: Path) -> None:
    wrong = [
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: localhost\r\nhost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: localhost\r\nx: " + b"x" * 200_000 + b"\r\n\r\n",
        b"POST /api/audit HTTP/1.1\r\nhost: localhost\r\ncontent-length: " + b"9" * 5000 + b"\r\n\r\n",
        b"POST /api/audit HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
        b"POST /api/audit HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: gzip\r\n\r\n",
        b"GET /health HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ]
    async with running(tmp_path) as tree:
        port = int(tree.service.api.url.rpartition(":")[2])
        for request in wrong:
            assert await said(port, request) in {400, 431}, request[:60]
        assert await said(port, b"GET /health HTTP/1.0\r\n\r\n") == 403
        await tree.heard.wait(facts.SessionOpened)
        assert tree.service.root.snapshot().state == "running"
    assert tree.restarts() == {}


@asynccontextmanager
async def served() -> AsyncGenerator[tuple[ApiServer, list[bytes]]]:
    """Serve behind the doors what keeps the bodies that it gets, and answers with four mebibytes."""
    bodies: list[bytes] = []

    async def application(_scope: Any, receive: Any, send: Any) -> None:
        bodies.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": bytes(4 * MEBIBYTE)})

    settings = load(_env_file=None, ha_url="http://home.lan", ha_token=TOKEN)
    server = ApiServer(lambda: Doors(application, settings), "127.0.0.1", 0)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        yield server, bodies
        server.drain()
    server.close()


async def test_slow_and_silent_clients_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(http, "WRITE_SECONDS", 0.3)
    monkeypatch.setattr(http, "LINGER_SECONDS", 0.1)
    monkeypatch.setattr(doors, "BODY_SECONDS", 0.3)
    async with served() as (server, bodies):
        port = int(server.url.rpartition(":")[2])
        for silent in (b"", b"GET /hea", head("GET", "/health")[:-2]):
            assert await ended(port, silent) == b""
        assert (await ended(port, head("POST", length=5) + b"{")).startswith(b"HTTP/1.1 408")
        assert (await ended(port, head("POST", length=5), drip=b"{")).startswith(b"HTTP/1.1 408")
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        await stream.send_all(head("POST", length=2) + b"{}")  # and reads nothing
        await trio.sleep(1)
        with trio.fail_after(2):
            got = 0
            while part := await _received(stream):
                got += len(part)
        await stream.aclose()
        assert got < 4 * MEBIBYTE
    assert bodies == [b"{}"]


async def test_a_crowd_keeps_nobody_out_and_takes_no_more_than_its_room() -> None:
    async with served() as (server, bodies):
        port = int(server.url.rpartition(":")[2])
        crowd = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(3 * MAXIMUM_CONNECTIONS)]
        with trio.fail_after(2):
            stream = await trio.open_tcp_stream("127.0.0.1", port)
            await stream.send_all(head("POST", length=2) + b"{}")
            assert (await stream.receive_some(15)) == b"HTTP/1.1 200 \r\n"
        ended: list[bool] = []

        async def hear(one: trio.SocketStream) -> None:
            ended.append(await _received(one) == b"")

        async with trio.open_nursery() as nursery:
            for one in crowd:
                nursery.start_soon(hear, one)
            with trio.move_on_after(10):
                while len(ended) <= 2 * MAXIMUM_CONNECTIONS:  # noqa: ASYNC110  as the server gets to it
                    await trio.sleep(0.01)
                await trio.sleep(0.2)  # for one too many
            nursery.cancel_scope.cancel()
        assert ended == [True] * (2 * MAXIMUM_CONNECTIONS + 1)
        for one in (*crowd, stream):
            await one.aclose()
    assert bodies == [b"{}"]


async def test_a_mistake_of_ours_in_the_server_is_repaired_and_one_in_a_route_ends_no_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as tree:
        with monkeypatch.context() as patched:
            patched.setattr(StatusBoard, "events_last_hour", property(lambda _board: 1 / 0))
            answer = await tree.get("/api/stats")
            assert (answer.status_code, shape(answer).code) == (500, "internal")
            assert tree.restarts() == {}
            patched.setattr(HttpConnection, "_head", lambda _connection: 1 / 0)
            with pytest.raises(httpx.HTTPError):
                await tree.get("/health")
        await tree.until(lambda: tree.restarts() == {"root/api": 1})
        assert (await tree.get("/api/stats")).status_code == 200


@asynccontextmanager
async def opened(directory: Path) -> AsyncGenerator[Quarantine]:
    database = Database(directory / "state.sqlite3", STATE)
    try:
        yield Quarantine(database, lambda _fact: None)
    finally:
        await database.aclose()


def test_health_answers_with_256_files_in_a_crowd(tmp_path: Path) -> None:
    with simulated_home() as simulated, ExitStack() as crowd:
        ours = Ingestor(tmp_path / "ours", HA_URL=simulated.url, HA_TOKEN=simulated.token, API_TOKEN="")
        ours.start()
        resource.prlimit(ours.pid, resource.RLIMIT_NOFILE, (256, 256))
        ours.wait_connected()
        port = int(ours.url.rpartition(":")[2])
        for number in range(600):
            client = crowd.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(b"" if number % 2 else head("POST", length=1000) + b"{")
        before = time.monotonic()
        wait_until(
            lambda: ours.get("/health") == {"status": "healthy", "problems": {}, "warnings": {}, "codes": {}},
            "healthy in a crowd",
            5,
        )
        assert time.monotonic() - before < 5
        assert len(list(Path(f"/proc/{ours.pid}/fd").iterdir())) < 200
        assert ours.stop() == 0
        assert "Traceback" not in ours.log


def head(method: str, path: str = "/api/quarantine/drop", length: int | None = 0, token: str = TOKEN) -> bytes:
    """Return the head of a request; without a length its body is chunked."""
    body = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    lines = [f"{method} {path} HTTP/1.1", "host: localhost", "content-type: application/json", body]
    lines += [f"authorization: Bearer {token}"] if token else []
    return "\r\n".join([*lines, "", ""]).encode()


async def said(port: int, request: bytes) -> int:
    """Send, in a thread, what may be refused while it is sent."""
    return await trio.to_thread.run_sync(_sent, port, request)


def _sent(port: int, request: bytes) -> int:
    """Send a request as far as it goes; return the status of the answer, which is read to its end."""
    with socket.create_connection(("127.0.0.1", port), timeout=8) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    top, _, body = answer.partition(b"\r\n\r\n")
    status = int(top.split()[1])
    if status >= 400:
        Failure.model_validate(json.loads(body))
    return status


async def ended(port: int, request: bytes, drip: bytes = b"") -> bytes:
    """Send a request, and then a byte at a time; return what came until the server closed."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    await stream.send_all(request)
    for _ in range(4 if drip else 0):
        await stream.send_all(drip)
        await trio.sleep(0.1)
    found = b""
    with trio.fail_after(3):
        while part := await _received(stream):
            found += part
    await stream.aclose()
    return found


async def _received(stream: trio.SocketStream) -> bytes:
    try:
        return bytes(await stream.receive_some(65536))
    except trio.BrokenResourceError:
        return b""


def shape(answer: httpx.Response) -> Failure:
    """Return the failure that an answer tells."""
    return Failure.model_validate(answer.json())


async def test_a_command_asks_the_service_itself_and_no_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with running(tmp_path, api_token=TOKEN) as tree:
        monkeypatch.setattr("ingestor.commands.running.running_api", lambda _data_dir: tree.service.api.url)
        async with running_service(
            load(_env_file=None, ha_url="http://home.lan", ha_token=TOKEN, api_token=TOKEN)
        ) as service:
            assert service is not None
            assert await service.get("/api/jobs") == b"[]"
