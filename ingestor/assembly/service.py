"""The composition root: channels, actors, specs and strategies; no logic. See docs/architecture.md for the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol

import trio

import metrics
from ingestor.api.app import Ports, application
from ingestor.api.quarantine import QuarantineDesk
from ingestor.api.server import ApiServer
from ingestor.api.status import StatusBoard
from ingestor.assembly.files import make_store, state_database
from ingestor.assembly.home import Home
from ingestor.assembly.recorder import RecorderAskers
from ingestor.assembly.stages import FATAL, ROOT, Ground, stage
from ingestor.assembly.storage import Storage
from ingestor.config import Settings
from ingestor.storage.settings import SettingsStore
from ingestor.storage.store import Store
from ingestor.weather.breaker import Breaker
from ingestor.weather.poller import Weather, WeatherPoller
from ingestor.weather.providers import OpenWeatherMap, Provider
from metrics import facts
from metrics.codes import WarningCode
from metrics.exporter import PrometheusReporter
from metrics.log import LogReporter
from supervisors import Supervisor


class _Closable(Protocol):
    async def aclose(self) -> None:
        """Close it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The whole, ready to run."""

    root: Supervisor
    api: ApiServer
    store: Store
    status: StatusBoard
    weather: Weather
    report: facts.Report
    unwritten: Callable[[], int]
    files: tuple[_Closable, ...]
    leaving: trio.Event

    def stop(self) -> None:
        """Begin the drain."""
        self.leaving.set()
        self.root.stop()

    async def aclose(self) -> None:
        """Close every file and connection; to be called when nothing runs any more."""
        for file in self.files:
            await file.aclose()


def build(settings: Settings, *, more_reports: tuple[facts.Report, ...] = (), random: Random | None = None) -> Service:
    """Put the service together. Raises `ConfigError`; nothing runs yet but the API's socket, which is bound."""
    status = StatusBoard()
    store_name = "influxdb" if settings.influxdb_url else "sqlite"
    prometheus = PrometheusReporter(homes=(settings.home_name,), store=store_name)
    report = metrics.fan_out(status, prometheus, LogReporter(), *more_reports)
    state = state_database(settings, report)
    live = SettingsStore(
        settings, state, lambda detail: report(facts.Warned(code=WarningCode.STATE_DAMAGED, detail=detail))
    )
    store = make_store(settings, live.current, report)
    weather = Weather(live.current.weather_location, live.current.weather_cache_minutes)
    live.listen(lambda now: weather.configure(now.weather_location, now.weather_cache_minutes))
    ground = Ground(
        settings=settings,
        store=store,
        state=state,
        report=report,
        random=random or Random(),  # noqa: S311  jitter
        leaving=trio.Event(),
    )
    storage = Storage(ground)
    observations = storage.outbox()
    provider = make_provider(settings)
    if provider is None:
        status.weather_problem = None  # what is off is not ill
    poller = WeatherPoller(weather, provider, observations, Breaker(), report)
    home = Home(ground, weather, storage)
    storage.entrance.close()
    askers = RecorderAskers(ground, storage, home, lambda: live.current.retention_days)
    ports = Ports(
        settings=settings,
        live=live,
        status=status,
        recent=storage.intake.recent,
        store=store,
        metrics=prometheus.render,
        quarantine=QuarantineDesk(quarantine=storage.files.quarantine, replay=storage.files.replay),
        ledger=storage.ledger,
        audits=askers.audits,
        backfiller=askers.backfiller,
        enriching=lambda: any(child.id == "subscription" and child.state == "up" for child in home.children()),
    )
    api = ApiServer(partial(application, ports), settings.api_host, settings.api_port)
    root = Supervisor(
        "root",
        [
            stage("api", api, 3.0, api.drain),
            stage("ledger", storage.keeper, 1.0, storage.keeper.drain),
            storage.supervisor.as_child(shutdown_timeout_seconds=6.0, fatal=FATAL),
            stage("weather", poller, 1.0, poller.drain),
            home.supervisor.as_child(shutdown_timeout_seconds=4.0, fatal=FATAL),
            *askers.children,
        ],
        intensity=ROOT,
        observer=report,
    )
    return Service(
        root=root,
        api=api,
        store=store,
        status=status,
        weather=weather,
        report=report,
        unwritten=lambda: storage.unwritten() + home.undecoded(),
        leaving=ground.leaving,
        files=(store, storage.files.spool, storage.files.state),
    )


def make_provider(settings: Settings) -> Provider | None:
    """Return the weather's provider; none where it is off, or has no key."""
    if settings.weather_provider == "none" or settings.weather_api_key is None:
        return None
    return OpenWeatherMap(settings.weather_base_url, settings.weather_api_key)
