"""How far each entity was captured, written in the transaction that captures."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable

import msgspec

from ingestor.messages import Event, Record, Series, Watermark


class Watermarks:
    """The watermarks of one file. Used from that file's thread."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], tuple[int, Series]] = {}

    def read(self, connection: sqlite3.Connection) -> list[Watermark]:
        """Return all of them that are what was written, and remember what is on the disk."""
        query = """SELECT id, at_ns, removed, w.checksum, CAST(series AS BLOB), c.checksum
            FROM watermarks AS w JOIN captured AS c USING (id)"""
        found: list[Watermark] = []
        self._known.clear()
        for id_, at_ns, removed, mark_checksum, body, checksum in connection.execute(query):
            if (mark_checksum, checksum) != (_checksum(id_, at_ns, removed), _checksum(id_, body)):
                continue
            series = msgspec.json.decode(body, type=Series)
            self._known[series.home, series.entity_id] = id_, series
            found.append(Watermark(at_ns=at_ns, removed=bool(removed), series=series))
        return found

    def write(self, connection: sqlite3.Connection, records: Iterable[Record]) -> None:
        """Move them on to the last of these events of each entity."""
        last = {(r.series.home, r.series.entity_id): r for r in records if isinstance(r, Event)}
        rows = [(self._id(connection, event.series), event.time_ns, int(event.removed)) for event in last.values()]
        checked = [(*row, _checksum(*row)) for row in rows]
        connection.executemany("INSERT OR REPLACE INTO watermarks VALUES (?, ?, ?, ?)", checked)

    def forget(self) -> None:
        """Trust nothing that was remembered: a transaction was rolled back, or the file is another."""
        self._known.clear()

    def _id(self, connection: sqlite3.Connection, series: Series) -> int:
        key = series.home, series.entity_id
        id_, known = self._known.get(key, (None, None))
        if id_ is None or known != series:
            body = msgspec.json.encode(series)
            query = """INSERT INTO captured (home, entity_id, series, checksum) VALUES (?, ?, ?, 0)
                ON CONFLICT (home, entity_id) DO UPDATE SET series = excluded.series RETURNING id"""
            [id_] = connection.execute(query, (*key, body.decode())).fetchone()
            connection.execute("UPDATE captured SET checksum = ? WHERE id = ?", (_checksum(id_, body), id_))
            self._known[key] = id_, series
        return int(id_)


def _checksum(*parts: object) -> int:
    return zlib.crc32(repr(parts).encode("utf-8", "replace"))
