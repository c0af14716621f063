"""The composition root: channels, actors, specs and strategies; no logic. See docs/architecture.md for the picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Protocol, TypeVar

import trio

import metrics
from ingestor.api.app import Ports, application
from ingestor.api.quarantine import QuarantineDesk
from ingestor.api.server import ApiServer
from ingestor.audit.asked import AskedAudits
from ingestor.audit.auditor import Auditing, Auditor
from ingestor.audit.backfill import Backfilling
from ingestor.audit.backfiller import Backfiller
from ingestor.audit.jobs import Jobs
from ingestor.audit.keeper import LedgerKeeper
from ingestor.audit.ledger import Ledger
from ingestor.audit.patrol import AuditPatrol
from ingestor.audit.recovery import Recovering, Recovery
from ingestor.config import Settings
from ingestor.enrichment.step import Enricher
from ingestor.files import Files, make_store, state_database
from ingestor.homeassistant.chain import Chain
from ingestor.homeassistant.connection import Connection
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.homeassistant.fence import Fence
from ingestor.homeassistant.reading import Reader
from ingestor.homeassistant.reconnect import Reconnect
from ingestor.homeassistant.refill import ROOM_SECONDS, Refill, Refilling
from ingestor.homeassistant.selection import selection
from ingestor.homeassistant.stream import Location, Stream
from ingestor.homeassistant.subscription import Subscription
from ingestor.messages import Event, Frame, HomeMessage, Kept, Record, Series
from ingestor.settings import SettingsStore
from ingestor.stages import FATAL, apart, piped, stage
from ingestor.status import StatusBoard
from ingestor.storage.batcher import Retry
from ingestor.storage.committer import CommitLimits, Committer
from ingestor.storage.database import Database
from ingestor.storage.intake import Intake
from ingestor.storage.marks import Marks
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
    Inbox,
    Outbox,
    StopOrder,
    Strategy,
    Supervisor,
    SupervisorSnapshot,
)

LISTS_IN_A_CHANNEL = 2  # what waits behind them waits as one larger list
COMMANDS_IN_A_CHANNEL = 16
UNDERWAY_SECONDS = 4.0  # from Home Assistant to the committer, at 5,000 changes a second

T = TypeVar("T")


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


class _Storage:
    """Spool and writer, with the channel that leads to them.

    With the embedded database that is the spool, and the writer only empties one that an InfluxDB left behind.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        state: Database,
        leaving: trio.Event,
        report: facts.Report,
        random: Random,
    ) -> None:
        self.entrance, self._exit = trio.open_memory_channel[list[Kept]](LISTS_IN_A_CHANNEL)
        self._ways_in: list[Outbox[Kept]] = []
        self._leaving = leaving
        self.intake = Intake(Inbox(self._exit))
        embedded = store if isinstance(store, SQLiteStore) else None
        self.files = files = Files.of(settings, state, embedded, self.intake.valve, report)
        self.ledger = Ledger(state, report, (lambda: embedded.marked) if embedded else lambda: 0)
        self.keeper = LedgerKeeper(files.notebook, self.ledger, self.intake, files.quarantine, report)
        self.jobs = Jobs(state)
        recovering = Recovering(
            home=settings.home_name,
            store=store,
            store_is_journal=embedded is not None,
            spool=files.spool,
            intake=self.intake,
            ledger=self.ledger,
            jobs=self.jobs,
        )
        self.recovery = recovery = Recovery(recovering, report)
        limits = CommitLimits(seconds=settings.commit_seconds)
        committer = Committer(self.intake, files.journal, limits, report, recovery.recollect)
        stages = [piped("spool", committer, 3.0, self._end_the_stream)]
        if embedded is None or files.spool.exists:
            due = BatchLimits(maximum_events=settings.batch_max_events, maximum_seconds=settings.batch_max_seconds)
            marks = None if embedded else Marks(settings.home_name, store, files.spool, recovery.begin)
            writer = Writer(files.spool, store, files.delivery, self.intake, due, Retry(random), report, marks=marks)
            stages.append(piped("writer", writer, 5.0, self._end_the_intake))
        self.supervisor = Supervisor(
            "storage", stages, strategy=Strategy.REST_FOR_ONE, stop_order=StopOrder.START_ORDER
        )

    def series(self, home: str) -> dict[str, Series]:
        """Return the tags of every entity that was ever captured."""
        return {entity_id: mark.series for entity_id, mark in self.intake.marks(home).items()}

    async def commit_refilled(self, events: Sequence[Event]) -> None:
        """Capture events that were missed."""
        await self.files.journal.commit(events, live=False)
        self.intake.refilled(events)

    async def commit_backfilled(self, records: Sequence[Record]) -> None:
        """Capture history, as soon as there is room."""
        while not self.has_room():  # noqa: ASYNC110  the spool has no event for half of it
            await trio.sleep(ROOM_SECONDS)
        await self.files.journal.commit(records, live=False)

    async def look_for_losses(self) -> None:
        """Notice what was lost, once the ledger has all that the journal notes."""
        await self.intake.known.wait()
        await self.keeper.take()
        await self.recovery.look()

    async def confirmed(self) -> None:
        """Wait until the store has what was captured before this call."""
        await self.intake.known.wait()
        await self.files.spool.confirmed()

    def has_room(self) -> bool:
        """Return whether more may come than the live events."""
        spool = self.files.spool
        return not self.intake.valve.closed and spool.pending_bytes < spool.maximum_bytes / 2

    def outbox(self) -> Outbox[Kept]:
        """Return one more way in; the storage ends when all of them are closed."""
        self._ways_in.append(Outbox(self.entrance.clone()))
        return self._ways_in[-1]

    def unwritten(self) -> int:
        """Return how many records were not captured; to be asked when nothing runs any more."""
        lists = [*self.intake.inbox.held, *_left(self._exit)]
        return sum(map(len, lists)) + sum(map(len, self._ways_in))

    def _end_the_stream(self) -> None:
        """Close what a stage that was down at the end could not close; all who send have ended by now."""
        if self._leaving.is_set():
            for way in self._ways_in:
                way.close()

    def _end_the_intake(self) -> None:
        if self._leaving.is_set():
            self.intake.ended.set()


class _Home:
    """Connection and subscription of one home, with the channels between them."""

    def __init__(
        self,
        settings: Settings,
        weather: Weather,
        storage: _Storage,
        leaving: trio.Event,
        report: facts.Report,
        random: Random,
    ) -> None:
        name = settings.home_name
        frames, self._received = trio.open_memory_channel[list[HomeMessage]](LISTS_IN_A_CHANNEL)
        self._frames, self._inbox, self._leaving = Outbox(frames), Inbox(self._received), leaving
        commands, asked = trio.open_memory_channel[list[str]](COMMANDS_IN_A_CHANNEL)
        endpoint = Endpoint(home=name, url=settings.ha_url, token=settings.current_token, ca_file=settings.ha_ca_file)
        intake = storage.intake
        connection = Connection(endpoint, self._frames, asked, Reconnect(random), intake.valve, report)
        observation = (lambda: weather.current) if settings.weather_on_events else (lambda: None)
        enricher = Enricher(name, observation, intake.last_mark, with_attributes=settings.attributes == "json")
        stream = Stream(
            name,
            enricher,
            selection(settings.include, settings.exclude),
            Chain(name, intake.marks, lambda: intake.loss),
        )
        on_location = partial(_place_weather, weather)
        fence = Fence(commands.clone())
        subscription = Subscription(stream, self._inbox, storage.outbox(), commands, report, on_location, fence)
        self.endpoint = endpoint
        self.reader = Reader(
            persons=lambda: enricher.knowledge.presence.persons,
            weather=weather.at if settings.weather_on_events else (lambda _at_ns: None),
            with_attributes=settings.attributes == "json",
        )
        refilling = Refilling(
            endpoint=endpoint,
            ledger=storage.ledger,
            commit=storage.commit_refilled,
            fence=fence,
            take_notes=storage.keeper.take,
            room=storage.has_room,
            reader=self.reader,
        )
        self.refill = Refill(refilling, report)
        self.supervisor = Supervisor(
            f"home:{name}",
            [
                stage("connection", connection, 3.0, connection.drain),
                piped("subscription", subscription, 3.0, self._end_the_stream),
            ],
            strategy=Strategy.REST_FOR_ONE,
            stop_order=StopOrder.START_ORDER,
        )

    def children(self) -> tuple[ChildSnapshot | SupervisorSnapshot, ...]:
        """Picture the actors of this home."""
        return self.supervisor.snapshot().children

    def undecoded(self) -> int:
        """Return how many state changes were received and not decoded; to be asked when nothing runs any more."""
        waiting = [message for messages in (*self._inbox.held, *_left(self._received)) for message in messages]
        texts = [message.text for message in (*waiting, *self._frames.items) if isinstance(message, Frame)]
        return sum(text.count('"state_changed"') for text in texts)

    def _end_the_stream(self) -> None:
        if self._leaving.is_set():
            self._frames.close()


def build(settings: Settings, *, more_reports: tuple[facts.Report, ...] = (), random: Random | None = None) -> Service:
    """Put the service together. Raises `ConfigError`; nothing runs yet but the API's socket, which is bound."""
    random = random or Random()  # noqa: S311  jitter
    status = StatusBoard()
    store_name = "influxdb" if settings.influxdb_url else "sqlite"
    prometheus = PrometheusReporter(homes=(settings.home_name,), store=store_name)
    report = metrics.fan_out(status, prometheus, LogReporter(), *more_reports)
    state = state_database(settings)
    live = SettingsStore(settings, state, lambda detail: report(facts.Warned(code="state_damaged", detail=detail)))
    store = make_store(settings, live.current)
    weather = Weather(live.current.weather_location, live.current.weather_cache_minutes)
    live.listen(lambda now: weather.configure(now.weather_location, now.weather_cache_minutes))
    leaving = trio.Event()
    storage = _Storage(settings, store, state, leaving, report, random)
    observations = storage.outbox()
    provider = make_provider(settings)
    if provider is None:
        status.weather_problem = None  # what is off is not ill
    poller = WeatherPoller(weather, provider, observations, Breaker(), report)
    home = _Home(settings, weather, storage, leaving, report, random)
    storage.entrance.close()
    auditing = Auditing(
        endpoint=home.endpoint,
        store=store,
        ledger=storage.ledger,
        quarantine=storage.files.quarantine,
        reader=home.reader,
        commit=storage.commit_refilled,
        series=partial(storage.series, settings.home_name),
        confirmed=storage.confirmed,
        retention_days=lambda: live.current.retention_days,
        underway_us=int((settings.commit_seconds + UNDERWAY_SECONDS) * 1e6),
    )
    backfilling = Backfilling(
        auditing=auditing,
        jobs=storage.jobs,
        wanted=selection(settings.include, settings.exclude),
        commit=storage.commit_backfilled,
    )
    backfiller = Backfiller(settings.home_name, backfilling, report, storage.look_for_losses)
    audits = AskedAudits(settings.home_name)
    patrol = AuditPatrol(settings.home_name, Auditor(auditing), audits, report)
    ports = Ports(
        settings=settings,
        live=live,
        status=status,
        recent=storage.intake.recent,
        store=store,
        metrics=prometheus.render,
        quarantine=QuarantineDesk(quarantine=storage.files.quarantine, replay=storage.files.replay),
        ledger=storage.ledger,
        audits=audits,
        backfiller=backfiller,
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
            apart("refill", settings.home_name, home.refill),
            apart("auditor", settings.home_name, patrol),
            apart("backfill", settings.home_name, backfiller),
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
        unwritten=lambda: storage.unwritten() + home.undecoded(),
        leaving=leaving,
        files=(store, storage.files.spool, storage.files.state),
    )


def make_provider(settings: Settings) -> Provider | None:
    """Return the weather's provider; none where it is off, or has no key."""
    if settings.weather_provider == "none" or settings.weather_api_key is None:
        return None
    return OpenWeatherMap(settings.weather_base_url, settings.weather_api_key)


def _left(channel: trio.MemoryReceiveChannel[T]) -> Iterator[T]:
    """Yield what still lies in a channel that nobody uses any more."""
    with suppress(trio.WouldBlock, trio.EndOfChannel):
        while True:
            yield channel.receive_nowait()


def _place_weather(weather: Weather, found: Location) -> None:
    weather.set_home(coordinates(found.latitude, found.longitude))
