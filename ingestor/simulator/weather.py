"""Weather services on loopback that answer like OpenWeatherMap's current weather, and like Open-Meteo's forecast."""

from __future__ import annotations

import json
import math
import time
from functools import partial

import trio


def openweathermap(at: float) -> dict[str, object]:
    """Return the weather at a Unix time: a mild day, warmer in the afternoon."""
    return {
        "dt": int(at) // 600 * 600,
        "main": {"temp": _temperature(at), "humidity": 71, "pressure": 1016},
        "weather": [{"id": 802, "main": "Clouds", "description": "scattered clouds"}],
        "name": "Simulated",
    }


def open_meteo(at: float) -> dict[str, object]:
    """Return the same weather."""
    current = {"time": int(at) // 900 * 900, "interval": 900, "temperature_2m": _temperature(at)}
    return {"current": current | {"relative_humidity_2m": 71, "pressure_msl": 1016.0, "weather_code": 2}}


def _temperature(at: float) -> float:
    return round(12 + 5 * math.sin(at % 86_400 / 86_400 * 2 * math.pi - math.pi / 2), 2)


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
        current = open_meteo if request.startswith(b"GET /v1/forecast") else openweathermap
        body = json.dumps(current(time.time())).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        await stream.send_all(head.encode() + b"connection: close\r\n\r\n" + body)
