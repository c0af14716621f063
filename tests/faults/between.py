"""What stands between the service and its peers, and changes what these say: in front of sockets, and of HTTP servers.

Both run in threads of their own, and pass everything on as it is while `changes` is none.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias

import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    connect_websocket_url,
    serve_websocket,
)

from tests.servers.samples import messages

HOP = {"connection", "keep-alive", "transfer-encoding", "host"}
Says: TypeAlias = "str | bytes | None"
"""A frame to send: text, bytes that are none, or none to close in the middle."""


@dataclass
class Talk:
    """One connection of a client; `asked` are the types of its commands by their ids."""

    asked: dict[int, str] = field(default_factory=dict)
    frames: int = 0


class BetweenSockets:
    """In front of a home. `changes` gets each frame of the home and returns what to say instead; `refusal` the status
    and headers with which the next upgrade is refused, if any."""

    def __init__(self, url: str) -> None:
        self.changes: Callable[[str, Talk], list[Says]] | None = None
        self.refusal: Callable[[], tuple[int, list[tuple[bytes, bytes]]] | None] | None = None
        self.port = 0
        self._target = f"{url.replace('http', 'ws', 1)}/api/websocket"
        self._started = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._run,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._thread.start()
        self._started.wait(10)

    def stop(self) -> None:
        trio.from_thread.run_sync(self._nursery.cancel_scope.cancel, trio_token=self._token)
        self._thread.join()

    async def _run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as self._nursery:
            server = await self._nursery.start(serve_websocket, self._serve, "127.0.0.1", 0, None)
            self.port = server.port
            self._started.set()

    async def _serve(self, request: WebSocketRequest) -> None:
        refusal = self.refusal() if self.refusal else None
        if refusal is not None:
            status, headers = refusal
            await request.reject(status, extra_headers=headers, body=b"<html>no</html>")
            return
        with suppress(OSError, ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
            client = await request.accept()
            async with trio.open_nursery() as nursery:
                home = await connect_websocket_url(nursery, self._target, max_message_size=2**26)
                talk = Talk()
                nursery.start_soon(self._carry_commands, client, home, talk)
                await self._carry_frames(home, client, talk)
                await home.aclose()
                nursery.cancel_scope.cancel()
        with suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            await client.aclose()

    async def _carry_commands(self, client: WebSocketConnection, home: WebSocketConnection, talk: Talk) -> None:
        with suppress(ConnectionClosed):
            while True:
                frame = await client.get_message()
                talk.asked |= {said.get("id", 0): said["type"] for said in messages(frame)}
                await home.send_message(frame)
        with suppress(ConnectionClosed):
            await home.aclose()

    async def _carry_frames(self, home: WebSocketConnection, client: WebSocketConnection, talk: Talk) -> None:
        with suppress(ConnectionClosed):
            while True:
                frame = str(await home.get_message())
                talk.frames += 1
                for said in self.changes(frame, talk) if self.changes else [frame]:
                    if said is None:
                        await client._stream.send_all(b"\x81\x7e\xff")  # a frame that ends before it has begun
                        await trio.aclose_forcefully(client._stream)
                        return
                    await client.send_message(said)


class BetweenRequests:
    """In front of an HTTP server. `changes` gets method, path and the whole answer, and returns the bytes to send."""

    def __init__(self, port: int) -> None:
        self.changes: Callable[[str, str, bytes], bytes] | None = None
        handler = type("Handler", (_Handler,), {"between": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.target = port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    between: BetweenRequests
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library's name
        """Say nothing."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self._asked(body)
        changes = self.between.changes
        self.close_connection = changes is not None
        with suppress(OSError):
            self.wfile.write(changes(self.command, self.path, answer) if changes else answer)
            if changes:
                self.connection.shutdown(socket.SHUT_WR)

    def _asked(self, body: bytes) -> bytes:
        connection = HTTPConnection("127.0.0.1", self.between.target, timeout=10)
        try:
            given = {name: text for name, text in self.headers.items() if name.lower() not in HOP}
            connection.request(self.command, self.path, body, given)
            answer = connection.getresponse()
            said = answer.read()
        except (OSError, HTTPException):
            return b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"
        finally:
            connection.close()
        headers = [
            f"{name}: {text}" for name, text in answer.getheaders() if name.lower() not in {*HOP, "content-length"}
        ]
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *headers]
        if answer.status != 204:
            lines.append(f"Content-Length: {len(said)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + said

    do_GET = do_POST = do_PATCH = do_HEAD = _answer  # noqa: N815  the standard library's names
