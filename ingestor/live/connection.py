"""The actor that holds a home's socket: it logs in, subscribes, keeps it alive and passes its frames on, undecoded."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.session import SYNCHRONISING, Phase, Session
from ingestor.homeassistant.versions import doubt
from ingestor.live.frames import CommandSent, Frame, HomeMessage, SessionStarted
from ingestor.live.reconnect import Reconnect
from ingestor.model.channels import Outbox
from ingestor.model.errors import IngestorError, RemoteProtocolError, Unavailable, first
from ingestor.model.records import size_bytes
from ingestor.model.signals import Signal, first_of
from ingestor.storage.valve import Valve
from metrics import facts
from metrics.codes import ErrorCode, GapCause, IgnoredCode, Leaving, WarningCode
from supervisors import Progress

LOGIN_SECONDS = 30.0
SILENCE_SECONDS = 9.0  # then a ping is sent; a second such silence means that the peer is dead: 27 s at the longest
FAREWELL_SECONDS = 2.0  # for what is on its way, and the pong behind it
TOKEN_POLL_SECONDS = 5.0
GATHER_SECONDS = 0.09  # between two reads of the socket
SETTLING_SECONDS = 5.0  # without that: the time at which the cut is read bounds what an audit compares
FORWARD_SECONDS = 0.01  # for all that one read brought to be handed on together
HELD_BYTES = 32 * 1024 * 1024  # of frames that the subscription has not taken; beyond it the socket is not read
NORMAL = 1000
TOO_BIG = 1009  # the close code of RFC 6455 for an oversized message
_CRASHED = "the actor of the connection crashed"


class Connection:
    """Keeps one home connected, for as long as it runs; each socket is a new session with a number of its own.

    Every frame of the stream goes into the outbox, behind a `SessionStarted`; the tree owns the outbox, so that a crash
    of this actor loses nothing that was received. `commands` brings the names of answers to ask for again.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        outbox: Outbox[HomeMessage],
        commands: trio.MemoryReceiveChannel[list[str]],
        reconnect: Reconnect,
        valve: Valve,
        report: facts.Report,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.progress = Progress()
        self._endpoint = endpoint
        self._outbox = outbox
        self._commands = commands
        self._reconnect = reconnect
        self._valve = valve
        self._report = report
        self._clock_ns = clock_ns
        self._draining = trio.Event()
        self._number = 0
        # Why there is no session, as the ledger will say.
        self._away: tuple[str, str] = GapCause.SERVICE_DOWN, "the service did not run"
        self._is_open = False
        self._version = ""

    def drain(self) -> None:
        """Take in what Home Assistant has sent until now, then close the socket and end the stream."""
        self._draining.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Stay connected until drained."""
        self._arrived, self._taken = Signal(), Signal()
        self._held_bytes = 0
        self._held_frames = 0
        self._life: _Life | None = None
        if self._is_open:
            self._end_session(Leaving.CRASH, _CRASHED)
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._forward)
            nursery.start_soon(self._give_up_opening)
            while not self._draining.is_set():
                await self._wait_for_room()
                if not self._draining.is_set():
                    await self._wait(await self._connect())
            nursery.cancel_scope.cancel()
        await self._outbox.flush()
        await self._outbox.aclose()

    async def _connect(self) -> float:
        """Live through one session, or one failure to get one; return the delay before the next, in seconds."""
        self._life = life = _Life(self._endpoint.token())
        try:
            with life.opening:
                async with self._endpoint.open(pause_seconds=life.pause_seconds) as socket:
                    await self._live(socket, life)
        except* ConnectionClosed as group:
            life.error = _closed(first(group))
            life.closed_by_home = _is_by_home(first(group))
        except* IngestorError as group:
            life.error = first(group)
        if life.opening.cancelled_caught and not self._draining.is_set():
            sentence = f"{self._endpoint.url} did not finish the login in {LOGIN_SECONDS:g} s"
            life.error = Unavailable(sentence, code=ErrorCode.LOGIN_TIMEOUT)
        return self._after(life)

    def _after(self, life: _Life) -> float:
        error = life.error
        detail = str(error) if error else "; ".join(self._valve.reasons.values()) or "closed by us"
        home = self._endpoint.home
        if life.streaming:
            cause = GapCause.CLOSED_BY_HOME if life.closed_by_home else error.code if error else Leaving.PAUSED
            self._away = cause, detail
        if life.live_since is not None:
            leaving = Leaving.SHUTDOWN if self._draining.is_set() else Leaving.PAUSED
            code = error.code if error else leaving
            self._end_session(code, detail)
            return self._reconnect.after(error, lived_seconds=trio.current_time() - life.live_since)
        delay = self._reconnect.after(error)
        if error:
            self._report(facts.ConnectFailed(home=home, code=error.code, detail=detail, retry_seconds=delay))
        return delay

    def _begin_session(self, version: str) -> None:
        self._is_open = True
        self._report(facts.SessionOpened(home=self._endpoint.home, session=self._number, version=version))
        if version != self._version and (detail := doubt(version)):
            self._report(
                facts.Warned(
                    code=WarningCode.VERSION_UNTRIED,
                    detail=f"{self._endpoint.home} runs Home Assistant {version}, but {detail}",
                )
            )
        self._version = version

    def _end_session(self, code: ErrorCode | Leaving, detail: str) -> None:
        self._is_open = False
        self._report(facts.SessionClosed(home=self._endpoint.home, session=self._number, code=code, detail=detail))

    async def _live(self, socket: WebSocketConnection, life: _Life) -> None:
        async with trio.open_nursery() as nursery:
            while not life.session.is_at(Phase.LIVE):
                await self._receive(socket, life)
            life.opening.deadline = math.inf
            life.live_since = trio.current_time()
            self._begin_session(life.session.version)
            nursery.start_soon(self._leave, socket, life, nursery.cancel_scope)
            nursery.start_soon(self._keep_alive, socket, life)
            nursery.start_soon(self._ask, socket, life)
            while not life.session.is_at(Phase.LEFT):
                await self._receive(socket, life)
            nursery.cancel_scope.cancel()

    async def _receive(self, socket: WebSocketConnection, life: _Life) -> None:
        text = await socket.get_message()
        life.frames += 1
        if isinstance(text, bytes):
            detail = f"a binary frame of {len(text)} bytes"
            code = IgnoredCode.MALFORMED_FRAME
            self._report(facts.MessageIgnored(home=self._endpoint.home, code=code, detail=detail))
            return
        if life.streaming:
            self._put(Frame(session=self._number, received_at_ns=self._clock_ns(), text=text))
        self.progress.report()
        if not life.session.is_at(Phase.LIVE):
            for answer in life.session.receive(text):
                self._begin_stream(life)
                await socket.send_message(answer)
        while self._held_bytes > HELD_BYTES:
            await self._taken.wait()

    def _begin_stream(self, life: _Life) -> None:
        if not life.streaming and life.session.is_at(Phase.SUBSCRIBING):
            life.streaming = True
            self._number += 1
            results = life.session.results
            cause, detail = self._away
            self._away = GapCause.CRASH, _CRASHED
            self._put(
                SessionStarted(
                    session=self._number, at_ns=self._clock_ns(), results=results, cause=cause, detail=detail
                )
            )
            self._put(CommandSent(session=self._number, id=life.session.cut_id, command="states"))

    async def _ask(self, socket: WebSocketConnection, life: _Life) -> None:
        async for names in self._commands:
            for name in names:
                await self._send_command(name, socket, life)

    async def _send_command(self, name: str, socket: WebSocketConnection, life: _Life) -> None:
        number, frame = life.session.command(SYNCHRONISING.get(name, "get_config"))  # the latter is a fence
        self._put(CommandSent(session=self._number, id=number, command=name))
        await socket.send_message(frame)

    async def _keep_alive(self, socket: WebSocketConnection, life: _Life) -> None:
        while True:
            seen = life.frames
            await trio.sleep(SILENCE_SECONDS)
            if life.frames != seen:
                continue
            with trio.move_on_after(SILENCE_SECONDS):
                await socket.send_message(life.session.command("ping")[1])
                await trio.sleep_forever()
            if life.frames == seen:
                raise Unavailable(
                    f"Home Assistant was silent for {2 * SILENCE_SECONDS:g} s and did not answer a ping",
                    code=ErrorCode.PING_TIMEOUT,
                )

    async def _leave(self, socket: WebSocketConnection, life: _Life, scope: trio.CancelScope) -> None:
        await first_of(self._draining.wait, self._valve.wait_closed)
        with trio.move_on_after(FAREWELL_SECONDS):
            await socket.send_message(life.session.leave())
            await trio.sleep_forever()
        scope.cancel()

    async def _give_up_opening(self) -> None:
        await self._draining.wait()
        if self._life is not None and self._life.live_since is None:
            self._life.opening.cancel()

    def _put(self, message: HomeMessage) -> None:
        self._outbox.append(message)
        if isinstance(message, Frame):
            self._held_bytes += size_bytes(message.text)
            self._held_frames += 1
        self._arrived.send()

    async def _forward(self) -> None:
        arrived = self._arrived.next
        while True:
            await self._outbox.flush()
            self._taken.send()
            await arrived.wait()
            arrived = self._arrived.next
            await trio.sleep(FORWARD_SECONDS)
            frames, taken_bytes = self._held_frames, self._held_bytes
            self._held_frames = 0
            await self._outbox.flush()
            self._held_bytes -= taken_bytes
            self._report(facts.FramesReceived(home=self._endpoint.home, frames=frames, size_bytes=taken_bytes))

    async def _wait_for_room(self) -> None:
        """Leave the home alone while the valve is closed: Home Assistant's recorder keeps what happens."""
        if not self._valve.closed:
            return
        code, detail = next(iter(self._valve.reasons.items()))
        self._report(facts.HomePaused(home=self._endpoint.home, code=code, detail=detail))
        await first_of(self._valve.wait_open, self._draining.wait)
        self._report(facts.HomeResumed(home=self._endpoint.home))

    async def _wait(self, seconds: float) -> None:
        """Wait, but no longer than until the token changes or the drain begins."""
        token = self._endpoint.token()
        with trio.move_on_after(seconds):
            while self._endpoint.token() == token and not self._draining.is_set():
                with trio.move_on_after(TOKEN_POLL_SECONDS):
                    await self._draining.wait()


class _Life:
    """What happened on one socket so far."""

    def __init__(self, token: str) -> None:
        self.session = Session(token)
        self.opening = trio.CancelScope(deadline=trio.current_time() + LOGIN_SECONDS)
        self.streaming = False
        self.live_since: float | None = None
        self.frames = 0
        self.error: IngestorError | None = None
        self.closed_by_home = False

    def pause_seconds(self) -> float:
        """Return how long messages may gather before the next read; at the login and the farewell no time."""
        if self.live_since is None or not self.session.is_at(Phase.LIVE):
            return 0.0
        return GATHER_SECONDS if trio.current_time() >= self.live_since + SETTLING_SECONDS else 0.0


def _is_by_home(error: ConnectionClosed) -> bool:
    """Return whether Home Assistant closed the socket: at a restart, or because we were too slow for a burst."""
    return error.reason is not None and error.reason.code == NORMAL


def _closed(error: ConnectionClosed) -> IngestorError:
    reason = error.reason
    if reason is not None and reason.code == TOO_BIG:
        return RemoteProtocolError("Home Assistant sent a message larger than 64 MiB", code=ErrorCode.OVERSIZED_FRAME)
    said = f"code {reason.code} {reason.reason or ''}".strip() if reason else "no close frame"
    return Unavailable(f"the connection to Home Assistant closed ({said})", code=ErrorCode.CLOSED)
