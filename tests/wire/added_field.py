"""Stores an event with fields that our code lacks, by a copy that has them: `python -m tests.wire.added_field DIR`.

Prints as JSON its line, what each store gives back, the columns of the embedded one, and the table of the page.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import msgspec
import trio
from pydantic import SecretStr

from ingestor.storage.influxdb import InfluxDBStore
from ingestor.storage.lines import LineEncoder
from ingestor.storage.sqlite import FILE, SQLiteStore
from ingestor.storage.store import Store
from tests.documentation.stored_fields import derived
from tests.servers.influxdb2.server import ORG, ROOT, influxdb2
from tests.servers.records import WEATHER, event

ADDED: dict[str, Any] = {"illuminance": 12.5, "dimmed": True, "wing": "Top"}
OBSERVED: dict[str, Any] = {"uv_index": 3}
EVENT = event(2, **ADDED, weather=msgspec.structs.replace(WEATHER, **OBSERVED))


async def read_back(store: Store) -> list[dict[str, Any]]:
    """Write the event; return what the store has now."""
    await store.prepare()
    await store.write([EVENT])
    events = await store.recent(limit=9)
    await store.aclose()
    return [msgspec.to_builtins(one) for one in events]


async def main(directory: Path) -> None:
    """Print what was found."""
    embedded = await read_back(SQLiteStore(directory, retention_days=0))
    with influxdb2() as double:
        store = InfluxDBStore(url=double.url, token=SecretStr(ROOT), org=ORG, bucket="fields", retention_days=0)
        influxdb = await read_back(store)
    with sqlite3.connect(directory / FILE) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(home_assistant_events)")]
    connection.close()
    found = {"line": LineEncoder().line(EVENT), "sqlite": embedded, "influxdb": influxdb, "columns": columns}
    sys.stdout.write(json.dumps(found | {"page": derived()}))


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]))
