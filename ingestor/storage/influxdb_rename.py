"""Gives what InfluxDB holds of one entity another id, a part at a time: it has no update.

    read       the oldest points of the old id, with all tags and fields, whoever wrote them
    write      under the new id, those that it has not
    confirm    the new id has a point for each of them
    delete     those of the old id, up to the last of these times

Killed anywhere, nothing is lost, and the next run begins with the oldest point that is left. What was written before is
found under the new id then, and not written again; neither is a change that a backfill has brought there, where Home
Assistant moves the history of what is renamed.

A point of the entity is one with every tag that each of ours has. One that lacks the right domain (an hour: a source)
was written by another program, and stays. A tag that ours never have tells points apart. InfluxDB converts numbers when
it is asked for a type, and does not say which one a point has: that is found by writing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from ingestor.model.errors import Rejected, Unavailable
from ingestor.model.fields import FIELDS, TAGS
from ingestor.model.records import ENTITY_TEXTS
from ingestor.storage.influxdb_server import InfluxDBServer
from ingestor.storage.lines import ENTITIES, EVENTS, STATISTICS, raw_line
from ingestor.storage.store import Renamed
from metrics.codes import ErrorCode

ROWS_IN_A_PART = 2000

_TAGS: Mapping[str, frozenset[str]] = {
    EVENTS: frozenset(tag.name for tag in TAGS),
    STATISTICS: frozenset({"entity_id", "home", "source", "unit"}),
    ENTITIES: frozenset({"domain", "entity_id", "home"}),
}
"""The measurements of an entity, with the tags that points of ours may have."""
_COUNTED = {
    EVENTS: "state::string, removed::boolean",
    STATISTICS: "mean::float, state::float, sum::float",
    ENTITIES: ", ".join([*(f'"{name}"::string' for name in ("labels", *ENTITY_TEXTS)), "removed::boolean"]),
}
_KINDS = {field.name: field.type for field in FIELDS}
_GUESSES = ("ours", "float", "integer", "unsigned")
_SOURCE = "^[a-z0-9_]+$"  # Home Assistant's names of integrations

Values: TypeAlias = dict[str, Any]
Identity: TypeAlias = tuple[Any, ...]
SelectEach: TypeAlias = Callable[[str, Callable[[Values], object]], Awaitable[None]]
"""Gives the rows of a question in InfluxQL one by one."""
Write: TypeAlias = Callable[[bytes], Awaitable[int]]
"""Writes lines, and returns how many of them are older than the bucket keeps."""


class _Row(Struct, frozen=True):
    """A point: its tags, and its fields by name, a number by each type that it may be of."""

    measurement: str
    time_ns: int
    tags: dict[str, str]
    fields: dict[str, dict[str, Any]]

    @property
    def identity(self) -> Identity:
        """What tells it from the other points of the entity."""
        apart = {"source"} if self.measurement == STATISTICS else set()
        more = sorted((name, text) for name, text in self.tags.items() if name in apart or name not in self._ours)
        return self.time_ns, *more

    @property
    def says_removed(self) -> bool:
        """Whether it says that the entity is gone: it was renamed, not removed."""
        return self.measurement == ENTITIES and self.fields.get("removed", {}).get("boolean") is True

    @property
    def _ours(self) -> frozenset[str]:
        return _TAGS[self.measurement]

    def line(self, entity_id: str, guess: str) -> str:
        """Return its line under an id; a number that may be of several types is of the one that is guessed."""
        told: dict[str, tuple[str, Any]] = {}
        for name, values in self.fields.items():
            kind = _KINDS.get(name, "float") if guess == "ours" else guess
            told[name] = (kind, values[kind]) if kind in values else next(iter(values.items()))
        return raw_line(self.measurement, {**self.tags, "entity_id": entity_id}, told, self.time_ns)


class _Columns(Struct, frozen=True):
    """The tags and fields of a measurement by their columns in an answer: the name of each, and a field's type."""

    tags: dict[str, str]
    fields: dict[str, tuple[str, str]]

    @property
    def asked(self) -> str:
        """All of them, to be selected."""
        tags = [f"{_quoted(name)}::tag AS {column}" for column, name in self.tags.items()]
        return ", ".join(
            [*tags, *(f"{_quoted(name)}::{kind} AS {column}" for column, (name, kind) in self.fields.items())]
        )

    def row(self, measurement: str, values: Values) -> _Row:
        """Return a row of an answer."""
        tags = {name: values[column] for column, name in self.tags.items() if values.get(column)}
        fields: dict[str, dict[str, Any]] = {}
        for column, (name, kind) in self.fields.items():
            if values.get(column) is not None:
                fields.setdefault(name, {})[kind] = values[column]
        return _Row(measurement, values["time"], tags, fields)


class Renaming:
    """What is stored of an entity under an id, and how it gets under another one."""

    def __init__(
        self, server: InfluxDBServer, select_each: SelectEach, write: Write, rows: int = ROWS_IN_A_PART
    ) -> None:
        self._rows = rows
        self._server = server
        self._select_each = select_each
        self._write = write
        self._known: dict[str, _Columns] = {}

    async def count(self, home: str, entity_id: str) -> int:
        """Return how many points there are of an entity, but for those that say that it was removed."""
        found = 0
        for measurement, fields in _COUNTED.items():

            def take(row: Values, measurement: str = measurement) -> None:
                nonlocal found
                found += not (measurement == ENTITIES and row["removed"])

            where = _of(measurement, home, entity_id)
            await self._select_each(f'SELECT {fields} FROM "{measurement}" WHERE {where}', take)
        return found

    async def foreign(self, home: str, entity_id: str) -> int:
        """Return how many points have this id and lack a tag that each of ours has."""
        rows: list[int] = []
        for measurement in _TAGS:
            where = _of(measurement, home, entity_id, foreign=True)
            await self._ask(measurement, where, lambda row: rows.append(row.time_ns))
        return len(rows)

    async def part(self, home: str, old: str, new: str) -> Renamed | None:
        """Move the next part; none when nothing is left."""
        for measurement in _TAGS:
            if rows := await self._oldest(measurement, _of(measurement, home, old)):
                break
        else:
            return None
        span = rows[0].time_ns, rows[-1].time_ns
        where = f"{_of(measurement, home, new)} AND time >= {span[0]} AND time < {span[1] + 1}"
        wanted = {row.identity: row for row in rows if not row.says_removed}
        for known in await self._among(wanted, measurement, where):
            del wanted[known]
        if wanted:
            await self._store(wanted, new, measurement, where)
        named = "source" if measurement == STATISTICS else "domain"
        for text in {row.tags[named] for row in rows}:
            await self._server.delete(measurement, {"home": home, "entity_id": old, named: text}, *span)
        told = sum(not row.says_removed for row in rows)
        return Renamed(rewritten=len(wanted), repeated=told - len(wanted))

    async def _store(self, wanted: Mapping[Identity, _Row], new: str, measurement: str, where: str) -> None:
        """Write rows under the new id, and return once it has each of them."""
        lacking = dict(wanted)
        for kind in _GUESSES:
            refusal, expired = None, 0  # which the bucket does not keep any more
            try:
                expired = await self._write("\n".join(row.line(new, kind) for row in lacking.values()).encode())
            except Rejected as error:
                refusal = error
            for known in await self._among(lacking, measurement, where):
                del lacking[known]
            if len(lacking) <= expired:
                return
            if refusal is None:
                break
        said = f"InfluxDB took {len(wanted)} points of {new}, and does not have {len(lacking)} of them"
        raise refusal or Unavailable(f"{said}: those of the old id stay", code=ErrorCode.SERVER_ERROR)

    async def _oldest(self, measurement: str, where: str) -> list[_Row]:
        """Return the oldest points; of each time all of them, or none."""
        rows: list[_Row] = []
        await self._ask(measurement, f"{where} ORDER BY time LIMIT {self._rows}", rows.append)
        last_ns = rows[-1].time_ns if len(rows) == self._rows else None
        return [row for row in rows if row.time_ns != last_ns] or rows  # not so many share one time

    async def _among(self, wanted: Mapping[Identity, _Row], measurement: str, where: str) -> set[Identity]:
        """Return which of these are there."""
        found: set[Identity] = set()

        def take(row: _Row) -> None:
            if row.identity in wanted:
                found.add(row.identity)

        await self._ask(measurement, where, take)
        return found

    async def _ask(self, measurement: str, where: str, take: Callable[[_Row], object]) -> None:
        columns = await self._columns(measurement)
        if columns.fields:
            asked = f'SELECT {columns.asked} FROM "{measurement}" WHERE {where}'
            await self._select_each(asked, lambda values: take(columns.row(measurement, values)))

    async def _columns(self, measurement: str) -> _Columns:
        if measurement not in self._known:
            tags: list[Values] = []
            fields: list[Values] = []
            await self._select_each(f'SHOW TAG KEYS FROM "{measurement}"', tags.append)
            await self._select_each(f'SHOW FIELD KEYS FROM "{measurement}"', fields.append)
            self._known[measurement] = _Columns(
                {f"t{number}": row["tagKey"] for number, row in enumerate(tags)},
                {f"f{number}": (row["fieldKey"], row["fieldType"]) for number, row in enumerate(fields)},
            )
        return self._known[measurement]


def _of(measurement: str, home: str, entity_id: str, *, foreign: bool = False) -> str:
    """Return the condition for the points of an entity, or for those that only have its id."""
    domain = entity_id.partition(".")[0]  # none of these holds quotes
    if measurement == STATISTICS:
        mark = f"source::tag {'!~' if foreign else '=~'} /{_SOURCE}/"
    else:
        mark = f"\"domain\"::tag {'!=' if foreign else '='} '{domain}'"
    return f"home::tag = '{home}' AND entity_id::tag = '{entity_id}' AND {mark}"


def _quoted(name: str) -> str:
    """Return the name of a tag or field in InfluxQL."""
    return '"' + name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n") + '"'
