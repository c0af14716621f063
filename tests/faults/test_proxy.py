"""What the proxy does to a connection between a plain client and an echoing server."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from tests.faults.proxy import HOST, Proxy
from tests.faults.replies import Reply
from tests.servers.influxdb2.server import ROOT, influxdb2
from tests.servers.processes import wait_until


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(ConnectionResetError):
            self.echo()

    def echo(self) -> None:
        while data := self.request.recv(65_536):
            self.server.heard += data  # type: ignore[attr-defined]  # what all clients said
            self.request.sendall(data)


@pytest.fixture
def echo() -> Generator[Any]:
    with socketserver.ThreadingTCPServer((HOST, 0), Echo) as server:
        server.heard = b""  # type: ignore[attr-defined]  # the test reads it
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def proxy(echo: Any) -> Generator[Proxy]:
    made = Proxy(echo.server_address[1])
    made.start()
    yield made
    made.stop()


@pytest.fixture
def client(proxy: Proxy) -> Generator[socket.socket]:
    with socket.create_connection((HOST, proxy.port), timeout=5) as made:
        assert said(made, b"hello") == b"hello"
        yield made


def said(client: socket.socket, data: bytes) -> bytes:
    client.sendall(data)
    answer = b""
    while len(answer) < len(data) and (piece := client.recv(65_536)):
        answer += piece
    return answer


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def test_bytes_pass_both_ways_and_an_end_is_passed_on(client: socket.socket, proxy: Proxy) -> None:
    assert said(client, b"x" * 300_000) == b"x" * 300_000
    client.shutdown(socket.SHUT_WR)
    assert client.recv(10) == b""
    wait_until(lambda: proxy.lives[0].closed_ns is not None, "the end is noted", 5)
    assert proxy.lives[0].opened_ns <= (proxy.lives[0].closed_ns or 0) <= time.time_ns()


def test_a_refusal_is_the_kernels_own_and_ends_at_the_same_port(client: socket.socket, proxy: Proxy) -> None:
    proxy.refuse()
    assert client.recv(10) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, proxy.port))
    proxy.accept()
    with socket.create_connection((HOST, proxy.port), timeout=5) as again:
        assert said(again, b"again") == b"again"


def test_a_reset_is_no_orderly_end(client: socket.socket, proxy: Proxy) -> None:
    proxy.reset()
    with pytest.raises(ConnectionResetError):
        client.recv(10)


def test_an_answer_can_be_swallowed_after_the_server_has_worked(client: socket.socket, proxy: Proxy, echo: Any) -> None:
    proxy.to_client.resets = True
    with pytest.raises(ConnectionResetError):
        said(client, b"apply this")
    assert echo.heard == b"helloapply this"


def test_a_delay_is_latency_and_not_less_throughput(client: socket.socket, proxy: Proxy) -> None:
    proxy.to_client.delay_seconds = 0.3
    assert 0.3 <= seconds(lambda: said(client, b"x" * 500_000)) < 2


def test_a_throttled_way_passes_so_many_bytes_a_second(client: socket.socket, proxy: Proxy) -> None:
    proxy.to_server.bytes_per_second = 10_000
    assert 0.4 <= seconds(lambda: said(client, b"x" * 5_000)) < 2


def test_slices_arrive_one_by_one(client: socket.socket, proxy: Proxy) -> None:
    proxy.to_client.slice_bytes = 1
    client.sendall(b"slices")
    assert len(client.recv(100)) < 6


def test_a_stopped_way_is_silent_until_it_is_cleared(client: socket.socket, proxy: Proxy, echo: Any) -> None:
    proxy.to_client.stopped = True
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        said(client, b" half-open")
    assert echo.heard == b"hello half-open"
    proxy.clear()
    client.settimeout(5)
    assert client.recv(100) == b" half-open"


def test_requests_are_answered_or_passed_on_as_the_judge_has_it() -> None:
    def judge(request: Any) -> Reply | None:
        return Reply(503, "later", {"Retry-After": "2"}) if b"bad" in request.body and request.writes else None

    with influxdb2() as double:
        double.make_bucket("b")
        proxy = Proxy(int(double.url.rpartition(":")[2]), http=True, judge=judge)
        proxy.start()
        headers = {"Authorization": f"Token {ROOT}"}
        with httpx.Client(base_url=proxy.url, headers=headers, params={"org": "home", "bucket": "b"}) as client:
            answers = [client.post("/api/v2/write", content=body) for body in ("bad v=1 1", "good v=1 1")]
        proxy.stop()
        assert [answer.status_code for answer in answers] == [503, 204]
        assert (answers[0].headers["Retry-After"], answers[0].json()["message"]) == ("2", "later")
        assert [measurement for measurement, _, _ in double.buckets["b"].points] == ["good"]


class OneAnswer(Echo):
    def echo(self) -> None:
        self.request.sendall(self.request.recv(65_536))


@pytest.mark.parametrize("http", [False, True])
def test_an_end_of_the_server_reaches_a_client_that_says_nothing_more(*, http: bool) -> None:
    with socketserver.ThreadingTCPServer((HOST, 0), OneAnswer) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        proxy = Proxy(server.server_address[1], http=http)
        proxy.start()
        with socket.create_connection((HOST, proxy.port), timeout=5) as client:
            assert said(client, b"GET / HTTP/1.1\r\n\r\n") == b"GET / HTTP/1.1\r\n\r\n"
            assert client.recv(10) == b""
        proxy.stop()
        server.shutdown()
