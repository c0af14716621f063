"""Inserts points into the tables of the embedded database. Tags, attributes and weather repeat: each is stored once.

With the attributes stand the fields that they become, which repeat as they do.

Hashing all of them for every event would cost as much as its row does. So what is in the file is remembered: the id of
each series with the attributes of its last event, and the last observation. It is forgotten when it may not be true any
more: after a rollback, after old rows were deleted, and when SQLite says that another connection has written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from hashlib import blake2b
from operator import attrgetter, itemgetter
from typing import Any

import msgspec
from msgspec import Struct

from ingestor.model.fields import tag
from ingestor.model.records import (
    ENTITY_FLAGS,
    ENTITY_TEXTS,
    Chosen,
    Details,
    EntityRecord,
    Event,
    Point,
    Series,
    Statistic,
    WeatherObservation,
)
from ingestor.storage.columns import (
    CHOSEN,
    DETAIL_COLUMNS,
    EVENT_COLUMNS,
    OBSERVATION_COLUMNS,
    TAG_COLUMNS,
    upsert,
)

_ENTITY = ("time", "home", "entity_id", "domain", "labels", *ENTITY_TEXTS, *ENTITY_FLAGS)
_STATISTIC = ("home", "entity_id", "source", "unit", "time", "mean", "min", "max", "sum", "state")
_OBSERVATION = ("location", "observed_at", *(name for name in OBSERVATION_COLUMNS if name != "observed_at"))

_WRITE_EVENT = upsert(
    "events", ("series_id", "attributes_id", "observation_id", "time", *EVENT_COLUMNS), ("series_id", "time")
)
_WRITE_ENTITY = f"""INSERT OR REPLACE INTO home_assistant_entities ({", ".join(_ENTITY)})
    VALUES ({", ".join("?" * len(_ENTITY))})"""  # whole: what was cleared is cleared
_WRITE_STATISTIC = upsert("home_assistant_statistics", _STATISTIC, ("home", "entity_id", "source", "unit", "time"))
_ATTRIBUTES = ("id", "text", *DETAIL_COLUMNS, CHOSEN)
_WRITE_ATTRIBUTES = f"""INSERT OR IGNORE INTO attributes ({", ".join(_ATTRIBUTES)})
    VALUES ({", ".join("?" * len(_ATTRIBUTES))})"""
_WRITE_OBSERVATION = f"""INSERT OR IGNORE INTO observations (id, {", ".join(_OBSERVATION)})
    VALUES (?, {", ".join("?" * len(_OBSERVATION))})"""
_WRITE_SERIES = f"""INSERT OR IGNORE INTO series ({", ".join(TAG_COLUMNS)})
    VALUES ({", ".join("?" * len(TAG_COLUMNS))})"""
_READ_SERIES = f"SELECT id FROM series WHERE {' AND '.join(f'{name} IS ?' for name in TAG_COLUMNS)}"

_tags = attrgetter(*TAG_COLUMNS)
_fields = attrgetter("time_ns", *EVENT_COLUMNS)
_observed = attrgetter(*_OBSERVATION)
_said_of_entity = attrgetter(*ENTITY_TEXTS, *ENTITY_FLAGS)
_details = attrgetter(*DETAIL_COLUMNS)
_NO_DETAILS = Details()


class _Written(Struct, gc=False):
    """A series that is in the file, with the attributes of its last event."""

    id: int
    attributes: tuple[str | None, Details | None, Chosen | None] = (None, None, None)
    attributes_id: int | None = None


class Tables:
    """The tables of one file. Used from that file's thread, within a transaction."""

    def __init__(self) -> None:
        self._seen: tuple[sqlite3.Connection, int] | None = None
        self.forget()

    def forget(self) -> None:
        """Trust nothing that was remembered."""
        self._series: dict[Series, _Written] = {}
        self._observation: WeatherObservation | None = None
        self._observation_id = 0

    def insert(self, connection: sqlite3.Connection, points: Sequence[Point]) -> None:
        """Insert the points; what is there already is merged."""
        [version] = connection.execute("PRAGMA data_version").fetchone()  # it changes when another connection writes
        if self._seen != (connection, version):
            self._seen = connection, version
            self.forget()
        self._insert_events(connection, [point for point in points if isinstance(point, Event)])
        for point in points:
            if isinstance(point, WeatherObservation):
                self._observe(connection, point)
        connection.executemany(_WRITE_ENTITY, (_entity_row(p) for p in points if isinstance(p, EntityRecord)))
        connection.executemany(_WRITE_STATISTIC, (_statistic_row(p) for p in points if isinstance(p, Statistic)))

    def _insert_events(self, connection: sqlite3.Connection, events: Sequence[Event]) -> None:
        texts: list[tuple[Any, ...]] = []
        rows: list[tuple[Any, ...]] = []
        for event in events:
            written = self._series.get(event.series) or self._add(connection, event.series)
            attributes, weather = (event.attributes, event.details, event.chosen), event.weather
            if attributes != written.attributes:
                id_, row = _attributes_row(*attributes)
                written.attributes, written.attributes_id = attributes, id_
                if id_ is not None:
                    texts.append((id_, *row))
            rows.append(
                (
                    written.id,
                    written.attributes_id,
                    None if weather is None else self._observe(connection, weather),
                    *_fields(event),
                )
            )
        rows.sort(key=itemgetter(0))  # those of a series share a page
        connection.executemany(_WRITE_ATTRIBUTES, texts)
        connection.executemany(_WRITE_EVENT, rows)

    def _add(self, connection: sqlite3.Connection, series: Series) -> _Written:
        tags = [text and tag(text) for text in _tags(series)]
        connection.execute(_WRITE_SERIES, tags)
        [id_] = connection.execute(_READ_SERIES, tags).fetchone()
        self._series[series] = written = _Written(id_)
        return written

    def _observe(self, connection: sqlite3.Connection, observation: WeatherObservation) -> int:
        if observation is not self._observation and observation != self._observation:
            columns = _observed(observation)  # their order is part of the id
            self._observation, self._observation_id = observation, _hash("\x00".join(map(repr, columns)))
            connection.execute(_WRITE_OBSERVATION, (self._observation_id, *columns))
        return self._observation_id


def _hash(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def _attributes_row(
    text: str | None, details: Details | None, chosen: Chosen | None
) -> tuple[int | None, tuple[Any, ...]]:
    """Return the row of what is stored of attributes, and its id; of a text alone it is its hash, as ever."""
    whole = text if details is None and chosen is None else "\x00".join(map(repr, (text, details, chosen)))
    fields = None if chosen is None else msgspec.json.encode(chosen).decode()
    return None if whole is None else _hash(whole), (text, *_details(details or _NO_DETAILS), fields)


def _entity_row(record: EntityRecord) -> tuple[Any, ...]:
    labels = ",".join(record.labels) or None
    return record.time_ns, record.home, record.entity_id, record.domain, labels, *_said_of_entity(record)


def _statistic_row(one: Statistic) -> tuple[Any, ...]:
    tags = one.home, one.entity_id, one.source, one.unit or ""
    return *tags, one.time_ns, one.mean, one.min, one.max, one.sum, one.state
