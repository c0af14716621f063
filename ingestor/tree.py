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
from ingestor.api.server import ApiServer
from ingestor.config import Settings
from ingestor.enrichment.step import Enricher
from ingestor.errors import ConfigError
from ingestor.homeassistant.connection import Connection
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.reconnect import Reconnect
from ingestor.homeassistant.selection import selection
from ingestor.homeassistant.stream import Location, Stream
from ingestor.homeassistant.subscription import Subscription
from ingestor.messages import HomeMessage, Record
from ingestor.settings import LiveSettings, SettingsStore
from ingestor.status import StatusBoard
from ingestor.storage.batcher import Retry
from ingestor.storage.recent import RecentEvents
from ingestor.storage.spool import MemorySpool
from ingestor.storage.spooler import Intake, Spooler
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.store import Store
from ingestor.storage.writer import BatchLimits, Writer
from ingestor.weather.breaker import Breaker
from ingestor.weather.poller import Weather, WeatherPoller, coordinates
from ingestor.weather.providers import OpenWeatherMap, Provider
from metrics import facts
from metrics.exporter import PrometheusReporter
from metrics.log import LogReporter
from supervisors import (
    ChildSnapshot,
    ChildSpec,
    Inbox,
    Outbox,
    Progress,
    Start,
    StopOrder,
    Strategy,
    Supervisor,
    SupervisorSnapshot,
)

LISTS_IN_A_CHANNEL = 8
COMMANDS_IN_A_CHANNEL = 16
FATAL = (ConfigError,)


class _Actor(Protocol):
    """What every actor is to the tree."""

    progress: Progress

    @property
    def run(self) -> Start:
        """Live."""


def _until_the_stream_ends() -> None:
    """Let a stage finish by itself: what ends it is the end of the channel before it."""


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


class _Storage:
    """Spool and writer, with the channel that leads to them."""

    def __init__(self, settings: Settings, store: Store, report: facts.Report) -> None:
        self.entrance, self.exit = trio.open_memory_channel[list[Record]](LISTS_IN_A_CHANNEL)
        self.recent = RecentEvents()
        self.spool = MemorySpool(settings.spool_max_bytes)
        self._inbox = Inbox(self.exit)
        intake = Intake()
        limits = BatchLimits(maximum_events=settings.batch_max_events, maximum_seconds=settings.batch_max_seconds)
        spooler = Spooler(self._inbox, self.spool, self.recent, intake, report)
        writer = Writer(self.spool, intake, store, limits, Retry(Random()), report)  # noqa: S311  jitter
        self.supervisor = Supervisor(
            "storage",
            [
                _stage("spool", spooler, 3.0, _until_the_stream_ends),
                _stage("writer", writer, 5.0, _until_the_stream_ends),
            ],
            strategy=Strategy.REST_FOR_ONE,
            stop_order=StopOrder.START_ORDER,
        )

    def outbox(self) -> Outbox[Record]:
        """Return one more way in; the storage ends when all of them are closed."""
        return Outbox(self.entrance.clone())

    def unwritten(self) -> int:
        """Return how many records wait here; to be asked when nothing runs any more."""
        waiting = self.spool.pending_records + sum(map(len, self._inbox.held))
        while True:
            try:
                waiting += len(self.exit.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                return waiting


class _Home:
    """Connection and subscription of one home, with the channels between them."""

    def __init__(
        self, settings: Settings, weather: Weather, outbox: Outbox[Record], report: facts.Report, random: Random
    ) -> None:
        name = settings.home_name
        frames, received = trio.open_memory_channel[list[HomeMessage]](LISTS_IN_A_CHANNEL)
        commands, asked = trio.open_memory_channel[list[str]](COMMANDS_IN_A_CHANNEL)
        endpoint = Endpoint(home=name, url=settings.ha_url, token=settings.current_token, ca_file=settings.ha_ca_file)
        connection = Connection(endpoint, Outbox(frames), asked, Reconnect(random), report)
        observation = (lambda: weather.current) if settings.weather_on_events else (lambda: None)
        enricher = Enricher(name, observation, with_attributes=settings.attributes == "json")
        stream = Stream(name, enricher, selection(settings.include, settings.exclude))
        on_location = partial(_place_weather, weather)
        subscription = Subscription(stream, Inbox(received), outbox, commands, report, on_location)
        self.supervisor = Supervisor(
            f"home:{name}",
            [
                _stage("connection", connection, 3.0, connection.drain),
                _stage("subscription", subscription, 3.0, _until_the_stream_ends),
            ],
            strategy=Strategy.REST_FOR_ONE,
            stop_order=StopOrder.START_ORDER,
        )

    def children(self) -> tuple[ChildSnapshot | SupervisorSnapshot, ...]:
        """Picture the actors of this home."""
        return self.supervisor.snapshot().children


def build(settings: Settings, *, more_reports: tuple[facts.Report, ...] = (), random: Random | None = None) -> Service:
    """Put the service together. Raises `ConfigError`; nothing runs yet but the API's socket, which is bound."""
    random = random or Random()  # noqa: S311  jitter
    status = StatusBoard()
    store_name = "influxdb" if settings.influxdb_url else "sqlite"
    prometheus = PrometheusReporter(homes=(settings.home_name,), store=store_name)
    report = metrics.fan_out(status, prometheus, LogReporter(), *more_reports)
    live = SettingsStore(settings, lambda detail: report(facts.Warned(code="settings_damaged", detail=detail)))
    store = make_store(settings, live.current)
    weather = Weather(live.current.weather_location, live.current.weather_cache_minutes)
    live.listen(lambda now: weather.configure(now.weather_location, now.weather_cache_minutes))
    storage = _Storage(settings, store, report)
    outboxes = [storage.outbox(), storage.outbox()]
    provider = make_provider(settings)
    if provider is None:
        status.weather_problem = None  # what is off is not ill
    poller = WeatherPoller(weather, provider, outboxes[0], Breaker(), report)
    home = _Home(settings, weather, outboxes[1], report, random)
    storage.entrance.close()
    ports = Ports(
        settings=settings,
        live=live,
        status=status,
        recent=storage.recent,
        store=store,
        metrics=prometheus.render,
        enriching=lambda: any(child.id == "subscription" and child.state == "up" for child in home.children()),
    )
    api = ApiServer(partial(application, ports), settings.api_host, settings.api_port)
    root = Supervisor(
        "root",
        [
            _stage("api", api, 3.0, api.drain),
            storage.supervisor.as_child(shutdown_timeout_seconds=6.0, fatal=FATAL),
            _stage("weather", poller, 1.0, poller.drain),
            home.supervisor.as_child(shutdown_timeout_seconds=4.0, fatal=FATAL),
        ],
        observer=report,
    )
    return Service(
        root=root,
        api=api,
        store=store,
        status=status,
        weather=weather,
        report=report,
        unwritten=lambda: storage.unwritten() + sum(map(len, outboxes)),
    )


def make_store(settings: Settings, live: LiveSettings) -> Store:
    """Return InfluxDB where one is configured, else the embedded database."""
    if settings.influxdb_url is None or settings.influxdb_token is None or settings.influxdb_org is None:
        return SQLiteStore(settings.data_dir, live.retention_days)
    from ingestor.storage.influxdb import InfluxDBStore  # noqa: PLC0415  16 MB that the embedded database does not need

    return InfluxDBStore(
        url=settings.influxdb_url,
        token=settings.influxdb_token,
        org=settings.influxdb_org,
        bucket=settings.influxdb_bucket,
        retention_days=live.retention_days,
    )


def make_provider(settings: Settings) -> Provider | None:
    """Return the weather's provider; none where it is off, or has no key."""
    if settings.weather_provider == "none" or settings.weather_api_key is None:
        return None
    return OpenWeatherMap(settings.weather_base_url, settings.weather_api_key)


def _stage(id_: str, actor: _Actor, shutdown_timeout_seconds: float, drain: Callable[[], None]) -> ChildSpec:
    return ChildSpec(
        id=id_,
        start=actor.run,
        drain=drain,
        shutdown_timeout_seconds=shutdown_timeout_seconds,
        fatal=FATAL,
        progress=actor.progress,
    )


def _place_weather(weather: Weather, found: Location) -> None:
    weather.set_home(coordinates(found.latitude, found.longitude))
