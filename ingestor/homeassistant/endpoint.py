"""Where a home is and how its socket is opened; every failure becomes a sentence that the user can act on."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import h11
import trio
from trio_websocket import ConnectionRejected, HandshakeError, WebSocketConnection, wrap_client_stream

from ingestor.homeassistant.gathering import GatheringStream
from ingestor.model import tls
from ingestor.model.errors import CredentialsRefused, RemoteProtocolError, Unavailable, first
from metrics.codes import ErrorCode

MAXIMUM_MESSAGE_BYTES = 64 * 1024 * 1024  # a burst of 4,000 changes came as one frame of 4.3 MB
RECEIVE_BUFFER_BYTES = 256 * 1024  # a third of the cost per event of the library's 4 KiB
QUEUED_MESSAGES = 64  # what one read brings, as a rule
CLOSE_SECONDS = 1.0
OPENING_SECONDS = 60.0  # for the connection, and again for the upgrade


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A home's address. `token` is asked anew for each login; it is kept out of the repr."""

    home: str
    url: str
    token: Callable[[], str]
    ca_file: Path | None = None
    certificate_name: str | None = None

    def __repr__(self) -> str:
        """Show where it is, without its token."""
        return f"Endpoint(home={self.home!r}, url={self.url!r})"

    @asynccontextmanager
    async def open(
        self, maximum_bytes: int = MAXIMUM_MESSAGE_BYTES, pause_seconds: Callable[[], float] = lambda: 0.0
    ) -> AsyncGenerator[WebSocketConnection]:
        """Hold an open socket; it is closed at the end, by force after a second. A larger message ends it (code 1009).

        `pause_seconds` says before each read how long messages may gather.

        Raises `Unavailable`, `CredentialsRefused` (the address is banned) or `RemoteProtocolError` while opening.
        """
        with self._in_time():
            stream = await self._stream(pause_seconds)
        try:
            async with trio.open_nursery() as nursery:
                socket = await self._upgrade(nursery, stream, maximum_bytes)
                try:
                    yield socket
                finally:
                    with trio.move_on_after(CLOSE_SECONDS, shield=True):
                        await socket.aclose()
                    nursery.cancel_scope.cancel()
        except* ConnectionRejected as group:  # the library's reader raises these, in a task of its own
            raise self._rejected(group) from None
        except* (HandshakeError, h11.ProtocolError):
            wants_https = await self._speaks_tls()
            no_websocket = RemoteProtocolError(f"what answers at {self.url} does not speak WebSocket")
            raise (self._wants_https() if wants_https else no_websocket) from None
        finally:
            await trio.aclose_forcefully(stream)

    async def _stream(self, pause_seconds: Callable[[], float]) -> trio.abc.Stream:
        host, port = tls.address_of(self.url)
        try:
            transport = GatheringStream(await trio.open_tcp_stream(host, port), pause_seconds)
        except OSError as error:
            raise Unavailable(f"no connection to {self.url}: {error}", code=ErrorCode.UNREACHABLE) from None
        if self.url.startswith("http:"):
            return transport
        try:
            context, name = self._tls_context(), self.certificate_name or host
            stream = trio.SSLStream(transport, context, server_hostname=name, https_compatible=True)
            await stream.do_handshake()
        except BaseException as error:
            await trio.aclose_forcefully(transport)
            if isinstance(error, trio.BrokenResourceError):
                said = await tls.sentence(self.url, error.__cause__, "HA", self.ca_file)
                raise Unavailable(said, code=ErrorCode.TLS) from None
            raise
        return stream

    def _tls_context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError:
            raise Unavailable(
                f"HA_CA_FILE: {self.ca_file} cannot be read as a certificate", code=ErrorCode.TLS
            ) from None

    async def _upgrade(
        self,
        nursery: trio.Nursery,
        stream: trio.abc.Stream,
        maximum_bytes: int,
    ) -> WebSocketConnection:
        parts = urlsplit(self.url)
        with self._in_time() as opening:
            return await wrap_client_stream(
                cast("trio.Nursery", _Reading(nursery, opening)),
                cast("trio.SocketStream", stream),  # the library takes any stream
                parts.netloc,
                f"{parts.path}/api/websocket",
                message_queue_size=QUEUED_MESSAGES,
                max_message_size=maximum_bytes,
                receive_buffer_size=RECEIVE_BUFFER_BYTES,
            )
        if await self._speaks_tls():
            raise self._wants_https()
        raise Unavailable(f"{self.url} closed the connection before it answered", code=ErrorCode.CLOSED)

    @contextmanager
    def _in_time(self) -> Generator[trio.CancelScope]:
        """Raise `Unavailable` when it takes longer than `OPENING_SECONDS`."""
        with trio.move_on_after(OPENING_SECONDS) as scope:
            yield scope
        if scope.cancelled_caught and trio.current_time() >= scope.deadline:
            raise Unavailable(f"{self.url} did not answer in {OPENING_SECONDS:g} s", code=ErrorCode.TIMEOUT)

    def _rejected(self, group: BaseExceptionGroup[ConnectionRejected]) -> CredentialsRefused | RemoteProtocolError:
        refusal = first(group)
        status, said = refusal.status_code, (refusal.body or b"").lower()
        if status == HTTPStatus.FORBIDDEN:
            return CredentialsRefused(
                f"Home Assistant forbids this machine's address (HTTP {status}): see its ip_bans.yaml",
                hint="remove the address from ip_bans.yaml, and restart Home Assistant",
            )
        sentence = f"{self.url} answered HTTP {status}, no WebSocket"
        locations = [value.decode("latin-1") for name, value in refusal.headers or () if name.lower() == b"location"]
        if status == HTTPStatus.UNAUTHORIZED:
            sentence = f"something in front of Home Assistant at {self.url} wants a log-in of its own (HTTP {status})"
        elif locations:
            sentence = f"{self.url} sends us on to {locations[0]}: set HA_URL to where Home Assistant itself answers"
        elif status == HTTPStatus.BAD_REQUEST and b"https" in said:
            return self._wants_https()
        elif status == HTTPStatus.BAD_REQUEST:
            sentence += (
                ": a proxy has to pass on the headers Upgrade and Connection,"
                " and has to be among the trusted_proxies of Home Assistant"
            )
        return RemoteProtocolError(sentence)

    async def _speaks_tls(self) -> bool:
        """Return whether what is asked without TLS speaks it."""
        return self.url.startswith("http:") and await tls.speaks_tls(*tls.address_of(self.url))

    def _wants_https(self) -> RemoteProtocolError:
        return RemoteProtocolError(f"what answers at {self.url} speaks TLS: begin HA_URL with https://")


@dataclass(frozen=True, slots=True)
class _Reading:
    """The nursery of the library's reader: one that finds the connection closed ends the `opening`, which waits for it.

    The library itself waits for ever for an answer that its reader did not get.
    """

    nursery: trio.Nursery
    opening: trio.CancelScope

    def start_soon(self, read: Callable[[], Awaitable[None]]) -> None:
        self.nursery.start_soon(self._read, read)

    async def _read(self, read: Callable[[], Awaitable[None]]) -> None:
        await read()
        self.opening.cancel()
