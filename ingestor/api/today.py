"""How much of today is stored, by home: asked of the database, for memory does not outlive a restart.

A day begins at midnight where the home is: in Home Assistant's own time zone, which may have 23 or 25 hours of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import trio

from ingestor.api.events import OLDER_SECONDS
from ingestor.api.models import StoredToday
from ingestor.model import instants
from ingestor.model.errors import IngestorError
from ingestor.storage.store import Store

_SLOW = f"the database did not tell it within {OLDER_SECONDS:g} s"


class Today:
    """Asks the store; the time zones are those that the homes have now, by name."""

    def __init__(self, store: Store, zones: Callable[[], Mapping[str, str]]) -> None:
        self._store = store
        self._zones = zones

    async def stored(self, now: float) -> dict[str, StoredToday]:
        """Return what is stored of each home since its midnight, by now, in Unix seconds. Waits for two seconds."""
        found = {home: since_midnight(now, zone) for home, zone in self._zones().items()}
        async with trio.open_nursery() as nursery:
            for home, today in found.items():
                nursery.start_soon(self._count, home, today)
        return found

    async def _count(self, home: str, today: StoredToday) -> None:
        today.reason = _SLOW
        with trio.move_on_after(OLDER_SECONDS):
            try:
                today.events = await self._store.count_since(home, instants.to_ns(instants.microseconds(today.since)))
            except IngestorError as error:
                today.reason = str(error)
            else:
                today.reason = ""


def since_midnight(now: float, time_zone: str) -> StoredToday:
    """Return the day that has begun there, not counted yet; a zone that this machine does not know is UTC."""
    try:
        at = datetime.fromtimestamp(now, ZoneInfo(time_zone))
    except (LookupError, ValueError, OSError):
        time_zone, at = "UTC", datetime.fromtimestamp(now, UTC)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    return StoredToday(events=None, since=midnight.astimezone(UTC), time_zone=time_zone)
