"""Asking Home Assistant's recorder, over a socket of its own: large answers must never stand before live events.

A socket ends with an answer that is too large. Then another one takes its place, and it goes on from there: in shorter
spans, which whoever asks has to choose (`AnswerTooLarge`), or whole, where an answer cannot be had in parts.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import msgspec
import trio
from msgspec import Raw, Struct
from trio_websocket import ConnectionClosed, WebSocketConnection

from ingestor.homeassistant import wire
from ingestor.homeassistant.answers import Hour, Row, StatisticId
from ingestor.homeassistant.chunks import AnswerSizes, can_be_split
from ingestor.homeassistant.dialogue import Dialogue
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.registry import Registry, Startup, temperature_unit
from ingestor.homeassistant.session import SYNCHRONISING
from ingestor.homeassistant.snapshot import read
from ingestor.model import instants
from ingestor.model.errors import IngestorError, RemoteProtocolError, Unavailable, first
from ingestor.model.unreadable import UNREADABLE
from metrics.codes import REFUSALS, ErrorCode

ANSWER_SECONDS = 60.0
BARRIER_SECONDS = 180.0  # a recorder that lags behind commits everything that is queued before it answers
BARRIERS = 2
BETWEEN_BARRIERS_SECONDS = 1.0
_TOO_LARGE = 1009  # the close code for it (RFC 6455, 7.4.1)
_LONG_AGO = "2020-01-01T00:00:00+00:00"
NOBODY = "sensor.ingestor_asks_for_nobody"
"""An id that never existed. Without one among the ids some empty answers are given without looking."""

PASSING = ("unknown_error", "timeout", "home_assistant_error")
"""How Home Assistant says that something failed in it; it may work the next time, and is no refusal."""


class AnswerTooLarge(Unavailable):
    """An answer was larger than is taken, and has to be asked for in shorter spans: the sizes know of it."""


class Refused(IngestorError):
    """Home Assistant answered that it will not, and only the user can mend it; `code` is one of `REFUSALS`."""


class NoRecorder(Refused):
    """Home Assistant does not know the command: there is no recorder, as after a start for which that was stuck.

    The next start may have one.
    """


T = TypeVar("T")


class _Info(Struct):
    recording: bool = True
    thread_running: bool = True


class _EntityOptions(Struct):
    recording_disabled_by: str | None


class Recorder:
    """A logged-in socket to a home that runs. Each method raises `Unavailable`, `Refused` or `RemoteProtocolError`.

    `temperature_unit` is that of the home's unit system. `beside` holds the tasks of who asks: a nursery of
    their own would stand in the way when a socket is replaced, which may be between any two questions.
    """

    temperature_unit: str | None = None

    def __init__(self, endpoint: Endpoint, sizes: AnswerSizes, sockets: AsyncExitStack, beside: trio.Nursery) -> None:
        self.beside = beside
        self._endpoint = endpoint
        self._sizes = sizes
        self._sockets = sockets  # holds one at a time
        self._socket: WebSocketConnection
        self._dialogue: Dialogue

    async def connect(self) -> None:
        """Open a socket in the place of the one before, and log in. Raises `CredentialsRefused`, too.

        Before Home Assistant has started up it knows fewer commands, and its history comes last.
        """
        await self._sockets.aclose()
        self._socket = await self._sockets.enter_async_context(self._endpoint.open(self._sizes.maximum_bytes))
        self._dialogue = Dialogue(self._endpoint.token())
        with _deadline(ANSWER_SECONDS):
            await self._log_in()
        startup = await self._startup()
        if not startup.is_over:
            raise Unavailable("Home Assistant is starting up", code=ErrorCode.STARTING)
        if startup.recovery_mode:
            raise NoRecorder(
                "Home Assistant is in recovery mode: its configuration cannot be used",
                code=ErrorCode.UNKNOWN_COMMAND,
                hint="see what its log says of the configuration, and restart it",
            )
        with suppress(Refused):
            await self._ask("integration/wait", domain="history")

    async def _log_in(self) -> None:
        while True:
            message, _ = await self._next()
            answer = self._dialogue.log_in(message)
            if answer is None:
                return
            await self._socket.send_message(answer)

    async def _startup(self) -> Startup:
        answer, _ = await self._ask("get_config")
        with suppress(msgspec.MsgspecError):
            self.temperature_unit = temperature_unit(answer)
        return _decoded(answer, Startup)

    async def is_recording(self) -> bool:
        """Return what the recorder says of itself; of being disabled by its action it says nothing."""
        answer, _ = await self._ask("recorder/info")
        info = _decoded(answer, _Info)
        return info.recording and info.thread_running

    async def is_recorded(self, entity_id: str) -> bool | None:
        """Return whether an entity is recorded; None where Home Assistant does not say: an older one, or not to us."""
        try:
            answer, _ = await self._ask("recorder/entity_options/get", entity_id=entity_id)
        except Refused:
            return None
        return _decoded(answer, _EntityOptions).recording_disabled_by is None

    async def wait_committed(self) -> None:
        """Wait until the recorder has committed everything that happened before this call.

        The second event of a history stream comes only behind that; it is waited for twice.
        """
        for turn in range(BARRIERS):
            if turn:
                await trio.sleep(BETWEEN_BARRIERS_SECONDS)
            async with self._stream() as event:
                for _ in range(2):
                    await event()

    async def clock_us(self) -> int:
        """Return what time it is for Home Assistant: the first event of a stream reaches until then."""
        async with self._stream() as event:
            return instants.of_seconds((await event()).end_time)

    async def history(
        self, entity_ids: Collection[str], start_us: int, end_us: int | None, *, with_start: bool = False
    ) -> tuple[dict[str, list[Row]], int]:
        """Return the rows strictly between two times, by entity, and the size of the answer in bytes.

        `with_start` adds a row at the start for what each entity was then. Raises `AnswerTooLarge`, too.
        """
        end = {} if end_us is None else {"end_time": instants.text(end_us)}
        answer, size_bytes = await self._ask(
            "history/history_during_period",
            start_time=instants.text(start_us),
            entity_ids=[*entity_ids, NOBODY],
            include_start_time_state=with_start,
            significant_changes_only=False,
            minimal_response=False,
            no_attributes=False,
            span=(start_us, instants.now_us() if end_us is None else end_us),
            **end,
        )
        return _decoded(answer, dict[str, list[Row]]), size_bytes

    async def states(self) -> list[wire.State]:
        """Return the present state of every entity, but for those that cannot be read."""
        answer, _ = await self._ask("get_states")
        return list(read(answer).values())

    async def registry(self) -> Registry:
        """Return the registries; one that Home Assistant does not have is empty."""
        found: dict[str, Raw] = {}
        for name, type_ in SYNCHRONISING.items():
            if type_.startswith("config/"):
                with suppress(Refused):
                    answer, _ = await self._ask(type_)
                    found[name] = Raw(bytes(answer))
        return Registry(found)

    async def statistic_ids(self) -> list[StatisticId]:
        """Return which long-term statistics there are."""
        answer, _ = await self._ask("recorder/list_statistic_ids")
        return _decoded(answer, list[StatisticId])

    async def statistics(self, ids: Sequence[str], start_us: int, end_us: int) -> dict[str, list[Hour]]:
        """Return the hours that begin within [start, end), by statistic, in the units that it shows."""
        answer, _ = await self._ask(
            "recorder/statistics_during_period",
            start_time=instants.text(start_us),
            end_time=instants.text(end_us),
            statistic_ids=list(ids),
            period="hour",
            types=["mean", "min", "max", "sum", "state"],
        )
        return _decoded(answer, dict[str, list[Hour]])

    @asynccontextmanager
    async def _stream(self) -> AsyncGenerator[Callable[[], Awaitable[wire.HistoryEvent]]]:
        """Hold a stream of the history of nobody; yield what waits for its next event."""
        number = await self._send(
            "history/stream", start_time=_LONG_AGO, entity_ids=[NOBODY], include_start_time_state=False
        )
        await self._answer(number, ANSWER_SECONDS)
        yield partial(self._event, number)
        await self._ask("unsubscribe_events", subscription=number)

    async def _ask(
        self,
        type_: str,
        *,
        span: tuple[int, int] | None = None,
        **arguments: Any,  # noqa: ANN401  any JSON value
    ) -> tuple[Raw, int]:
        while True:
            try:
                return await self._answer(await self._send(type_, **arguments), ANSWER_SECONDS)
            except AnswerTooLarge as error:
                if not self._sizes.was_too_large(span):
                    raise Unavailable(f"{error}, and cannot be had in parts", code=error.code) from None
                await self.connect()
                if can_be_split(span):
                    raise

    async def _send(self, type_: str, **arguments: Any) -> int:  # noqa: ANN401  any JSON value
        number, frame = self._dialogue.command(type_, **arguments)
        await self._socket.send_message(frame)
        return number

    async def _answer(self, number: int, seconds: float) -> tuple[Raw, int]:
        with _deadline(seconds):
            while True:
                message, size_bytes = await self._next()
                if message.type == "result" and message.id == number:
                    break
        if not message.success:
            said = message.error
            if said is None or said.code in PASSING:
                words = "says that it did not, and not why" if said is None else f"failed: {said.message} ({said.code})"
                raise RemoteProtocolError(f"Home Assistant's recorder {words}")
            code = ErrorCode(said.code) if said.code in REFUSALS else ErrorCode.REFUSED
            refusal = NoRecorder if code == ErrorCode.UNKNOWN_COMMAND else Refused
            raise refusal(f"Home Assistant's recorder cannot be asked: {said.message} ({said.code})", code=code)
        return message.result, size_bytes

    async def _event(self, number: int) -> wire.HistoryEvent:
        with _deadline(BARRIER_SECONDS):
            while True:
                message, _ = await self._next()
                if message.event is not None and message.id == number:
                    return message.event

    async def _next(self) -> tuple[wire.HistoryMessage, int]:
        try:
            text = await self._socket.get_message()
        except ConnectionClosed as closed:
            if closed.reason is not None and closed.reason.code == _TOO_LARGE:
                raise AnswerTooLarge(
                    "an answer of Home Assistant's recorder was too large", code=ErrorCode.TOO_LARGE
                ) from None
            raise
        answer = text.encode() if isinstance(text, str) else text  # text takes up to four bytes a character
        return _decoded(answer, wire.HistoryMessage), len(answer)


def _decoded(answer: Raw | str | bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(answer, type=type_)
    except UNREADABLE as error:
        raise RemoteProtocolError(f"Home Assistant's recorder gave no answer that can be read: {error}") from None


@asynccontextmanager
async def opened(endpoint: Endpoint, sizes: AnswerSizes | None = None) -> AsyncGenerator[Recorder]:
    """Hold a recorder. Raises `Unavailable` when it closes or starts up, and what `Endpoint.open` raises."""
    failure: IngestorError | None = None
    try:
        async with trio.open_nursery() as beside, AsyncExitStack() as sockets:
            recorder = Recorder(endpoint, sizes or AnswerSizes(), sockets, beside)
            await recorder.connect()
            yield recorder
    except* ConnectionClosed:
        failure = Unavailable("Home Assistant closed the connection to its recorder", code=ErrorCode.CLOSED)
    except* IngestorError as group:
        failure = first(group)
    if failure is not None:
        raise failure


@contextmanager
def _deadline(seconds: float) -> Generator[None]:
    with trio.move_on_after(seconds) as scope:
        yield
    if scope.cancelled_caught:
        raise Unavailable("Home Assistant's recorder did not answer in time", code=ErrorCode.TIMEOUT)
