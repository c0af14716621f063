"""Asking Home Assistant's recorder, over a socket of its own: large answers must never stand before live events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

import msgspec
import trio
from msgspec import Raw, Struct
from trio_websocket import ConnectionClosed, WebSocketConnection

from ingestor.homeassistant import wire
from ingestor.homeassistant.dialogue import Dialogue
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.registry import Registry
from ingestor.homeassistant.rows import Row
from ingestor.homeassistant.session import SYNCHRONISING
from ingestor.homeassistant.sizes import AnswerSizes
from ingestor.homeassistant.snapshot import read
from ingestor.homeassistant.statistics import UNITS, Hour, StatisticId
from ingestor.model import instants
from ingestor.model.errors import IngestorError, RemoteProtocolError, Unavailable, first
from metrics.codes import REFUSALS, ErrorCode

ANSWER_SECONDS = 60.0
BARRIER_SECONDS = 180.0  # a recorder that lags behind commits everything that is queued before it answers
BARRIERS = 2
BETWEEN_BARRIERS_SECONDS = 1.0
_TOO_LARGE = 1009  # the close code for it (RFC 6455, 7.4.1)
_LONG_AGO = "2020-01-01T00:00:00+00:00"
NOBODY = "sensor.ingestor_asks_for_nobody"
"""An id that never existed. Without one among the ids some empty answers are given without looking."""


class AnswerTooLarge(Unavailable):
    """An answer was larger than is taken; the next time it is asked for in smaller parts, see `in_parts`."""


class Refused(IngestorError):
    """Home Assistant answered that it will not, or cannot; `code` is one of `REFUSALS`.

    One that does not know the command has no recorder, as after a start for which that was stuck: the next may have.
    """

    @property
    def lasts(self) -> bool:
        """Whether only the user can mend it."""
        return self.code != ErrorCode.UNKNOWN_COMMAND


T = TypeVar("T")


class _Config(Struct):
    state: str = "RUNNING"


class _Info(Struct):
    recording: bool = True


class Recorder:
    """One logged-in socket. Each method raises `Unavailable`, `Refused` or `RemoteProtocolError`."""

    def __init__(self, socket: WebSocketConnection, token: str, sizes: AnswerSizes) -> None:
        self._socket = socket
        self._sizes = sizes
        self._dialogue = Dialogue(token)

    async def log_in(self) -> None:
        """Log in. Raises `CredentialsRefused`, too."""
        while True:
            message, _ = await self._next()
            answer = self._dialogue.log_in(message)
            if answer is None:
                return
            await self._socket.send_message(answer)

    async def is_running(self) -> bool:
        """Return whether Home Assistant has started up; before that it knows fewer commands."""
        answer, _ = await self._ask("get_config")
        return _decoded(answer, _Config).state == "RUNNING"

    async def is_recording(self) -> bool:
        """Return what the recorder says of itself."""
        answer, _ = await self._ask("recorder/info")
        return _decoded(answer, _Info).recording

    async def wait_committed(self) -> None:
        """Wait until the recorder has committed everything that happened before this call.

        The second event of a history stream comes only behind that; it is waited for twice.
        """
        for turn in range(BARRIERS):
            if turn:
                await trio.sleep(BETWEEN_BARRIERS_SECONDS)
            number = await self._send(
                "history/stream", start_time=_LONG_AGO, entity_ids=[NOBODY], include_start_time_state=False
            )
            await self._answer(number, ANSWER_SECONDS)
            for _ in range(2):
                await self._event(number)
            await self._ask("unsubscribe_events", subscription=number)

    async def history(
        self, entity_ids: Collection[str], start_us: int, end_us: int | None, *, with_start: bool = False
    ) -> tuple[dict[str, list[Row]], int]:
        """Return the rows strictly between two times, by entity, and the size of the answer in bytes.

        `with_start` adds a row at the start for what each entity was then.
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
        """Return the hours that begin within [start, end), by statistic, in the units of `UNITS`."""
        answer, _ = await self._ask(
            "recorder/statistics_during_period",
            start_time=instants.text(start_us),
            end_time=instants.text(end_us),
            statistic_ids=list(ids),
            period="hour",
            units=UNITS,
            types=["mean", "min", "max", "sum", "state"],
        )
        return _decoded(answer, dict[str, list[Hour]])

    async def _ask(
        self,
        type_: str,
        *,
        span: tuple[int, int] | None = None,
        **arguments: Any,  # noqa: ANN401  any JSON value
    ) -> tuple[Raw, int]:
        try:
            return await self._answer(await self._send(type_, **arguments), ANSWER_SECONDS)
        except AnswerTooLarge as error:
            if self._sizes.was_too_large(span):
                raise
            raise Unavailable(f"{error}, and cannot be had in parts", code=error.code) from None

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
            said = message.error or wire.Failure()
            code = ErrorCode(said.code) if said.code in REFUSALS else ErrorCode.REFUSED
            raise Refused(f"Home Assistant's recorder cannot be asked: {said.message} ({said.code})", code=code)
        return message.result, size_bytes

    async def _event(self, number: int) -> None:
        with _deadline(BARRIER_SECONDS):
            while True:
                message, _ = await self._next()
                if message.type == "event" and message.id == number:
                    return

    async def _next(self) -> tuple[wire.Reply, int]:
        try:
            text = await self._socket.get_message()
        except ConnectionClosed as closed:
            if closed.reason is not None and closed.reason.code == _TOO_LARGE:
                raise AnswerTooLarge(
                    "an answer of Home Assistant's recorder was too large", code=ErrorCode.TOO_LARGE
                ) from None
            raise
        answer = text.encode() if isinstance(text, str) else text  # text takes up to four bytes a character
        return _decoded(answer, wire.Reply), len(answer)


def _decoded(answer: Raw | str | bytes, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(answer, type=type_)
    except msgspec.MsgspecError as error:
        raise RemoteProtocolError(f"Home Assistant's recorder gave no answer that can be read: {error}") from None


async def in_parts(work: Callable[[], Awaitable[T]]) -> T:
    """Do the work, and again after an answer that was too large: each time something is asked for in smaller parts."""
    while True:
        with suppress(AnswerTooLarge):
            return await work()


@asynccontextmanager
async def opened(endpoint: Endpoint, sizes: AnswerSizes | None = None) -> AsyncGenerator[Recorder]:
    """Hold a socket to the recorder. Raises `Unavailable` when it closes, and what `Endpoint.open` raises."""
    failure: IngestorError | None = None
    sizes = sizes or AnswerSizes()
    try:
        async with endpoint.open(sizes.maximum_bytes) as socket:
            recorder = Recorder(socket, endpoint.token(), sizes)
            with _deadline(ANSWER_SECONDS):
                await recorder.log_in()
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
