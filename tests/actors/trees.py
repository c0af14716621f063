"""The service's real tree in the test's own Trio run: against a simulated home, with the embedded database."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from random import Random
from typing import Any

import httpx
import trio

from ingestor.assembly.service import Service, build
from ingestor.config import load
from ingestor.simulator.weather import serve_weather
from tests.actors.heard import Heard
from tests.actors.homes import TOKEN, serving, simulated
from tests.servers.logs import logged
from tests.servers.simulated_home import SimHome
from tests.servers.truth import Key, Row, expected


class Tree:
    """A running tree with its home; `heard` has every fact that it reported."""

    def __init__(self, service: Service, server: Any, heard: Heard, data_dir: Path, log: io.StringIO) -> None:
        self.service = service
        self.server = server
        self.heard = heard
        self.log = log
        self._data_dir = data_dir

    async def until(self, true: Callable[[], bool], seconds: float = 8) -> None:
        """Wait until something is true."""
        with trio.fail_after(seconds):
            while not true():  # noqa: ASYNC110  what is waited for has no event of its own
                await trio.sleep(0.01)

    async def settled(self) -> None:
        """Wait until everything that the home has sent is stored."""
        status = self.service.status
        await self.until(lambda: status.connected and status.stored == status.received > 0 and not status.pending)

    async def get(self, path: str) -> httpx.Response:
        """Ask the API over its socket."""
        return await self.request("GET", path)

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send the API a request over its socket."""
        async with httpx.AsyncClient(base_url=self.service.api.url, timeout=10) as client:
            return await client.request(method, path, **options)

    def truth(self) -> dict[Key, Row]:
        """Return the rows that the home's changes should have become."""
        told = SimHome()
        told.server = self.server
        return expected(told.truth())

    def stored(self) -> list[Row]:
        """Return the rows of the database."""
        with closing(sqlite3.connect(self._data_dir / "events.sqlite3")) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM home_assistant_events ORDER BY time")]

    def restarts(self) -> dict[str, int]:
        """Return how often each actor was restarted, by its path, as the snapshot tells."""
        found: dict[str, int] = {}

        def walk(node: Any, path: str) -> None:
            for child in getattr(node, "children", ()):
                walk(child, f"{path}/{child.id}")
            if not hasattr(node, "children") and node.restarts:
                found[path] = node.restarts

        walk(self.service.root.snapshot(), "root")
        return found


@asynccontextmanager
async def running(data_dir: Path, **settings: Any) -> AsyncGenerator[Tree]:
    """Run the tree until the end of the block, then drain it."""
    server, heard = simulated(), Heard()
    with logged(level=settings.get("log_level", "info")) as log:
        async with serving(server) as nursery:
            weather = await nursery.start(serve_weather)
            given = {"ha_url": server.url, "ha_token": TOKEN, "weather_api_key": "key", "weather_base_url": weather}
            given |= {
                "weather_provider": "openweathermap",
                "data_dir": data_dir,
                "api_port": 0,
                "batch_max_seconds": 0.2,
            }
            service = build(load(_env_file=None, **(given | settings)), more_reports=(heard,), random=Random(1))
            async with until_drained(service):
                yield Tree(service, server, heard, data_dir, log)
    assert heard.undeclared == []


@asynccontextmanager
async def until_drained(service: Service) -> AsyncGenerator[None]:
    """Run a service until the end of the block, then drain it."""
    async with trio.open_nursery() as nursery:
        await nursery.start(service.root.run)
        try:
            yield
        finally:
            service.stop()
            with trio.move_on_after(15, shield=True):
                while service.root.snapshot().state != "stopped":  # noqa: ASYNC110  what is waited for has no event
                    await trio.sleep(0.01)
            service.api.close()
            with trio.CancelScope(shield=True):
                await service.aclose()
            nursery.cancel_scope.cancel()


def lines(text: str, name: str) -> dict[str, float]:
    """Return the samples of a metric in an exposition, by their labels."""
    found = [line.removeprefix(name).rpartition(" ") for line in text.splitlines() if line.startswith(name)]
    return {labels: json.loads(value) for labels, _, value in found}
