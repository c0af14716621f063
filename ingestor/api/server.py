"""The actor that serves the REST application, in the service's own tree: HTTP/1.1 over connections that are few.

When all of them are taken, the oldest makes room for a new one: of those whose client we wait for, while there are any.
So a crowd of silent clients keeps nobody out, and costs no file that something else needs.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from functools import partial

import trio

from ingestor.api.http import Application, Doing, HttpConnection
from ingestor.model.errors import ConfigError
from supervisors import Progress

GRACE_SECONDS = 2.0
MAXIMUM_CONNECTIONS = 64  # a process may have 1024 files open, on some systems 256


class Room:
    """The connections that are open, the oldest first."""

    def __init__(self) -> None:
        self._open: dict[HttpConnection, trio.CancelScope] = {}

    @contextmanager
    def taken(self, connection: HttpConnection) -> Generator[None]:
        """Hold a place for a connection; the block is cancelled when another one needs it."""
        if len(self._open) >= MAXIMUM_CONNECTIONS:
            self._close(next((one for one in self._open if one.doing is not Doing.WORKING), next(iter(self._open))))
        with trio.CancelScope() as scope:
            self._open[connection] = scope
            try:
                yield
            finally:
                self._open.pop(connection, None)

    def leave(self) -> None:
        """Close every connection that waits for a request, and the others with their answers."""
        for connection in list(self._open):
            connection.is_last = True
            if connection.doing is Doing.WAITING:
                self._close(connection)

    def _close(self, connection: HttpConnection) -> None:
        self._open.pop(connection).cancel()


class ApiServer:
    """Serves on `API_HOST:API_PORT`; port 0 takes any. The address is bound when it is made, once for all restarts.

    Raises `ConfigError` when the address cannot be bound.
    """

    def __init__(self, application: Callable[[], Application], host: str, port: int) -> None:
        self.progress = Progress()
        self._application = application
        self._socket = bound(host, port)
        self._draining = trio.Event()

    @property
    def url(self) -> str:
        """Where it listens."""
        host, port = self._socket.getsockname()[:2]
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def drain(self) -> None:
        """Answer what was asked, then stop."""
        self._draining.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until drained."""
        application, room = self._application(), Room()

        async def serve(stream: trio.SocketStream) -> None:
            connection = HttpConnection(application, stream)
            with room.taken(connection):
                await connection.run()

        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._socket.dup()))
        async with trio.open_nursery() as connections:
            async with trio.open_nursery() as accepting:
                await accepting.start(partial(trio.serve_listeners, serve, [listener], handler_nursery=connections))
                task_status.started()
                await self._draining.wait()
                accepting.cancel_scope.cancel()
            connections.cancel_scope.deadline = trio.current_time() + GRACE_SECONDS
            room.leave()

    def close(self) -> None:
        """Give the address back."""
        self._socket.close()


def bound(host: str, port: int) -> socket.socket:
    """Return a socket that listens there. Raises `ConfigError` when the address cannot be bound."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as unfinished:
            made = unfinished.enter_context(socket.socket(family, kind, protocol))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(address)
            made.listen(100)
            unfinished.pop_all()
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "another program uses it: set another API_PORT" if taken else str(error.strerror or error)
        raise ConfigError([f"API_HOST, API_PORT: cannot listen on {host}:{port}: {reason}"]) from None
    made.setblocking(False)  # noqa: FBT003  the standard library's signature
    return made
