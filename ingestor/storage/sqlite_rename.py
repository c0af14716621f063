"""Gives what the embedded database holds of one entity another id, a part at a time, each in a transaction of its own.

Killed between two parts, the rest is still under the old id, and the next run goes on with it. A change that the new id
has already, in whatever series, is the same change: Home Assistant moves its history along, so that a backfill may have
brought it. It stays once, as the new id has it. What only has the old id, and not the domain (an hour: the source) that
each row of ours has, was written by another program, and stays.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from ingestor.storage.columns import TAG_COLUMNS
from ingestor.storage.database import transaction
from ingestor.storage.store import Renamed

ROWS_IN_A_PART = 20_000

_OTHER_TAGS = ", ".join(name for name in TAG_COLUMNS if name != "entity_id")
_IS_OURS = {
    "series": "domain = :domain",
    "home_assistant_statistics": "typeof(source) = 'text' AND source <> ''",
    "home_assistant_entities": "domain = :domain",
}
_OF = {table: f"home = :home AND entity_id = :old AND {is_ours}" for table, is_ours in _IS_OURS.items()}
_NOT_OF = {table: f"home = :home AND entity_id = :old AND NOT ({is_ours})" for table, is_ours in _IS_OURS.items()}
_SERIES = f"SELECT id FROM series WHERE {_OF['series']} ORDER BY id LIMIT 1"
_UNTIL = "SELECT max(time) FROM (SELECT time FROM events WHERE series_id = :series ORDER BY time LIMIT :rows)"
_FORGET = """DELETE FROM events WHERE series_id = :series AND time <= :until AND EXISTS (
    SELECT 1 FROM series AS s JOIN events AS e ON e.series_id = s.id
    WHERE s.home = :home AND s.entity_id = :new AND s.domain = :domain AND e.time = events.time)"""
_MAKE_SERIES = f"""INSERT OR IGNORE INTO series (entity_id, {_OTHER_TAGS})
    SELECT :new, {_OTHER_TAGS} FROM series WHERE id = :series"""
_SAME_TAGS = " AND ".join(f"ifnull(n.{name}, '') = ifnull(o.{name}, '')" for name in TAG_COLUMNS if name != "entity_id")
_MOVE = f"""UPDATE events SET series_id =
    (SELECT n.id FROM series AS n JOIN series AS o ON {_SAME_TAGS} WHERE o.id = :series AND n.entity_id = :new)
    WHERE series_id = :series AND time <= :until"""
_DROP_SERIES = "DELETE FROM series WHERE id = :series AND NOT EXISTS (SELECT 1 FROM events WHERE series_id = :series)"

_STATISTICS, _ENTITIES = _OF["home_assistant_statistics"], _OF["home_assistant_entities"]
_NOT_REMOVED = "removed IS NOT 1"
_SAME_HOUR = """EXISTS (SELECT 1 FROM home_assistant_statistics AS n
    WHERE n.home = :home AND n.entity_id = :new AND n.time = home_assistant_statistics.time
    AND n.source = home_assistant_statistics.source)"""
_REST = (
    f"UPDATE home_assistant_statistics SET entity_id = :new WHERE {_STATISTICS} AND NOT {_SAME_HOUR}",
    f"UPDATE OR IGNORE home_assistant_entities SET entity_id = :new WHERE {_ENTITIES} AND {_NOT_REMOVED}",
)
_REPEATED = (
    f"DELETE FROM home_assistant_statistics WHERE {_STATISTICS}",
    f"DELETE FROM home_assistant_entities WHERE {_ENTITIES} AND {_NOT_REMOVED}",
)
_DROP_REMOVED = f"DELETE FROM home_assistant_entities WHERE {_ENTITIES}"  # it was renamed, not removed
_COUNT = """SELECT (SELECT count(*) FROM events JOIN series ON id = series_id WHERE {series})
    + (SELECT count(*) FROM home_assistant_statistics WHERE {home_assistant_statistics})
    + (SELECT count(*) FROM home_assistant_entities WHERE {home_assistant_entities} AND removed IS NOT 1)"""


def count(connection: sqlite3.Connection, home: str, entity_id: str, *, foreign: bool = False) -> int:
    """Return how many rows there are of an entity, or have only its id; but for those that say that it was removed."""
    ids = _ids(home, entity_id)
    return int(connection.execute(_COUNT.format(**(_NOT_OF if foreign else _OF)), ids).fetchone()[0])


def _ids(home: str, old: str) -> dict[str, Any]:
    return {"home": home, "old": old, "domain": old.partition(".")[0]}


def rename_part(
    connection: sqlite3.Connection, home: str, old: str, new: str, rows: int = ROWS_IN_A_PART
) -> Renamed | None:
    """Move the next part; none when nothing is left."""
    ids: dict[str, Any] = _ids(home, old) | {"new": new, "rows": rows}

    def changed(statement: str) -> int:
        return connection.execute(statement, ids).rowcount

    with transaction(connection):
        if (found := connection.execute(_SERIES, ids).fetchone()) is None:
            rewritten, repeated = (sum(map(changed, statements)) for statements in (_REST, _REPEATED))
            changed(_DROP_REMOVED)
            return Renamed(rewritten=rewritten, repeated=repeated) if rewritten or repeated else None
        [ids["series"]] = found
        [ids["until"]] = connection.execute(_UNTIL, ids).fetchone()
        repeated = changed(_FORGET)
        changed(_MAKE_SERIES)
        rewritten = changed(_MOVE)
        changed(_DROP_SERIES)
        return Renamed(rewritten=rewritten, repeated=repeated)
