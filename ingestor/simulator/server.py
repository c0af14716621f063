"""The simulated home's socket: it serves clients, makes changes at a rate, and cuts those who read too slowly."""

from __future__ import annotations

import math
import ssl
from collections.abc import Callable

import msgspec
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket

from ingestor.model.signals import Signal
from ingestor.simulator.home import Json, SimulatedHome
from ingestor.simulator.session import Closed, ServerSession

MAXIMUM_PENDING = 4096  # messages; then Home Assistant closes the socket, with 1000 and no word of why


class SimulatedServer:
    """Serves a home on loopback. `truth` lists every change that was made, while `remember` is set.

    While `mute` is set it says nothing, as a peer that died without closing.
    """

    def __init__(
        self, home: SimulatedHome, *, token: str, remember: bool = False, tls: ssl.SSLContext | None = None
    ) -> None:
        self.home = home
        self.mute = False
        self.truth: list[Json] = list(home.born)
        self.port = 0
        self._token = token
        self._remember = remember
        self._tls = tls
        self._clients: set[_Client] = set()
        self._stopping = trio.CancelScope()

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def clients(self) -> int:
        """How many clients have subscribed."""
        return sum("state_changed" in client.session.subscriptions.values() for client in self._clients)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until `stop` or cancelled; once started again it takes the same port."""
        with trio.CancelScope() as self._stopping:
            async with trio.open_nursery() as nursery:
                server = await nursery.start(serve_websocket, self._serve, "127.0.0.1", self.port, self._tls)
                self.port = server.port
                task_status.started()
                await trio.sleep_forever()

    def stop(self) -> None:
        """Stop serving: sockets close without a word, as when Home Assistant restarts."""
        self._stopping.cancel()

    def make_changes(self, count: int) -> None:
        """Make changes in one turn of the loop, and queue them for every client."""
        for _ in range(count):
            self.publish(self.home.change())

    def publish(self, event: Json) -> None:
        """Queue a change of the home for every client."""
        if self._remember:
            self.truth.append(event)
        for client in self._clients:
            for message in client.session.event_messages(event):
                client.put(message)

    async def change_at(self, rate: float, *, burst: int = 1, count: float = math.inf) -> None:
        """Make changes at a rate a second, `burst` at once, until `count` were made."""
        made, began = 0, trio.current_time()
        while made < count:
            self.make_changes(burst)
            made += burst
            await trio.sleep_until(began + made / rate)

    def send_raw(self, frame: str | bytes) -> None:
        """Send a frame as it is to every client: garbage, for tests."""
        for client in self._clients:
            client.put_raw(frame)

    async def _serve(self, request: WebSocketRequest) -> None:
        socket = await request.accept()
        client = _Client(socket, ServerSession(self.home, self._token), lambda: self.mute)
        self._clients.add(client)
        try:
            await client.live()
        finally:
            self._clients.discard(client)


class _Client:
    """One socket with what waits to be sent on it."""

    def __init__(self, socket: WebSocketConnection, session: ServerSession, mute: Callable[[], bool]) -> None:
        self.session = session
        self._mute = mute
        self._socket = socket
        self._pending: list[bytes] = []
        self._raw: list[str | bytes] = []
        self._wake = Signal()
        self._closing = False

    def put(self, message: Json) -> None:
        """Queue a message; too many, and the socket closes with none of them delivered, nor any after them."""
        if self._closing:
            return
        self._pending.append(msgspec.json.encode(message))
        if len(self._pending) > MAXIMUM_PENDING:
            self._pending.clear()
            self._closing = True
        self._wake.send()

    def put_raw(self, frame: str | bytes) -> None:
        """Queue a frame as it is."""
        self._raw.append(frame)
        self._wake.send()

    async def live(self) -> None:
        """Talk until either side closes."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send, self._wake.next)
            self.put(self.session.greet())
            try:
                while True:
                    text = await self._socket.get_message()
                    for answer in self.session.receive(text if isinstance(text, str) else text.decode()):
                        self.put(answer)
            except Closed as closed:
                for message in closed.messages:
                    self.put(message)
                self._closing = True
                self._wake.send()
            except ConnectionClosed:
                nursery.cancel_scope.cancel()

    async def _send(self, woken: trio.Event) -> None:
        try:
            while True:
                await woken.wait()
                woken = self._wake.next
                if self._mute():
                    continue
                pending, self._pending = self._pending, []
                for frame in self._frames(pending):
                    await self._socket.send_message(frame)
                while self._raw:
                    await self._socket.send_message(self._raw.pop(0))
                if self._closing:
                    await self._socket.aclose(1000)
                    return
        except ConnectionClosed:
            return

    def _frames(self, pending: list[bytes]) -> list[str]:
        texts = [message.decode() for message in pending]
        if self.session.coalescing and len(texts) > 1:
            return ["[" + ",".join(texts) + "]"]
        return texts
