"""What a real Home Assistant answers to commands over its socket, and the notifications that it shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import trio
from trio_websocket import open_websocket_url

from ingestor.homeassistant.endpoint import Endpoint
from tests.servers.home_assistant import RealHome


def ask(home: RealHome, *commands: Mapping[str, Any]) -> list[Any]:
    """Return what a home answers to its owner's commands, one after the other."""

    async def answers() -> list[Any]:
        found: list[Any] = []
        address = f"{home.url.replace('http', 'ws')}/api/websocket"
        async with open_websocket_url(address, max_message_size=2**24) as socket:
            await socket.get_message()
            await socket.send_message(json.dumps({"type": "auth", "access_token": home.token}))
            await socket.get_message()
            for number, command in enumerate(commands, 1):
                await socket.send_message(json.dumps({"id": number, **command}))
                answer = json.loads(await socket.get_message())
                assert answer["success"], (command["type"], answer)
                found.append(answer["result"])
        return found

    return trio.run(answers)


def asked(home: RealHome, command: str, **arguments: Any) -> Any:
    """Return what a home answers to one command."""
    [answer] = ask(home, {"type": command, **arguments})
    return answer


def notifications(home: RealHome) -> list[dict[str, Any]]:
    """Return the notifications of ours that a home shows."""
    found: list[dict[str, Any]] = asked(home, "persistent_notification/get")
    return [one for one in found if one["notification_id"].startswith("ingestor_")]


def endpoint_of(home: RealHome) -> Endpoint:
    """Return where a home is, for its owner."""
    return Endpoint(home="home", url=home.url, token=lambda: home.token)
