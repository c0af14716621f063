"""What `DATA_DIR/state.sqlite3` remembers of a home's weather: the observations of the last days, the requests."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from ingestor.model.errors import Damaged, IngestorError
from ingestor.model.records import WeatherObservation
from ingestor.storage.database import Database, Warn, transaction
from ingestor.weather.observed import REMEMBERED
from ingestor.weather.requests import Requests

_FORGET = """DELETE FROM observations WHERE home = :home AND observed_at < (
    SELECT observed_at FROM observations WHERE home = :home ORDER BY observed_at DESC LIMIT 1 OFFSET :kept)"""

T = TypeVar("T")


class Memory:
    """Raises nothing: the weather goes on without what the disk does not take or give, and `warn` takes a sentence."""

    def __init__(self, database: Database, home: str, warn: Warn) -> None:
        self._database = database
        self._home = home
        self._warn = warn

    async def load(self) -> tuple[list[WeatherObservation], Requests | None]:
        """Return the observations, in no order, and the requests; nothing of what cannot be read."""
        return await self._run(partial(_load, self._home)) or ([], None)

    async def keep(self, requests: Requests | None = None, observation: WeatherObservation | None = None) -> None:
        """Keep either or both."""
        await self._run(partial(_keep, self._home, requests, observation))

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        try:
            return await self._database.run(work, self._warn)
        except IngestorError as error:
            self._warn(f"the weather is not remembered: {error}")
            return None


def _load(home: str, connection: sqlite3.Connection) -> tuple[list[WeatherObservation], Requests | None]:
    observations = connection.execute("SELECT body FROM observations WHERE home = ?", (home,)).fetchall()
    requests = connection.execute("SELECT body FROM weather_requests WHERE home = ?", (home,)).fetchone()
    try:
        return (
            [msgspec.json.decode(body, type=WeatherObservation) for (body,) in observations],
            requests and msgspec.json.decode(requests[0], type=Requests),
        )
    except msgspec.MsgspecError as error:
        raise Damaged(f"what is remembered of the weather is not what was written: {error}") from None


def _keep(
    home: str, requests: Requests | None, observation: WeatherObservation | None, connection: sqlite3.Connection
) -> None:
    with transaction(connection):
        if requests is not None:
            row = (home, msgspec.json.encode(requests).decode())
            connection.execute("INSERT OR REPLACE INTO weather_requests VALUES (?, ?)", row)
        if observation is not None:
            seen = (home, observation.observed_at, msgspec.json.encode(observation).decode())
            connection.execute("INSERT OR REPLACE INTO observations VALUES (?, ?, ?)", seen)
            connection.execute(_FORGET, {"home": home, "kept": REMEMBERED - 1})
