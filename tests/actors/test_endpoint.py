"""Everything that can be wrong with the address of a home, told in one sentence each."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path

import pytest
import trio
import trustme
from trio.testing import MockClock
from trio_websocket import ConnectionClosed, WebSocketRequest, serve_websocket

from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.recorder import opened
from ingestor.model.errors import Unavailable
from metrics import facts
from tests.actors.homes import Rig, listening, running, serving, simulated

HERE = "http://127.0.0.1:PORT"
PROXY = (
    "a proxy has to pass on the headers Upgrade and Connection, "
    "and has to be among the trusted_proxies of Home Assistant"
)


@pytest.fixture
def clock() -> MockClock:
    return MockClock(autojump_threshold=0.01)


def tls(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


async def failure(url: str, ca_file: Path | None = None) -> tuple[str, str]:
    """Return code and sentence of the first failure, with the port left out."""
    async with running(Rig(url, ca_file=ca_file)) as rig:
        failed = await rig.heard.wait(facts.ConnectFailed)
    return failed.code, failed.detail.replace(url.rpartition(":")[2], "PORT")


async def test_a_certificate_of_one_s_own_authority_is_trusted(clock: MockClock, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = simulated(tls(authority))
    async with serving(server), running(Rig(server.url, ca_file=tmp_path / "ca.pem")) as rig:
        await rig.heard.wait(facts.SessionOpened)
        server.make_changes(5)
        await trio.sleep(1)
        assert rig.events() == 5


async def test_an_untrusted_certificate_is_told_with_its_names_and_what_to_do(tmp_path: Path) -> None:
    server = simulated(tls(trustme.CA()))
    trustme.CA().cert_pem.write_to_path(tmp_path / "another.pem")
    where = "the certificate of https://127.0.0.1:PORT is for 127.0.0.1, and is not trusted"
    async with serving(server):
        code, sentence = await failure(server.url)
        _, by_file = await failure(server.url, tmp_path / "another.pem")
    assert (code, sentence.partition(" (")[0]) == ("tls", where)
    assert by_file.startswith(f"{where} by HA_CA_FILE (")
    assert sentence.endswith(": set HA_CA_FILE to its CA, or to itself where it is its own")


async def test_a_certificate_for_another_name_says_for_which_and_is_trusted_under_it(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = simulated(tls(authority, "elsewhere.local"))
    async with serving(server):
        code, sentence = await failure(server.url, tmp_path / "ca.pem")
        where = "the certificate of https://127.0.0.1:PORT is for elsewhere.local, not for its address"
        todo = "set HA_URL to such a name, or HA_CERTIFICATE_NAME to one of them"
        assert (code, sentence) == ("tls", f"{where}: {todo}")
        endpoint = Endpoint(
            home="home", url=server.url, token=str, ca_file=tmp_path / "ca.pem", certificate_name="elsewhere.local"
        )
        async with endpoint.open() as socket:
            assert '"auth_required"' in str(await socket.get_message())


async def test_http_where_https_is_spoken_and_the_other_way_round() -> None:
    context = tls(trustme.CA())

    async def greet(stream: trio.SocketStream) -> None:
        async with trio.SSLStream(stream, context, server_side=True, https_compatible=True) as secure:
            with suppress(trio.BrokenResourceError):
                await secure.do_handshake()

    plain = simulated()
    async with serving(plain), listening(greet) as secure_url:
        code, sentence = await failure(plain.url.replace("http:", "https:"))
        assert (code, sentence) == (
            "tls", "what answers at https://127.0.0.1:PORT speaks no TLS: begin HA_URL with http://",
        )  # fmt: skip
        code, sentence = await failure(secure_url)
        assert (code, sentence) == (
            "protocol", "what answers at http://127.0.0.1:PORT speaks TLS: begin HA_URL with https://",
        )  # fmt: skip


async def test_a_ca_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    server = simulated(tls(trustme.CA()))
    async with serving(server):
        code, sentence = await failure(server.url, tmp_path / "ca.pem")
    assert code == "tls"
    assert "HA_CA_FILE" in sentence


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        ("200 OK", "protocol", "http://127.0.0.1:PORT answered HTTP 200, no WebSocket"),
        ("502 Bad Gateway", "protocol", "http://127.0.0.1:PORT answered HTTP 502, no WebSocket"),
        ("404 Not Found", "protocol", "http://127.0.0.1:PORT answered HTTP 404, no WebSocket"),
        (
            "301 Moved\r\nlocation: https://home.example/",
            "protocol",
            f"{HERE} sends us on to https://home.example/: set HA_URL to where Home Assistant itself answers",
        ),
        (
            "401 Unauthorized\r\nwww-authenticate: Basic",
            "protocol",
            "something in front of Home Assistant at http://127.0.0.1:PORT wants a log-in of its own (HTTP 401)",
        ),
        (
            "400 Bad Request",
            "protocol",
            f"{HERE} answered HTTP 400, no WebSocket: {PROXY}",
        ),
        (
            "403 Forbidden",
            "credentials_refused",
            "Home Assistant forbids this machine's address (HTTP 403): see its ip_bans.yaml",
        ),
    ],
)
async def test_an_http_server_that_is_no_home_is_told_apart(
    clock: MockClock, status: str, code: str, sentence: str
) -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode())

    async with listening(answer) as url:
        assert await failure(url) == (code, sentence)


@pytest.mark.parametrize(("said", "code"), [(b"", "closed"), (b"SSH-2.0\r\n", "closed"), (b"\x00\x01\x02", "protocol")])
async def test_what_speaks_no_http_is_a_failure_to_connect(clock: MockClock, said: bytes, code: str) -> None:
    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(said)

    async with listening(answer) as url:
        assert (await failure(url))[0] == code


async def test_a_server_that_says_nothing_is_left_after_half_a_minute(clock: MockClock) -> None:
    async def silent(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with listening(silent) as url:
        began = trio.current_time()
        assert await failure(url) == ("login_timeout", "http://127.0.0.1:PORT did not finish the login in 30 s")
        assert trio.current_time() - began < 32


async def test_a_recorder_that_never_answers_is_away_and_waits_for_nobody(clock: MockClock) -> None:
    async def silent(_: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with listening(silent) as url:
        with pytest.raises(Unavailable, match="did not answer in 60 s"):
            async with opened(Endpoint(home="home", url=url, token=str)):
                pass


async def test_a_home_that_is_shutting_down_closes_before_it_answers_which_is_told_at_once(clock: MockClock) -> None:
    async def close(stream: trio.SocketStream) -> None:
        await stream.aclose()

    async with listening(close) as url:
        began = trio.current_time()
        assert await failure(url) == ("closed", "http://127.0.0.1:PORT closed the connection before it answered")
        with pytest.raises(Unavailable, match="closed the connection before it answered"):
            async with opened(Endpoint(home="home", url=url, token=str)):
                pass
        assert trio.current_time() - began < 2


@pytest.mark.parametrize(("said", "sentence"), [
    ("hello", "what answers at HA_URL does not speak like Home Assistant"),
    ('{"type": "welcome"}', "expected a login, Home Assistant said welcome"),
])  # fmt: skip
async def test_a_websocket_that_is_no_home_is_told_apart(clock: MockClock, said: str, sentence: str) -> None:
    async def chat(request: WebSocketRequest) -> None:
        socket = await request.accept()
        try:
            await socket.send_message(said)
            await socket.get_message()
        except ConnectionClosed:
            pass

    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, chat, "127.0.0.1", 0, None)
        assert await failure(f"http://127.0.0.1:{server.port}") == ("protocol", sentence)
        nursery.cancel_scope.cancel()
