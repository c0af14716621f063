"""Calling services of Home Assistant, over a socket of its own that is opened for a few calls and closed again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from ingestor.homeassistant import wire
from ingestor.homeassistant.dialogue import Dialogue
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.model.errors import IngestorError, RemoteProtocolError, Unavailable, first
from ingestor.model.unreadable import UNREADABLE
from metrics.codes import ErrorCode

ANSWER_SECONDS = 30.0
_MAXIMUM_BYTES = 64 * 1024  # nothing is asked for


async def call(endpoint: Endpoint, domain: str, calls: Iterable[tuple[str, dict[str, Any]]]) -> None:
    """Call services of a domain with their data, one after another.

    Raises an `IngestorError`: what `Endpoint.open` raises, a refused login, no answer, or a call that was refused.
    """
    failure: IngestorError | None = None
    try:
        async with endpoint.open(_MAXIMUM_BYTES) as socket:
            with trio.fail_after(ANSWER_SECONDS):
                dialogue = Dialogue(endpoint.token())
                while (answer := dialogue.log_in(await _next(socket))) is not None:
                    await socket.send_message(answer)
                for service, data in calls:
                    number, frame = dialogue.command("call_service", domain=domain, service=service, service_data=data)
                    await socket.send_message(frame)
                    await _done(socket, number)
    except* trio.TooSlowError:
        failure = Unavailable("Home Assistant did not answer in time", code=ErrorCode.TIMEOUT)
    except* ConnectionClosed:
        failure = Unavailable("Home Assistant closed the connection", code=ErrorCode.CLOSED)
    except* IngestorError as group:
        failure = first(group)
    if failure is not None:
        raise failure


async def _done(socket: WebSocketConnection, number: int) -> None:
    while (message := await _next(socket)).id != number:
        pass
    if not message.success:
        said = message.error or wire.Failure()
        raise RemoteProtocolError(f"Home Assistant refuses the service: {said.message} ({said.code})")


async def _next(socket: WebSocketConnection) -> wire.Reply:
    try:
        return msgspec.json.decode(await socket.get_message(), type=wire.Reply)
    except UNREADABLE as error:
        raise RemoteProtocolError(f"Home Assistant gave no answer that can be read: {error}") from None
