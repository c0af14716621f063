"""The actor that serves the REST application, under Hypercorn's Trio worker, in the service's own tree."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable

import trio
from fastapi import FastAPI
from hypercorn.config import Config
from hypercorn.trio import serve

from ingestor.model.errors import ConfigError
from supervisors import Progress

GRACE_SECONDS = 2.0


class ApiServer:
    """Serves on `API_HOST:API_PORT`; port 0 takes any. The address is bound when it is made, once for all restarts.

    Raises `ConfigError` when the address cannot be bound.
    """

    def __init__(self, application: Callable[[], FastAPI], host: str, port: int) -> None:
        self.progress = Progress()
        self._application = application
        self._socket = _bound(host, port)
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
        config = Config()
        config.bind = [f"fd://{self._socket.dup().detach()}"]
        config.graceful_timeout = GRACE_SECONDS
        config.accesslog = None
        config.errorlog = logging.getLogger("hypercorn.error")
        async with trio.open_nursery() as nursery:
            await nursery.start(_serve, self._application(), config, self._draining.wait)
            task_status.started()

    def close(self) -> None:
        """Give the address back."""
        self._socket.close()


async def _serve(
    app: FastAPI, config: Config, until: Callable[..., object], *, task_status: trio.TaskStatus[object]
) -> None:
    await serve(app, config, shutdown_trigger=until, task_status=task_status, mode="asgi")  # type: ignore[arg-type]  # ASGI


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        made = socket.socket(family, kind, protocol)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        reason = "another program uses it: set another API_PORT" if taken else str(error.strerror or error)
        raise ConfigError([f"API_HOST, API_PORT: cannot listen on {host}:{port}: {reason}"]) from None
    made.listen(100)
    made.setblocking(False)  # noqa: FBT003  the standard library's signature
    return made
