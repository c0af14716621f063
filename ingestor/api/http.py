"""One HTTP/1.1 connection to the API: h11 reads and writes the protocol, an ASGI application answers.

A client that is slow or silent costs one small connection for a short time, whatever it sends:

    waiting for a request   the head has `HEAD_SECONDS` from the answer before, and 16 KiB
    reading its body        only when the application asks for it, which it does once it knows the caller
    working                 as long as the application takes
    writing the answer      `WRITE_SECONDS` for each 64 KiB
    after the answer        what the client goes on sending is thrown away for `LINGER_SECONDS`, so that it can read why

Neither HTTP/2 nor WebSocket is spoken.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from email.utils import formatdate
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, TypeAlias
from urllib.parse import unquote

import h11
import trio

from ingestor.api.errors import failure
from ingestor.model.errors import UsageError

HEAD_SECONDS = 5.0
WRITE_SECONDS = 10.0
LINGER_SECONDS = 3.0
HEAD_BYTES = 16 * 1024
READ_BYTES = 64 * 1024
_FRAMING = {b"content-length", b"transfer-encoding"}

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_log = logging.getLogger(__name__)
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError)


class Doing(Enum):
    """What happens on a connection: for all but WORKING it is the client that we wait for."""

    WAITING = auto()
    READING = auto()
    WORKING = auto()
    WRITING = auto()


class HttpConnection:
    """Answers requests one after another, until the client is gone, too slow, or `is_last` is set."""

    def __init__(self, application: Application, stream: trio.SocketStream) -> None:
        self.doing = Doing.WAITING
        self.is_last = False
        self._application = application
        self._stream = stream
        self._protocol = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
        self._is_gone = False
        self._is_head = False

    async def run(self) -> None:
        """Serve the connection to its end; who calls it closes the stream."""
        while not self.is_last and not self._is_gone:
            self.doing = Doing.WAITING
            request = await self._head()
            if request is None:
                return
            await self._answer(request)
            if self._protocol.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
                break
            self._protocol.start_next_cycle()
        if self._protocol.their_state is h11.SEND_BODY:
            await self._linger()

    async def _head(self) -> h11.Request | None:
        """Return the next request; None at the end, also of our patience."""
        try:
            with trio.fail_after(HEAD_SECONDS):
                event = await self._event()
        except _GONE:
            return None
        except h11.RemoteProtocolError as error:
            await self._refuse(error)
            return None
        if not isinstance(event, h11.Request):
            return None
        names = {name for name, _ in event.headers}
        if not names & _FRAMING:
            self._protocol.next_event()  # its end
        return event

    async def _event(self) -> Any:  # noqa: ANN401  h11's events have no common type
        while (event := self._protocol.next_event()) is h11.NEED_DATA:
            self._protocol.receive_data(await self._stream.receive_some(READ_BYTES))
        if isinstance(event, h11.Request) and not event.http_version.startswith(b"1."):
            raise h11.RemoteProtocolError("only HTTP/1.1 is spoken")
        if isinstance(event, h11.Request) and {name for name, _ in event.headers} >= _FRAMING:
            raise h11.RemoteProtocolError("a body has one length: a proxy might see two requests here")
        return event

    async def _answer(self, request: h11.Request) -> None:
        self.doing = Doing.WORKING
        self._is_head = request.method == b"HEAD"
        try:
            await self._application(self._scope(request), self._receive, self._send)
        except Exception:  # noqa: BLE001  whatever fails in a request ends no other one
            _log.exception("a request failed")

    def _scope(self, request: h11.Request) -> MutableMapping[str, Any]:
        path, _, query = request.target.partition(b"?")
        socket = self._stream.socket
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": request.http_version.decode(),
            "method": request.method.decode(),
            "scheme": "http",
            "path": unquote(path.decode()),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": list(request.headers),
            "server": socket.getsockname()[:2],
        }

    async def _receive(self) -> Message:
        """Return the next part of the body; the client may take as long as the application lets it."""
        if self._protocol.their_state is not h11.SEND_BODY or self._is_gone:
            return {"type": "http.disconnect" if self._is_gone else "http.request"}
        self.doing = Doing.READING
        try:
            if self._protocol.they_are_waiting_for_100_continue:
                await self._write(h11.InformationalResponse(status_code=100, headers=[]))
            event = await self._event()
        except h11.RemoteProtocolError:
            return {"type": "http.disconnect"}
        except _GONE:
            self._is_gone = True
            return {"type": "http.disconnect"}
        finally:
            self.doing = Doing.WORKING
        if isinstance(event, h11.Data):
            return {"type": "http.request", "body": bytes(event.data), "more_body": True}
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Message) -> None:
        """Send a part of the answer; to a client that is gone, nothing."""
        if self._is_gone:
            return
        self.doing = Doing.WRITING
        try:
            if message["type"] == "http.response.start":
                headers = [*message["headers"], (b"date", formatdate(usegmt=True).encode())]
                if self.is_last or self._protocol.their_state is not h11.DONE:
                    headers.append((b"connection", b"close"))
                await self._write(h11.Response(status_code=message["status"], headers=headers))
                return
            body = message.get("body", b"") if not self._is_head else b""
            for start in range(0, len(body), READ_BYTES):
                await self._write(h11.Data(data=body[start : start + READ_BYTES]))
            if not message.get("more_body", False):
                await self._write(h11.EndOfMessage())
        except _GONE:
            self._is_gone = True
        finally:
            self.doing = Doing.WORKING

    async def _write(self, event: h11.Event) -> None:
        data = self._protocol.send(event)
        if data:
            with trio.fail_after(WRITE_SECONDS):
                await self._stream.send_all(data)

    async def _refuse(self, error: h11.RemoteProtocolError) -> None:
        """Answer what is no HTTP."""
        if self._protocol.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        hint = error.error_status_hint
        status = hint if hint < HTTPStatus.INTERNAL_SERVER_ERROR else HTTPStatus.BAD_REQUEST  # it is no failure of ours
        answer = failure(status, UsageError("this is no request of HTTP/1.1 that is served"))
        await self._send({"type": "http.response.start", "status": answer.status_code, "headers": answer.raw_headers})
        await self._send({"type": "http.response.body", "body": answer.body})
        await self._linger()

    async def _linger(self) -> None:
        """Let the client read its answer: closing while it still sends would take that from it."""
        self.doing = Doing.WAITING
        try:
            with trio.move_on_after(LINGER_SECONDS):
                await self._stream.send_eof()
                while await self._stream.receive_some(READ_BYTES):
                    pass
        except _GONE:
            pass
