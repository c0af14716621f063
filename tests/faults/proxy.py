"""A TCP proxy that stands between any client and server on loopback and spoils their connection on demand.

It runs in a thread of its own; everything may be called and set from another one, at any time. What two peers say is
`to_server` and `to_client`, each a `Way` with its own faults. An HTTP proxy can also answer requests by itself.
"""

from __future__ import annotations

import math
import socket
import struct
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeAlias

import trio

from tests.faults.replies import Judge, Reply, Request, passed_on

HOST = "127.0.0.1"
WAITING_PIECES = 64  # in one direction, before the proxy stops reading
WHOLE_BYTES = 65_536
SLICE_SECONDS = 0.001  # between slices, so that they travel one by one
STEP_SECONDS = 0.02  # how soon a fault that was set from another thread is noticed

_Piece: TypeAlias = tuple[float, bytes]  # with the time when it is due


class _Reset(Exception):
    """The connection is to end with a RST."""


@dataclass
class Way:
    """What happens to the bytes of one direction, from the next piece on."""

    delay_seconds: float = 0.0
    bytes_per_second: float = math.inf
    slice_bytes: int = WHOLE_BYTES
    stopped: bool = False
    """Nothing passes, and nobody is told: half-open with one way, a black hole with both."""
    resets: bool = False
    """What comes is swallowed and the connection reset: to the client, after the server has done what it was asked."""

    def clear(self) -> None:
        """Let everything pass again."""
        vars(self).update(vars(Way()))

    async def carry(self, data: bytes, sink: trio.SocketStream) -> None:
        """Send data as this way has it."""
        size = max(1, min(self.slice_bytes, int(min(self.bytes_per_second, 1e9) * 0.1)))
        for start in range(0, len(data), size):
            while self.stopped:  # noqa: ASYNC110  set from another thread, where no trio event can be
                await trio.sleep(STEP_SECONDS)
            if self.resets:
                raise _Reset
            piece = data[start : start + size]
            await sink.send_all(piece)
            pause = SLICE_SECONDS if self.slice_bytes < WHOLE_BYTES else 0.0
            await trio.sleep(max(pause, len(piece) / self.bytes_per_second))


@dataclass(eq=False)
class Life:
    """One connection that a client made; the times are Unix nanoseconds."""

    client: trio.SocketStream
    server: trio.SocketStream
    scope: trio.CancelScope = field(default_factory=trio.CancelScope)
    opened_ns: int = field(default_factory=time.time_ns)
    closed_ns: int | None = None

    def cut(self) -> None:
        """End in order."""
        self.scope.cancel()

    def reset(self) -> None:
        """End with a RST on both sides."""
        for stream in (self.client, self.server):
            _forget_what_waits(stream)
        self.scope.cancel()


class Proxy:
    """Listens on a port of its own and passes on to `port`. `lives` are all connections so far, in their order."""

    def __init__(self, port: int, *, judge: Judge | None = None, http: bool = False) -> None:
        self.to_server = Way()
        self.to_client = Way()
        self.judge = judge
        self.lives: list[Life] = []
        self.port = 0
        self._target = port
        self._http = http
        self._started = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._run,), daemon=True)

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://{HOST}:{self.port}"

    def start(self) -> None:
        """Start it."""
        self._thread.start()
        self._started.wait(10)

    def stop(self) -> None:
        """End it and all connections."""
        self._in_thread(self._nursery.cancel_scope.cancel)
        self._thread.join()

    def refuse(self) -> None:
        """Stop listening, so that the kernel refuses, and cut who is connected."""
        self._in_thread(self._listening.cancel)
        self.cut()

    def accept(self) -> None:
        """Listen again, at the same port."""
        trio.from_thread.run(self._listen, trio_token=self._token)

    def cut(self) -> None:
        """Close all connections."""
        self._in_thread(lambda: self._end(Life.cut))

    def reset(self) -> None:
        """Reset all connections."""
        self._in_thread(lambda: self._end(Life.reset))

    def clear(self) -> None:
        """Take away all faults but a refusal."""
        self.to_server.clear()
        self.to_client.clear()
        self.judge = None

    def _end(self, how: Callable[[Life], None]) -> None:
        for life in self.lives:
            if life.closed_ns is None:
                how(life)

    def _in_thread(self, work: Callable[[], object]) -> None:
        trio.from_thread.run_sync(work, trio_token=self._token)

    async def _run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as self._nursery:
            await self._listen()
            self._started.set()
            await trio.sleep_forever()

    async def _listen(self) -> None:
        [listener] = await trio.open_tcp_listeners(self.port, host=HOST)
        self.port = listener.socket.getsockname()[1]
        self._listening = trio.CancelScope()
        self._nursery.start_soon(self._serve, listener, self._listening)

    async def _serve(self, listener: trio.SocketListener, scope: trio.CancelScope) -> None:
        with scope:
            await trio.serve_listeners(self._pass_on, [listener], handler_nursery=self._nursery)

    async def _pass_on(self, client: trio.SocketStream) -> None:
        try:
            server = await trio.open_tcp_stream(HOST, self._target)
        except OSError:
            _forget_what_waits(client)
            await trio.aclose_forcefully(client)
            return
        life = Life(client, server)
        self.lives.append(life)
        async with client, server:
            try:
                with life.scope:
                    await self._both_ways(life)
            except* (_Reset, OSError, trio.BrokenResourceError, trio.ClosedResourceError):
                life.reset()
            finally:
                life.closed_ns = life.closed_ns or time.time_ns()

    async def _both_ways(self, life: Life) -> None:
        answers, to_client = trio.open_memory_channel[_Piece](WAITING_PIECES)
        requests, to_server = trio.open_memory_channel[_Piece](WAITING_PIECES)

        async def reply(data: bytes) -> None:
            await answers.send((trio.current_time() + self.to_client.delay_seconds, data))

        said = passed_on(life.client, self._judged, reply) if self._http else _received(life.client)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_deliver, to_client, life.client, self.to_client)
            nursery.start_soon(_deliver, to_server, life.server, self.to_server)
            nursery.start_soon(_take, _received(life.server), answers.clone(), self.to_client)
            async with answers:
                await _take(said, requests, self.to_server)
            life.closed_ns = time.time_ns()

    def _judged(self, request: Request) -> Reply | None:
        return self.judge(request) if self.judge else None


async def _take(source: AsyncGenerator[bytes], entrance: trio.MemorySendChannel[_Piece], way: Way) -> None:
    """Hand on what a peer says, and its end, which is nothing."""
    async with entrance, aclosing(source):
        async for data in source:
            await entrance.send((trio.current_time() + way.delay_seconds, data))
        await entrance.send((trio.current_time() + way.delay_seconds, b""))


async def _received(stream: trio.SocketStream) -> AsyncGenerator[bytes]:
    async for data in stream:
        yield bytes(data)


async def _deliver(delayed: trio.MemoryReceiveChannel[_Piece], sink: trio.SocketStream, way: Way) -> None:
    async for due, data in delayed:
        await trio.sleep_until(due)
        if data:
            await way.carry(data, sink)
        else:
            await sink.send_eof()


def _forget_what_waits(stream: trio.SocketStream) -> None:
    """Let the next close be a RST."""
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
