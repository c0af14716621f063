"""Where a home is and how its socket is opened; every failure becomes a sentence that the user can act on."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import h11
import trio
from trio_websocket import ConnectionRejected, HandshakeError, WebSocketConnection, wrap_client_stream

from ingestor.homeassistant.gathering import GatheringStream
from ingestor.model.errors import CredentialsRefused, RemoteProtocolError, Unavailable, first
from metrics.codes import ErrorCode

MAXIMUM_MESSAGE_BYTES = 64 * 1024 * 1024  # a burst of 4,000 changes came as one frame of 4.3 MB
RECEIVE_BUFFER_BYTES = 256 * 1024  # a third of the cost per event of the library's 4 KiB
QUEUED_MESSAGES = 64  # what one read brings, as a rule
CLOSE_SECONDS = 1.0
OPENING_SECONDS = 60.0  # for the connection, and again for the upgrade
_FORBIDDEN = {401, 403}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A home's address. `token` is asked anew for each login; it is kept out of the repr."""

    home: str
    url: str
    token: Callable[[], str]
    ca_file: Path | None = None

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
            raise RemoteProtocolError(f"what answers at {self.url} does not speak WebSocket") from None
        finally:
            await trio.aclose_forcefully(stream)

    async def _stream(self, pause_seconds: Callable[[], float]) -> trio.abc.Stream:
        parts = urlsplit(self.url)
        host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
        try:
            transport = GatheringStream(await trio.open_tcp_stream(host, port), pause_seconds)
        except OSError as error:
            raise Unavailable(f"no connection to {self.url}: {error}", code=ErrorCode.UNREACHABLE) from None
        if parts.scheme == "http":
            return transport
        try:
            context = self._tls_context()
            stream = trio.SSLStream(transport, context, server_hostname=host, https_compatible=True)
            await stream.do_handshake()
        except BaseException as error:
            await trio.aclose_forcefully(transport)
            if isinstance(error, trio.BrokenResourceError):
                raise Unavailable(self._tls_sentence(error.__cause__), code=ErrorCode.TLS) from None
            raise
        return stream

    def _tls_context(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError:
            raise Unavailable(
                f"HA_CA_FILE: {self.ca_file} cannot be read as a certificate", code=ErrorCode.TLS
            ) from None

    def _tls_sentence(self, cause: BaseException | None) -> str:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {self.url} is not trusted ({cause.verify_message}); set HA_CA_FILE to its CA"
        return f"no TLS with {self.url}: {cause}"

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
        raise Unavailable(f"{self.url} closed the connection before it answered", code=ErrorCode.CLOSED)

    @contextmanager
    def _in_time(self) -> Generator[trio.CancelScope]:
        """Raise `Unavailable` when it takes longer than `OPENING_SECONDS`."""
        with trio.move_on_after(OPENING_SECONDS) as scope:
            yield scope
        if scope.cancelled_caught and trio.current_time() >= scope.deadline:
            raise Unavailable(f"{self.url} did not answer in {OPENING_SECONDS:g} s", code=ErrorCode.TIMEOUT)

    def _rejected(self, group: BaseExceptionGroup[ConnectionRejected]) -> CredentialsRefused | RemoteProtocolError:
        status = first(group).status_code
        if status in _FORBIDDEN:
            return CredentialsRefused(
                f"Home Assistant forbids this machine's address (HTTP {status}): see its ip_bans.yaml",
                hint="remove the address from ip_bans.yaml, and restart Home Assistant",
            )
        return RemoteProtocolError(f"{self.url} answered HTTP {status}, no WebSocket")


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
