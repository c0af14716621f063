"""What asks a home's recorder, put together for a run, or for a command without one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial

from ingestor.assembly.files import Files
from ingestor.assembly.live import Live, endpoint_of
from ingestor.assembly.stages import apart
from ingestor.assembly.storage import Storage
from ingestor.config import HomeSettings
from ingestor.history.archive import Archive
from ingestor.history.audit import Audit
from ingestor.history.holdings import Holdings
from ingestor.history.refill import Refill
from ingestor.history.worker import Worker
from ingestor.live.entities import Entities
from ingestor.live.selection import Selection
from ingestor.model.records import WeatherObservation
from ingestor.weather.memory import Memory
from ingestor.weather.observed import Weather
from supervisors import ChildSpec

UNDERWAY_SECONDS = 4.0  # from Home Assistant to the committer, at 5,000 changes a second


def recorder_askers(files: Files, home: HomeSettings, live: Live, storage: Storage) -> tuple[ChildSpec, ...]:
    """Return the specs of what asks a home's recorder beside its live capture: refill and jobs."""
    archive = archive_of(files, home, lambda: live.stream.persons, live.weather_at)
    holdings = holdings_of(files, home, live.entities)
    audit = Audit(archive, holdings, files.jobs, int((files.settings.commit_seconds + UNDERWAY_SECONDS) * 1e6))
    look = partial(storage.look_for_losses, home.name)
    return (
        apart("refill", Refill(archive, holdings, live.fence, storage.keeper, files.report)),
        apart("jobs", Worker(audit, files.ledger, files.report, look)),
    )


async def offline_worker(files: Files, home: HomeSettings) -> Worker:
    """Return what works off the jobs of a home of which nothing comes live. Raises `Unavailable`."""
    marks = files.intake.marks(home.name)
    persons = [mark.series.entity_id for mark in marks if mark.series.domain == "person"]
    weather = Weather(home.name, None, files.settings.weather_cache_minutes)
    weather.recollect((await Memory(files.state, home.name, files.warn).load())[0], 0)
    at = weather.at if files.settings.weather_on_events else (lambda _at_ns: None)
    archive = archive_of(files, home, lambda: persons, at)
    holdings = holdings_of(files, home, Entities(Selection(home.include, home.exclude)))
    audit = Audit(archive, holdings, files.jobs, underway_us=0)
    look = partial(files.recovery.look, home.name)
    return Worker(audit, files.ledger, files.report, look)


def archive_of(
    files: Files,
    home: HomeSettings,
    persons: Callable[[], Collection[str]],
    weather: Callable[[int], WeatherObservation | None],
) -> Archive:
    """Return what a home's recorder is asked with."""
    return Archive(endpoint=endpoint_of(home), persons=persons, weather=weather, wanted=files.wanted)


def holdings_of(files: Files, home: HomeSettings, entities: Entities) -> Holdings:
    """Return what is stored of a home."""
    return Holdings(
        home=home.name,
        store=files.store,
        quarantine=files.quarantine,
        ledger=files.ledger,
        entities=entities,
        importer=files.importer,
    )
