"""Gives what InfluxDB holds of one entity another id, a part at a time: it has no update.

    read       the oldest points of the old id, with all tags and fields, whoever wrote them
    write      under the new id, those that it has not
    confirm    the new id has a point for each of them
    delete     those of the old id, up to the last of these times

Killed anywhere, nothing is lost, and the next run begins with the oldest point that is left. What was written before is
found under the new id then, and not written again; neither is a change that a backfill has brought there, where Home
Assistant moves the history of what is renamed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from ingestor.model.errors import Unavailable, UsageError
from ingestor.model.records import ENTITY_TEXTS
from ingestor.storage.influxdb_server import InfluxDBServer
from ingestor.storage.lines import ENTITIES, EVENTS, STATISTICS, raw_line
from ingestor.storage.store import Renamed
from metrics.codes import ErrorCode

ROWS_IN_A_PART = 2000

_APART: Mapping[str, tuple[str, ...]] = {EVENTS: (), STATISTICS: ("source",), ENTITIES: ()}
"""The measurements of an entity, each with the tags that tell points of the same time apart."""
_COUNTED = {
    EVENTS: "state::string, removed::boolean",
    STATISTICS: "mean::float, state::float, sum::float",
    ENTITIES: ", ".join([*(f'"{name}"::string' for name in ("labels", *ENTITY_TEXTS)), "removed::boolean"]),
}

Row: TypeAlias = dict[str, Any]
Identity: TypeAlias = tuple[Any, ...]
SelectEach: TypeAlias = Callable[[str, Callable[[Row], object]], Awaitable[None]]
"""Gives the rows of a question in InfluxQL one by one."""
Write: TypeAlias = Callable[[bytes], Awaitable[int]]
"""Writes lines, and returns how many of them are older than the bucket keeps."""


class Renaming:
    """What is stored of an entity under an id, and how it gets under another one."""

    def __init__(
        self, server: InfluxDBServer, select_each: SelectEach, write: Write, rows: int = ROWS_IN_A_PART
    ) -> None:
        self._rows = rows
        self._server = server
        self._select_each = select_each
        self._write = write
        self._keys: dict[str, tuple[list[str], dict[str, str]]] = {}

    async def count(self, home: str, entity_id: str) -> int:
        """Return how many points there are of an entity, but for those that say that it was removed."""
        found = 0
        for measurement, fields in _COUNTED.items():

            def take(row: Row, measurement: str = measurement) -> None:
                nonlocal found
                found += not _says_removed(measurement, row)

            await self._select_each(f'SELECT {fields} FROM "{measurement}" WHERE {_of(home, entity_id)}', take)
        return found

    async def part(self, home: str, old: str, new: str) -> Renamed | None:
        """Move the next part; none when nothing is left."""
        for measurement in _APART:
            tags, fields = await self._keys_of(measurement)
            if fields and (rows := await self._oldest(measurement, _of(home, old))):
                break
        else:
            return None
        from_ns, to_ns = rows[0]["time"], rows[-1]["time"]
        where = f"{_of(home, new)} AND time >= {from_ns} AND time < {to_ns + 1}"
        wanted = {_identity(measurement, row): row for row in rows if not _says_removed(measurement, row)}
        for known in await self._among(wanted, measurement, where):
            del wanted[known]
        if wanted:
            lines = [_line(measurement, tags, fields, row | {"entity_id": new}) for row in wanted.values()]
            lacking = await self._write("\n".join(lines).encode())  # which the bucket does not keep any more
            lacking = len(wanted) - lacking - len(await self._among(wanted, measurement, where))
            if lacking > 0:
                said = f"InfluxDB took {len(wanted)} points of {new}, and does not have {lacking} of them"
                raise Unavailable(f"{said}: those of {old} stay", code=ErrorCode.SERVER_ERROR)
        await self._server.delete(measurement, {"home": home, "entity_id": old}, from_ns, to_ns)
        told = sum(not _says_removed(measurement, row) for row in rows)
        return Renamed(rewritten=len(wanted), repeated=told - len(wanted))

    async def _oldest(self, measurement: str, where: str) -> list[Row]:
        """Return the oldest points; of each time all of them, or none."""
        rows: list[Row] = []
        await self._ask(measurement, f"{where} ORDER BY time LIMIT {self._rows}", rows.append)
        last_ns = rows[-1]["time"] if len(rows) == self._rows else None
        return [row for row in rows if row["time"] != last_ns] or rows  # not so many share one time

    async def _among(self, wanted: Mapping[Identity, Row], measurement: str, where: str) -> set[Identity]:
        """Return which of these are there."""
        found: set[Identity] = set()

        def take(row: Row) -> None:
            if (identity := _identity(measurement, row)) in wanted:
                found.add(identity)

        await self._ask(measurement, where, take)
        return found

    async def _ask(self, measurement: str, where: str, take: Callable[[Row], object]) -> None:
        tags, fields = self._keys[measurement]
        columns = [*(f'"{name}"::tag' for name in tags), *(f'"{name}"::{type_}' for name, type_ in fields.items())]
        await self._select_each(f'SELECT {", ".join(columns)} FROM "{measurement}" WHERE {where}', take)

    async def _keys_of(self, measurement: str) -> tuple[list[str], dict[str, str]]:
        """Return the tags of a measurement, and its fields with their types."""
        if measurement not in self._keys:
            tags: list[Row] = []
            fields: list[Row] = []
            await self._select_each(f'SHOW TAG KEYS FROM "{measurement}"', tags.append)
            await self._select_each(f'SHOW FIELD KEYS FROM "{measurement}"', fields.append)
            names = [row["tagKey"] for row in tags] + [row["fieldKey"] for row in fields]
            if doubled := {name for name in names if names.count(name) > 1}:
                said = f'"{doubled.pop()}" of "{measurement}" is not of one type in this bucket'
                raise UsageError(f"{said}, so that its points cannot be written again as they are")
            types = {row["fieldKey"]: row["fieldType"] for row in fields}
            self._keys[measurement] = [row["tagKey"] for row in tags], types
        return self._keys[measurement]


def _of(home: str, entity_id: str) -> str:
    return f"home = '{home}' AND entity_id = '{entity_id}'"  # neither holds quotes


def _identity(measurement: str, row: Row) -> Identity:
    return row["time"], *(row.get(name) for name in _APART[measurement])


def _says_removed(measurement: str, row: Row) -> bool:
    """Return whether a row says that an entity is gone: it was renamed, not removed."""
    return measurement == ENTITIES and bool(row.get("removed"))


def _line(measurement: str, tags: list[str], fields: Mapping[str, str], row: Row) -> str:
    told = {name: (type_, row[name]) for name, type_ in fields.items() if row.get(name) is not None}
    return raw_line(measurement, {name: row.get(name) for name in tags}, told, row["time"])
