"""A weather provider on loopback that answers like OpenWeatherMap's current weather."""

from __future__ import annotations

import json
import math
import time
from functools import partial

import trio


def current(at: float) -> dict[str, object]:
    """Return the weather at a Unix time: a mild day, warmer in the afternoon."""
    warmth = math.sin(at % 86_400 / 86_400 * 2 * math.pi - math.pi / 2)
    return {
        "dt": int(at) // 600 * 600,
        "main": {"temp": round(12 + 5 * warmth, 2), "humidity": 71, "pressure": 1016},
        "weather": [{"id": 802, "main": "Clouds", "description": "scattered clouds"}],
        "name": "Simulated",
    }


async def serve_weather(*, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
    """Serve until cancelled; the address is given to `task_status`."""
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, host="127.0.0.1"), _answer, 0)
        task_status.started(f"http://127.0.0.1:{listener.socket.getsockname()[1]}")


async def _answer(stream: trio.SocketStream) -> None:
    request = b""
    async with stream:
        while b"\r\n\r\n" not in request:
            received = await stream.receive_some()
            if not received:
                return
            request += received
        body = json.dumps(current(time.time())).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        await stream.send_all(head.encode() + b"connection: close\r\n\r\n" + body)
