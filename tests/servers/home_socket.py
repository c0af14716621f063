"""What a real Home Assistant answers to a command over its socket, and the notifications that it shows."""

from __future__ import annotations

from typing import Any

import msgspec
import trio

from ingestor.homeassistant.dialogue import Dialogue
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.wire import Reply
from tests.servers.home_assistant import RealHome


def asked(home: RealHome, command: str, **arguments: Any) -> Any:
    """Return what a home answers to a command of its owner."""

    async def ask() -> Any:
        dialogue = Dialogue(home.token)
        async with endpoint_of(home).open() as socket:
            while (answer := dialogue.log_in(msgspec.json.decode(await socket.get_message(), type=Reply))) is not None:
                await socket.send_message(answer)
            await socket.send_message(dialogue.command(command, **arguments)[1])
            reply = msgspec.json.decode(await socket.get_message(), type=Reply)
            assert reply.success, reply.error
            return msgspec.json.decode(reply.result)

    return trio.run(ask)


def notifications(home: RealHome) -> list[dict[str, Any]]:
    """Return the notifications of ours that a home shows."""
    found: list[dict[str, Any]] = asked(home, "persistent_notification/get")
    return [one for one in found if one["notification_id"].startswith("ingestor_")]


def endpoint_of(home: RealHome) -> Endpoint:
    """Return where a home is, for its owner."""
    return Endpoint(home="home", url=home.url, token=lambda: home.token)
