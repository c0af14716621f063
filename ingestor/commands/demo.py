"""`ingestor demo`: the main job against a simulated home, into the embedded database, with a live view."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import trio

from ingestor import config
from ingestor.api.status import HomeStatus
from ingestor.assembly import run as service
from ingestor.assembly.run import Exit
from ingestor.assembly.service import Service
from ingestor.commands import live
from ingestor.config import Settings
from ingestor.model.errors import ConfigError
from ingestor.simulator.home import SimulatedHome
from ingestor.simulator.server import SimulatedServer
from ingestor.simulator.weather import serve_weather
from supervisors import render

TOKEN = "the-token-of-the-simulated-home"  # noqa: S105  it opens nothing
CHANGES_PER_SECOND = 50.0
DATA_DIR = Path(".demo")

ConfigureLog = Callable[[Settings, Literal["debug", "info", "warning", "error"]], None]


async def demo(configure_log: ConfigureLog) -> Exit:
    """Run until a signal, or for `DEMO_SECONDS`."""
    seconds, rate = _number("DEMO_SECONDS", float("inf")), _number("DEMO_RATE", CHANGES_PER_SECOND)
    server = SimulatedServer(SimulatedHome(zones=1), token=TOKEN)
    async with trio.open_nursery() as nursery:
        await nursery.start(server.run)
        weather_url = await nursery.start(serve_weather)
        nursery.start_soon(server.change_at, rate)
        settings = config.load(
            _env_file=None,
            ha_url=server.url,
            ha_token=TOKEN,
            ha_token_file=None,
            influxdb_url=None,
            influxdb_token=None,
            influxdb_org=None,
            influxdb_ca_file=None,
            influxdb_bucket="home_assistant",
            weather_provider="openweathermap",
            weather_api_key="simulated-weather-key",
            weather_base_url=weather_url,
            data_dir=DATA_DIR,
            api_port=os.environ.get("API_PORT") or 0,
        )
        configure_log(settings, "error")
        outcome = await service.run(settings, _show, partial(_stop_after, seconds))
        nursery.cancel_scope.cancel()
    return outcome


def _number(name: str, otherwise: float) -> float:
    """Return what a variable says; unset, empty or 0 it says nothing. Raises `ConfigError` for what is no number."""
    try:
        given = float(os.environ.get(name) or 0)
    except ValueError:
        given = -1.0
    if not given >= 0:
        raise ConfigError([f"{name}: must be a number, 0 or more"])
    return given or otherwise


async def _show(running: Service) -> None:
    await live.show(partial(picture, running))


async def _stop_after(seconds: float, running: Service) -> None:
    await trio.sleep(seconds)
    running.stop()


def picture(running: Service) -> live.Picture:
    """Return what the live view shows of a service."""
    status = running.status
    [home] = status.homes.values()  # a demo simulates one
    return live.Picture(
        home=_said(home),
        received=status.received,
        stored=status.stored,
        pending=status.pending,
        dropped=status.dropped,
        lag_seconds=status.lag_seconds,
        weather=home.weather_summary or (home.weather_problem.detail if home.weather_problem else "-"),
        store=running.store.name,
        metrics_url=f"{running.api.url}/metrics",
        tree=render(running.root.snapshot()),
    )


def _said(home: HomeStatus) -> str:
    if home.connection_problem is not None:
        return home.connection_problem.detail
    again = f", reconnected {home.reconnects} times" if home.reconnects else ""
    return f"connected, {home.version}{again}"
