"""The columns, views and statements of the embedded database that derive from the table of fields.

`migrations/events/1.sql` has the tables as the first version made them. `COLUMNS` adds one for each field since, and
`DERIVED` is whatever lists all columns: the views, and the index that tells one series from another.
"""

from __future__ import annotations

from collections.abc import Sequence

from ingestor.model.fields import DETAIL_FIELDS, FIELDS, OWN_FIELDS, TAGS, WEATHER_FIELDS, Field, FieldType
from ingestor.model.records import ENTITY_FLAGS, ENTITY_TEXTS

CHOSEN = "attribute_fields"
"""The column of the attributes that the user chose: a JSON object, since their names are the user's."""

_TYPES: dict[FieldType, str] = {"string": "TEXT", "float": "REAL", "integer": "INTEGER", "boolean": "INTEGER"}
_REQUIRED_TAGS = ("entity_id", "home", "domain")

_OF_EVENTS = tuple(field for field in OWN_FIELDS if field.name != "attributes")  # which have a table of their own
_BOOLEANS = frozenset(field.name for field in _OF_EVENTS if field.type == "boolean")

COLUMNS = {
    table: {field.attribute: _TYPES[field.type] for field in fields}
    for table, fields in (
        ("series", TAGS),
        ("events", _OF_EVENTS),
        ("observations", WEATHER_FIELDS),
        ("attributes", DETAIL_FIELDS),
    )
}
"""The columns of each table, with their types."""

TAG_COLUMNS, EVENT_COLUMNS, OBSERVATION_COLUMNS, DETAIL_COLUMNS = map(tuple, COLUMNS.values())
COLUMNS["attributes"][CHOSEN] = "TEXT"
COLUMNS["home_assistant_entities"] = dict.fromkeys(ENTITY_TEXTS, "TEXT") | dict.fromkeys(ENTITY_FLAGS, "INTEGER")
_TABLES = {"": "e", "weather": "o", "details": "a"}


def _selected(field: Field) -> str:
    if field.name == "attributes":
        return "a.text AS attributes"
    return f"{_TABLES[field.part]}.{field.attribute} AS {field.name}"


_identity = [*_REQUIRED_TAGS, *(f"ifnull({name}, '')" for name in TAG_COLUMNS if name not in _REQUIRED_TAGS)]
DERIVED = {
    "series_identity": f"CREATE UNIQUE INDEX series_identity ON series ({', '.join(_identity)})",
    "home_assistant_events": f"""CREATE VIEW home_assistant_events AS SELECT
    e.time,
    {", ".join(f"s.{name}" for name in TAG_COLUMNS)},
    {", ".join(map(_selected, FIELDS))},
    a.{CHOSEN}
FROM events AS e
JOIN series AS s ON s.id = e.series_id
LEFT JOIN attributes AS a ON a.id = e.attributes_id
LEFT JOIN observations AS o ON o.id = e.observation_id""",
    "weather": f"""CREATE VIEW weather AS SELECT
    observed_at * 1000000000 AS time, location,
    {", ".join(name for name in OBSERVATION_COLUMNS if name != "observed_at")}
FROM observations""",
}
"""The index that tells one series from another, and the views: by their names, the statements that create them."""


def upsert(table: str, columns: Sequence[str], key: Sequence[str]) -> str:
    """Return the statement that inserts a row, or merges it into one with the same key, as InfluxDB merges fields."""
    updates = ", ".join(f"{name} = ifnull(excluded.{name}, {name})" for name in columns if name not in key)
    marks = ", ".join("nullif(?, 0)" if name in _BOOLEANS else "?" for name in columns)
    values = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"
    return f"{values} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {updates}"
