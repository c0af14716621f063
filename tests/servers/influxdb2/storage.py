"""Buckets and points as InfluxDB 2.7.12 keeps them: fields merge, types hold per shard, the old is refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.servers.influxdb2.parser import Point, Value

HOUR, DAY = 3600, 86_400
SECOND_NS = 10**9
_CASTS: dict[str, dict[type, Callable[[Any], Value]]] = {
    "string": {str: str}, "boolean": {bool: bool}, "float": {float: float, int: float},
    "integer": {float: int, int: int}, "unsigned": {float: int, int: int},
}  # fmt: skip
Asked = Mapping[str, tuple[str, str]]
"""The columns of an answer: the name of the tag or field of each, and the type that it is asked for with."""
Key = tuple[str, frozenset[tuple[str, str]], int]


class Answer(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass
class Bucket:
    """One bucket with its points. Times are Unix nanoseconds."""

    id: str
    name: str
    every_seconds: int = 0
    shard_seconds: int = 0
    description: str | None = None
    clock_ns: Callable[[], int] = time.time_ns
    points: dict[Key, dict[str, Value]] = field(default_factory=dict)
    writes: int = 0
    _kinds: dict[tuple[str, str, int], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Choose the length of a shard as the server does."""
        self.shard_seconds = self.shard_seconds or _shard_seconds(self.every_seconds)

    def change(self, rules: list[dict[str, Any]]) -> None:
        """Take other rules; an empty list changes nothing."""
        for rule in rules:
            every, shard = rule["everySeconds"], rule.get("shardGroupDurationSeconds") or self.shard_seconds
            if every and shard > every:
                words = "shard-group duration must also be updated to be smaller than new retention duration"
                raise Answer(422, "unprocessable entity", words)
            self.every_seconds, self.shard_seconds = every, shard

    def write(self, points: list[Point]) -> None:
        """Write what can be written; raise 422 for the rest."""
        self.writes += 1
        now_ns = self.clock_ns()
        oldest_ns = now_ns - self.every_seconds * SECOND_NS if self.every_seconds else None
        kept = [point for point in points if oldest_ns is None or _time(point, now_ns) >= oldest_ns]
        complaints: list[str] = []
        dropped = 0
        for point in kept:
            at_ns = _time(point, now_ns)
            said = self._refusal(point, at_ns)
            if said is not None:
                complaints.append(said)
                dropped += 1
                continue
            for name, kind in point.kinds.items():
                self._kinds[point.measurement, name, self._shard(at_ns)] = kind
            fields = {name: value for name, value in point.fields.items() if name != "time"}
            self.points.setdefault((point.measurement, point.tags, at_ns), {}).update(fields)
        if complaints:
            raise _partial(f"{complaints[0]} dropped={dropped}")
        if oldest_ns is not None and len(kept) < len(points):
            raise _partial(self._too_old([p for p in points if p not in kept], oldest_ns, now_ns))

    def select(
        self,
        measurement: str,
        limit: int | None,
        wanted: Callable[[dict[str, Any]], bool],
        *,
        first: Callable[[dict[str, Any]], int] = lambda row: -row["time"],
        group: Sequence[str] = (),
        asked: Asked | None = None,
    ) -> dict[str, Any]:
        """Return a result of InfluxQL's `SELECT *`, in the order of `first`; the limit holds for each group.

        Where columns are `asked` for, a field of another type is absent, and so is a row with none of the fields.
        `wanted` and `first` get the fields of a row by their names, and its `tags`.
        """
        there = [
            ({"time": at_ns, "tags": dict(tags), **_named(found, asked)}, {"time": at_ns, **dict(tags), **found})
            for (name, tags, at_ns), fields in self.points.items()
            if name == measurement and (found := _typed(dict(tags), fields, asked) if asked else fields)
        ]
        there = sorted((one for one in there if wanted(one[0])), key=lambda one: first(one[0]))
        rows: list[dict[str, Any]] = [shown for _, shown in there]
        groups: dict[Any, list[dict[str, Any]]] = {}
        for row in rows:
            groups.setdefault(tuple(row.get(tag) for tag in group), []).append(row)
        rows = [row for one in groups.values() for row in one[:limit]]
        columns = ["time", *(asked or sorted({name for row in rows for name in row} - {"time"}))]
        values = [[row.get(name) for name in columns] for row in rows]
        series = {"series": [{"name": measurement, "columns": columns, "values": values}]} if rows else {}
        return {"results": [{"statement_id": 0, **series}]}

    def keys(self, measurement: str, *, of_tags: bool) -> dict[str, Any]:
        """Return a result of InfluxQL's `SHOW TAG KEYS` or `SHOW FIELD KEYS`."""
        columns = ["tagKey"] if of_tags else ["fieldKey", "fieldType"]
        tags = {name for of, tags, _ in self.points if of == measurement for name, _ in tags}
        fields = {(name, kind) for (of, name, _), kind in self._kinds.items() if of == measurement}
        values = [(name,) for name in sorted(tags)] if of_tags else sorted(fields)
        series = {"series": [{"name": measurement, "columns": columns, "values": values}]} if values else {}
        return {"results": [{"statement_id": 0, **series}]}

    def field_names(self, measurement: str) -> set[str]:
        """Return the names of all fields of a measurement."""
        return {name for of, name, _ in self._kinds if of == measurement}

    def delete(self, measurement: str, tags: dict[str, str], start: str, stop: str) -> None:
        """Delete the points that have these tags, of both times and between them."""
        for key in [*self.points]:
            of, has, at_ns = key
            if of == measurement and tags.items() <= dict(has).items() and _ns(start) <= at_ns <= _ns(stop):
                del self.points[key]

    def count(
        self,
        measurement: str,
        counted: Mapping[str, str],
        wanted: Callable[[dict[str, Any]], bool],
        asked: Asked,
    ) -> dict[str, Any]:
        """Return how many values there are of each field that is `counted`, under its new name."""
        [result] = self.select(measurement, None, wanted, asked=asked)["results"]
        for series in result.get("series", ()):
            columns = zip(series["columns"], zip(*series["values"], strict=True), strict=True)
            numbers = {name: sum(value is not None for value in values) or None for name, values in columns}
            series |= {"columns": ["time", *counted.values()], "values": [[0, *(numbers[name] for name in counted)]]}
        return {"results": [result]}

    def _refusal(self, point: Point, at_ns: int) -> str | None:
        if set(point.fields) == {"time"}:
            return f'invalid field name: input field "time" on measurement "{point.measurement}" is invalid'
        for name, kind in point.kinds.items():
            known = self._kinds.get((point.measurement, name, self._shard(at_ns)), kind)
            if known != kind:
                return (
                    f'field type conflict: input field "{name}" on measurement "{point.measurement}" '
                    f"is type {kind}, already exists as type {known}"
                )
        return None

    def _too_old(self, dropped: list[Point], oldest_ns: int, now_ns: int) -> str:
        bound = _iso(oldest_ns)
        ordered = sorted(dropped, key=lambda point: _time(point, now_ns))
        told = [
            f"{word} point {point.measurement} at {_iso(_time(point, now_ns))} dropped because it violates a "
            f"Retention Policy Lower Bound at {bound}"
            for word, point in (("oldest", ordered[0]), ("newest", ordered[-1]))
        ]
        hours = self.every_seconds // HOUR
        return (
            f"dropped {len(dropped)} points outside retention policy of duration {hours}h0m0s - {', '.join(told)} "
            f"dropped={len(dropped)} for database: {self.id} for retention policy: autogen"
        )

    def _shard(self, at_ns: int) -> int:
        return at_ns // (self.shard_seconds * SECOND_NS)


def _typed(tags: Mapping[str, str], fields: Mapping[str, Value], asked: Asked) -> dict[str, Any]:
    """Return the columns of a row; none without any field."""
    found: dict[str, Any] = {}
    for column, (name, kind) in asked.items():
        if kind != "tag" and (cast := _CASTS[kind].get(type(fields.get(name)))):
            found[column] = cast(fields[name])
    return {column: tags.get(name) for column, (name, kind) in asked.items() if kind == "tag"} | found if found else {}


def _named(found: Mapping[str, Any], asked: Asked | None) -> dict[str, Any]:
    """Return what was found by the names of the fields."""
    return {asked[column][0] if asked else column: value for column, value in found.items()}


def _partial(words: str) -> Answer:
    return Answer(422, "unprocessable entity", f"failure writing points to database: partial write: {words}")


def _time(point: Point, now_ns: int) -> int:
    return now_ns if point.time_ns is None else point.time_ns


def _iso(at_ns: int) -> str:
    seconds, rest = divmod(at_ns, SECOND_NS)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def _ns(iso: str) -> int:
    """Return the nanoseconds of a time with nine digits."""
    return round(datetime.fromisoformat(f"{iso[:19]}Z").timestamp()) * SECOND_NS + int(iso[20:29])


def _shard_seconds(every_seconds: int) -> int:
    if every_seconds == 0 or every_seconds > 180 * DAY:
        return 7 * DAY
    return DAY if every_seconds >= 2 * DAY else HOUR
