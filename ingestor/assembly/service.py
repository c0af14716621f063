"""The composition root: channels, actors, specs and strategies; no logic. See docs/architecture.md for the picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

import trio

import metrics
from ingestor.api import configuration, events, gaps, health, jobs, losses, quarantine
from ingestor.api.app import application
from ingestor.api.server import ApiServer
from ingestor.api.status import StatusBoard
from ingestor.api.today import Today
from ingestor.assembly.files import Files
from ingestor.assembly.home import Home
from ingestor.assembly.measures import measured
from ingestor.assembly.stages import FATAL, MANY, Ground, stage
from ingestor.assembly.storage import Storage
from ingestor.assembly.telling import tellers
from ingestor.config import Settings
from ingestor.storage.store import Store
from metrics import facts
from metrics.codes import WarningCode
from metrics.exporter import PrometheusReporter
from metrics.log import LogReporter
from metrics.redaction import redacting
from supervisors import Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The whole, ready to run."""

    root: Supervisor
    api: ApiServer
    store: Store
    status: StatusBoard
    homes: tuple[Home, ...]
    report: facts.Report
    render: Callable[[], tuple[bytes, str]]
    storage: Storage
    files: Files
    leaving: trio.Event

    def stop(self) -> None:
        """Begin the drain: of all homes at once, so that one that does not answer holds up no other."""
        self.leaving.set()
        for home in self.homes:
            home.live.drain()
        self.root.stop()

    def drop(self) -> tuple[int, int]:
        """Give up what was not captured, when nothing runs any more; return how many records and events that is."""
        records, events = self.storage.drop()
        undecoded = sum(home.live.drop() for home in self.homes)
        return records + undecoded, events + undecoded

    async def aclose(self) -> None:
        """Close every file and connection; to be called when nothing runs any more."""
        await self.files.aclose()


def build(settings: Settings, *, more_reports: tuple[facts.Report, ...] = (), random: Random | None = None) -> Service:
    """Put the service together. Raises an `IngestorError`; nothing runs yet but the API's socket, which is bound."""
    names = tuple(home.name for home in settings.homes)
    status = StatusBoard(names, weather_is_on=settings.weather_provider != "none")
    store_name = "influxdb" if settings.influxdb_url else "sqlite"
    prometheus = PrometheusReporter(homes=names, store=store_name)
    report = redacting(metrics.fan_out(status, prometheus, LogReporter(), *more_reports), settings.secrets)
    for sentence in settings.warnings:
        report(facts.Warned(code=WarningCode.UNKNOWN_SETTING, detail=sentence))
    files = Files(settings, report)
    files.open_now()
    ground = Ground(files=files, random=random or Random(), leaving=trio.Event())  # noqa: S311  jitter
    storage = Storage(ground)
    homes = tuple(Home(ground, home, storage) for home in settings.homes)
    files.entrance.close()
    api = _api(settings, files, status, homes, prometheus)
    root = Supervisor(
        "root",
        [
            stage("api", api, 3.0, api.drain),
            stage("ledger", storage.keeper, 1.0, storage.keeper.drain),
            storage.supervisor.as_child(shutdown_timeout_seconds=6.0, fatal=FATAL),
            *(home.spec for home in homes),
            *tellers(settings, status, files.report),
        ],
        intensity=MANY,
        observer=files.report,
    )
    prometheus.measures += [
        lambda: facts.EventsHeld(events=files.intake.held_events),
        lambda: measured(root.snapshot(), status, settings.data_dir),
    ]
    return Service(
        root=root,
        api=api,
        store=files.store,
        status=status,
        homes=homes,
        report=files.report,
        render=prometheus.render,
        storage=storage,
        leaving=ground.leaving,
        files=files,
    )


def _api(
    settings: Settings, files: Files, status: StatusBoard, homes: Sequence[Home], prometheus: PrometheusReporter
) -> ApiServer:
    """Return the server of the API, each of whose routes has what it works with."""
    names = [home.name for home in settings.homes]
    today = Today(files.store, lambda: {of: home.live.time_zone for of, home in zip(names, homes, strict=True)})
    guarded = {
        "/api": health.routes(status, lambda: all(home.live.is_enriching for home in homes), today),
        "/api/events": events.routes(files.intake.recent, files.store),
        "/api/gaps": gaps.routes(files.ledger),
        "/api/config": configuration.routes(settings, files.changeable, files.store),
        "/api/losses": losses.routes(files.losses),
        "/api/quarantine": quarantine.routes(files.quarantine, files.replay),
        "/api/jobs": jobs.routes(files.jobs),
        "/api/audit": jobs.audits(files.jobs, names),
        "/api/backfill": jobs.backfills(files.jobs, names),
    }
    probes = health.probes(status, prometheus.render)
    return ApiServer(partial(application, settings, probes, guarded), settings.api_host, settings.api_port)
