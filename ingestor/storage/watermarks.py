"""How far each entity was captured, written in the transaction that captures."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable

import msgspec

from ingestor.model import instants
from ingestor.model.gaps import GapFound, LeftOut, Note
from ingestor.model.records import Event, Record, Series, Watermark, bare_series

_LEFT_OUT = 2  # in the place of `removed`: the user does not want it

_WRITE = "INSERT OR REPLACE INTO watermarks VALUES (?, ?, ?, ?)"


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
            if (id_, at_ns, removed, mark_checksum) != _row(id_, at_ns, removed) or checksum != _checksum(id_, body):
                continue
            series = msgspec.json.decode(body, type=Series)
            self._known[series.home, series.entity_id] = id_, series
            found.append(Watermark(at_ns=at_ns, removed=bool(removed), series=series, left_out=removed == _LEFT_OUT))
        return found

    def write(self, connection: sqlite3.Connection, records: Iterable[Record]) -> None:
        """Move them on to the last of these events of each entity."""
        last = {(r.series.home, r.series.entity_id): r for r in records if isinstance(r, Event)}
        rows = [_row(self._id(connection, event.series), event.time_ns, int(event.removed)) for event in last.values()]
        rows.sort()  # neighbours share a page
        connection.executemany(_WRITE, rows)

    def write_notes(self, connection: sqlite3.Connection, notes: Iterable[Note]) -> None:
        """Mark entities that no longer exist, unless something newer was captured, and those that are left out."""
        for note in notes:
            if isinstance(note, LeftOut):
                for entity_id in note.entity_ids:
                    self._leave_out(connection, note.home, entity_id)
            elif isinstance(note, GapFound):
                for one in note.intervals:
                    if one.until_us is None and one.after_us is not None:
                        at_ns = instants.to_ns(one.after_us) + one.captured - 1
                        self._set_removed(connection, note.home, one.entity_id, at_ns, "at_ns = ?")

    def write_removals(self, connection: sqlite3.Connection, records: Iterable[Record]) -> None:
        """Move the marks of absent entities on to a removal that was refilled."""
        for event in records:
            if isinstance(event, Event) and event.removed:
                series = event.series
                condition = "removed AND at_ns < ?"
                self._set_removed(connection, series.home, series.entity_id, event.time_ns, condition)

    def _set_removed(
        self, connection: sqlite3.Connection, home: str, entity_id: str, at_ns: int, condition: str
    ) -> None:
        query = f"SELECT id FROM watermarks JOIN captured USING (id) WHERE home = ? AND entity_id = ? AND {condition}"
        for (id_,) in connection.execute(query, (home, entity_id, at_ns)).fetchall():
            connection.execute(_WRITE, _row(id_, at_ns, 1))

    def _leave_out(self, connection: sqlite3.Connection, home: str, entity_id: str) -> None:
        query = "SELECT id, at_ns FROM watermarks JOIN captured USING (id) WHERE home = ? AND entity_id = ?"
        found = connection.execute(query, (home, entity_id)).fetchone()
        id_, at_ns = found or (self._id(connection, bare_series(home, entity_id)), 0)
        connection.execute(_WRITE, _row(id_, at_ns, _LEFT_OUT))

    def drop(self, connection: sqlite3.Connection, home: str, entity_id: str) -> None:
        """Forget how far an entity was captured."""
        query = "SELECT id FROM captured WHERE home = ? AND entity_id = ?"
        for (id_,) in connection.execute(query, (home, entity_id)).fetchall():
            connection.execute("DELETE FROM watermarks WHERE id = ?", (id_,))
            connection.execute("DELETE FROM captured WHERE id = ?", (id_,))
        self._known.pop((home, entity_id), None)

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


def _row(id_: int, at_ns: int, removed: int) -> tuple[int, int, int, int]:
    return id_, at_ns, removed, zlib.crc32(f"({id_!r}, {at_ns!r}, {removed!r})".encode())


def _checksum(id_: int, body: bytes) -> int:
    return zlib.crc32(repr((id_, body)).encode())
