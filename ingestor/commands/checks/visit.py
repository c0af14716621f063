"""A visit to one home: its sockets are opened once, as `run` opens them, for all the checks that ask what it said."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import msgspec
import trio
from msgspec import Raw, Struct
from trio_websocket import ConnectionClosed

from ingestor.assembly.live import endpoint_of
from ingestor.config import HomeSettings, Settings
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.recorder import opened
from ingestor.homeassistant.session import Phase, Session
from ingestor.homeassistant.snapshot import Snapshot, read
from ingestor.model import instants
from ingestor.model.errors import IngestorError, RemoteProtocolError, Unavailable, first
from ingestor.model.unreadable import UNREADABLE
from metrics.codes import ErrorCode

LOGIN_SECONDS = 5.0  # with every state and registry; less than a check has, so that it is told for what it is

T = TypeVar("T")


class Configured(Struct):
    """Where Home Assistant is, in degrees; 0 and 0 where nobody has said."""

    latitude: float | None = None
    longitude: float | None = None


class Recorded(Struct, frozen=True, kw_only=True):
    """What the recorder said, and by how much Home Assistant's clock is ahead of ours, at least."""

    is_recording: bool
    ahead_us: int


class Once(Generic[T]):
    """Does its work once, for all who call; each gets what that returned, or the error that it raised."""

    def __init__(self, work: Callable[[], Awaitable[T]]) -> None:
        self._work = work
        self._lock = trio.Lock()
        self._outcomes: list[T | IngestorError] = []

    async def __call__(self) -> T:
        """Wait for the outcome."""
        async with self._lock:
            if not self._outcomes:
                try:
                    self._outcomes.append(await self._work())
                except IngestorError as error:
                    self._outcomes.append(error)
        [outcome] = self._outcomes
        if isinstance(outcome, IngestorError):
            raise outcome
        return outcome


class Visit:
    """What one home says. Each method raises the `IngestorError` that stands in the way."""

    def __init__(self, settings: Settings, home: HomeSettings) -> None:
        self.settings = settings
        self.home = home
        self.session = Once(self._log_in)
        """Returns a session that subscribed, with everything that it was told before."""
        self.recorder = Once(self._ask_recorder)
        """Returns what the recorder says."""

    async def config(self) -> Configured:
        """Return Home Assistant's own configuration."""
        return self._read(await self.inside(), "config", lambda answer: msgspec.json.decode(answer, type=Configured))

    async def states(self) -> Snapshot:
        """Return the state of every entity."""
        return self._read(await self.inside(), "states", read)

    async def inside(self) -> Session:
        """Return the session, for who wants to know more than whether there is one."""
        return await needed(self.session, "Home Assistant")

    async def _log_in(self) -> Session:
        endpoint = endpoint_of(self.home)
        session = Session(endpoint.token())
        failure: BaseException | None = None
        try:
            with trio.fail_after(LOGIN_SECONDS):
                await _subscribe(endpoint, session)
        except* (IngestorError, ConnectionClosed, trio.TooSlowError) as group:
            failure = first(group)
        if isinstance(failure, IngestorError):
            raise failure
        if failure is not None:
            said = f"{self.home.url} did not answer the login within {LOGIN_SECONDS:g} s"
            raise Unavailable(said, code=ErrorCode.LOGIN_TIMEOUT)
        return session

    async def _ask_recorder(self) -> Recorded:
        await self.inside()
        async with opened(endpoint_of(self.home)) as recorder:
            is_recording = await recorder.is_recording()
            before_us = instants.now_us()
            clock_us = await recorder.clock_us()
            ahead_us = max(clock_us - instants.now_us(), 0) or min(clock_us - before_us, 0)
            return Recorded(is_recording=is_recording, ahead_us=ahead_us)

    @staticmethod
    def _read(session: Session, name: str, decode: Callable[[Raw], T]) -> T:
        try:
            return decode(session.results[name])
        except (KeyError, *UNREADABLE) as error:
            raise RemoteProtocolError(f"Home Assistant does not tell its {name}: {error}") from None


async def needed(outcome: Once[T], whose: str) -> T:
    """Return what others depend on. What keeps it from them is told once, where it was tried itself."""
    try:
        return await outcome()
    except IngestorError as error:
        raise Unavailable(f"not tried: first {whose} has to answer", code=error.code, hint="") from None


async def _subscribe(endpoint: Endpoint, session: Session) -> None:
    async with endpoint.open() as socket:
        while not session.is_at(Phase.LIVE):
            frame = await socket.get_message()
            for answer in session.receive(frame if isinstance(frame, str) else frame.decode(errors="replace")):
                await socket.send_message(answer)
