"""The least that a client of Home Assistant can do: it subscribes and parses each frame with `json.loads`, no more.

It stands beside the service in bench_cost, and runs in Home Assistant's own Python, which has aiohttp. Arguments: the
home's URL and token. For each line of its input it says how many frames and events it has received, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys

import aiohttp

COMMANDS = (
    {"id": 1, "type": "supported_features", "features": {"coalesce_messages": 1}},
    {"id": 2, "type": "subscribe_events", "event_type": "state_changed"},
)


async def main(url: str, token: str) -> None:
    """Receive until the input ends."""
    frames = events = 0

    def answer() -> None:
        if not sys.stdin.readline():
            sys.exit()
        print(json.dumps({"frames": frames, "events": events}), flush=True)  # noqa: T201  the answer

    async with aiohttp.ClientSession() as session, session.ws_connect(f"{url}/api/websocket", max_msg_size=0) as socket:
        await socket.receive()
        await socket.send_json({"type": "auth", "access_token": token})
        for command in COMMANDS:
            await socket.receive()
            await socket.send_json(command)
        await socket.receive()
        asyncio.get_running_loop().add_reader(sys.stdin, answer)
        async for frame in socket:
            messages = json.loads(frame.data)
            frames += 1
            events += len(messages) if isinstance(messages, list) else 1


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:3]))
