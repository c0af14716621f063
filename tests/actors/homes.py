"""A connection's surroundings inside one Trio run: a simulated home on loopback, and what may stand in its place."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from random import Random

import trio

from ingestor.homeassistant.endpoint import Endpoint
from ingestor.live.connection import Connection
from ingestor.live.frames import CommandSent, Frame, HomeMessage, SessionStarted
from ingestor.live.reconnect import Reconnect
from ingestor.model.channels import Outbox
from ingestor.simulator.home import SimulatedHome
from ingestor.simulator.server import SimulatedServer
from ingestor.storage.valve import Valve
from tests.actors.heard import Heard

TOKEN = "token-of-the-simulated-home"  # noqa: S105  it opens nothing


def simulated(tls: ssl.SSLContext | None = None) -> SimulatedServer:
    """Return a home that is not running yet."""
    return SimulatedServer(SimulatedHome(), token=TOKEN, remember=True, tls=tls)


class Rig:
    """A connection with everything around it; `received` is its stream, `token` may be changed."""

    def __init__(self, url: str, *, token: str = TOKEN, ca_file: Path | None = None) -> None:
        self.token = token
        self.heard = Heard()
        self.received: list[HomeMessage] = []
        self.ended = trio.Event()
        self.send, self._stream = trio.open_memory_channel[list[HomeMessage]](0)
        self.commands, asked = trio.open_memory_channel[list[str]](4)
        endpoint = Endpoint(home="home", url=url, token=lambda: self.token, ca_file=ca_file)
        self.valve = Valve()
        self.connection = Connection(
            endpoint, Outbox(self.send), asked, Reconnect(Random(1)), self.valve, self.heard, lambda: 0
        )

    async def collect(self) -> None:
        """Take in the stream until it ends."""
        async for messages in self._stream:
            self.received += messages
        self.ended.set()

    def shape(self) -> list[str]:
        """Return the stream in short: `session 1`, `asked states`, `frame`, with repetitions left out."""
        said: list[str] = []
        for message in self.received:
            match message:
                case SessionStarted():
                    word = f"session {message.session}"
                case CommandSent():
                    word = f"asked {message.command}"
                case Frame():
                    word = f"frame {message.session}"
            if said[-1:] != [word]:
                said.append(word)
        return said

    def events(self) -> int:
        """Return how many changes came."""
        return sum(m.text.count('"event_type":"state_changed"') for m in self.received if isinstance(m, Frame))


@asynccontextmanager
async def running(rig: Rig) -> AsyncGenerator[Rig]:
    """Run a rig until the end of the block."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.collect)
        await nursery.start(rig.connection.run)
        yield rig
        nursery.cancel_scope.cancel()
    assert rig.heard.undeclared == []


@asynccontextmanager
async def serving(server: SimulatedServer) -> AsyncGenerator[trio.Nursery]:
    """Run a home until the end of the block."""
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        yield nursery
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def listening(answer: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncGenerator[str]:
    """Serve a TCP handler until the end of the block; the address is given."""
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, host="127.0.0.1"), answer, 0)
        yield f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        nursery.cancel_scope.cancel()


class Wire:
    """A cable to a home that can be cut without either end being told."""

    def __init__(self, port: int) -> None:
        self.cut = False
        self.near: list[trio.SocketStream] = []
        self._port = port

    async def __call__(self, near: trio.SocketStream) -> None:
        self.near.append(near)
        far = await trio.open_tcp_stream("127.0.0.1", self._port)
        async with far, trio.open_nursery() as nursery:
            nursery.start_soon(self._carry, near, far)
            await self._carry(far, near)
            nursery.cancel_scope.cancel()

    async def _carry(self, source: trio.SocketStream, sink: trio.SocketStream) -> None:
        try:
            async for part in source:
                if not self.cut:
                    await sink.send_all(part)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
