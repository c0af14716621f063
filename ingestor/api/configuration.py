"""The routes of the configuration: what the service runs with, and the live settings, which may be changed."""

from __future__ import annotations

from fastapi import APIRouter

from ingestor.api import views
from ingestor.api.errors import failures
from ingestor.api.models import Configuration, ConfigurationChange
from ingestor.config import Settings
from ingestor.model.errors import IngestorError, Unfinished, UsageError
from ingestor.storage.settings import SettingsStore
from ingestor.storage.store import Store


def routes(settings: Settings, live: SettingsStore, store: Store) -> APIRouter:
    """Return the routes, to be put under `/api/config`."""
    router = APIRouter()

    @router.get("")
    async def read() -> Configuration:
        return views.configuration(settings, live, store.retention)

    @router.put("", responses=failures(409))
    async def change(wanted: ConfigurationChange) -> Configuration:
        changes = wanted.model_dump(exclude_unset=True, exclude={"confirm"})
        if any(changes[name] is None for name in changes if name != "weather_location"):
            raise UsageError("retention_days and weather_cache_minutes are numbers")
        if not wanted.confirm and _shortens(store.retention.days, changes.get("retention_days")):
            days = changes["retention_days"]
            raise UsageError(f"this deletes every event older than {days} days: repeat it with confirm: true")
        if "retention_days" in changes:
            await _apply_retention(store, changes["retention_days"])
        try:
            await live.change(changes)
        except IngestorError as error:
            raise Unfinished("the change could not be kept", error) from None
        return views.configuration(settings, live, store.retention)

    return router


async def _apply_retention(store: Store, days: int) -> None:
    try:
        await store.set_retention(days)
    except UsageError:
        raise
    except IngestorError as error:
        raise Unfinished("nothing was changed, for the database did not take the retention", error) from None


def _shortens(now_days: float, wanted_days: object) -> bool:
    """Return whether a wish for retention deletes something; 0 days is for ever."""
    return isinstance(wanted_days, int) and wanted_days > 0 and (now_days == 0 or wanted_days < now_days)
