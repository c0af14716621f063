"""What each field of an event costs in the databases: bytes on the disk, and InfluxDB's CPU until it is in its files.

Events of sensors, with a state and a value, are written without the field and with it, each time into a database of
its own; the difference is the field's. InfluxDB writes its cache and its compactions within seconds here, not minutes
or hours, and all of that counts. Run it: `python -m tests.bench.bench_fields`, where TEST_INFLUXDB_COMMAND starts one.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import trio
from msgspec import Struct
from pydantic import SecretStr

from ingestor.model import fields
from ingestor.model.fields import FIELDS, WEATHER_FIELDS, Field
from ingestor.model.records import Point
from ingestor.storage.influxdb import InfluxDBStore
from ingestor.storage.sqlite import SQLiteStore
from ingestor.storage.store import Store
from tests.bench.bench_cost import cpu_seconds
from tests.faults.databases import OwnInfluxDB

EVENTS, ROUNDS = 200_000, 3
ENTITIES = 500
BATCH = 5000
STEP_NS = 37_003_217_000  # between two events of one entity
SOON = {
    "INFLUXD_STORAGE_CACHE_SNAPSHOT_WRITE_COLD_DURATION": "1s",
    "INFLUXD_STORAGE_COMPACT_FULL_WRITE_COLD_DURATION": "2s",
}
SETTLED_SECONDS, LOOK_SECONDS = 6.0, 0.5
BARE = ("state", "value")
WEATHER = tuple(field.name for field in WEATHER_FIELDS)
MEASURED: tuple[tuple[str, ...], ...] = (
    ("device", "floor"),
    *((field.name,) for field in FIELDS if field.name not in {*BARE, *WEATHER}),
    WEATHER,
)
"""What is added to the bare event, each by itself; an observation of the weather is stored as a whole."""
WORDS = ("heating", "idle", "off", "cooling", "drying")
THERMOSTAT = '{"preset_mode":"home","current_temperature":%.1f,"temperature":%.1f,"hvac_action":"heating"}'


class Cost(Struct, frozen=True):
    """Of one event: bytes in the embedded database and in InfluxDB, and microseconds of InfluxDB's CPU."""

    embedded: float
    influxdb: float
    cpu_us: float

    def less(self, other: Cost) -> Cost:
        """Return the difference."""
        return Cost(self.embedded - other.embedded, self.influxdb - other.influxdb, self.cpu_us - other.cpu_us)


def measure(added: tuple[tuple[str, ...], ...], events: int, rounds: int) -> dict[tuple[str, ...], Cost]:
    """Return what the bare event costs, under (), and what is added to it: medians of rounds, in turns."""
    found: dict[tuple[str, ...], list[Cost]] = {names: [] for names in ((), *added)}
    for seed in range(rounds):
        for names, costs in found.items():
            costs.append(_cost(names, events, seed))
    medians = {
        names: Cost(*(median(getattr(one, figure) for one in ones) for figure in Cost.__struct_fields__))
        for names, ones in found.items()
    }
    return {names: cost.less(medians[()]) if names else cost for names, cost in medians.items()}


def batches(names: tuple[str, ...], events: int, seed: int) -> Iterator[list[Point]]:
    """Yield a home's events in the order of time, each with what every event has and with what is named."""
    random = Random(seed)
    chosen = [field for field in FIELDS if field.name in {*BARE, *names}]
    levels = [random.uniform(15, 25) for _ in range(ENTITIES)]
    made: list[Point] = []
    for number in range(events):
        turn, entity = divmod(number, ENTITIES)
        levels[entity] += random.choice((-0.1, 0, 0.1))
        row: dict[str, Any] = {field.name: _value(field, round(levels[entity], 1), turn, random) for field in chosen}
        row |= {"time": 1_795_421_000_000_000_000 + turn * STEP_NS + entity * 1_003_000, **_tags(entity, names)}
        made.append(fields.event(row))
        if len(made) == BATCH:
            yield made
            made = []
    if made:
        yield made


def _tags(entity: int, names: tuple[str, ...]) -> dict[str, str]:
    tags = {
        "home": "home", "entity_id": f"sensor.temperature_of_room_{entity}", "domain": "sensor", "unit": "°C",
        "device_class": "temperature", "state_class": "measurement", "area": f"Room {entity // 10}",
        "friendly_name": f"Temperature of room {entity}",
    }  # fmt: skip
    more = {"device": f"Thermometer {entity}", "floor": f"Floor {entity // 100}"}
    return tags | {name: text for name, text in more.items() if name in names}


def _value(field: Field, level: float, turn: int, random: Random) -> str | float:
    match field.name:
        case "attributes":
            return THERMOSTAT % (level, round(level + 2))
        case "previous_duration_seconds":
            return round(random.expovariate(1 / 60), 6)
        case "weather_observed_at":
            return 1_795_421_000 + turn // 16 * 600
        case "state" | "previous_state":
            return str(level)
    ordinary: dict[str, str | float] = {
        "float": level,
        "integer": random.randrange(3),
        "boolean": True,
        "string": random.choice(WORDS),
    }
    return ordinary[field.type]


def _cost(names: tuple[str, ...], events: int, seed: int) -> Cost:
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        store = SQLiteStore(place / "embedded", retention_days=0)
        trio.run(_write, store, names, events, seed)
        embedded = _bytes(place / "embedded", "*")
        command = os.environ.get("TEST_INFLUXDB_COMMAND")
        influxdb, cpu = _in_influxdb(command, place / "influxdb", names, events, seed) if command else (0, 0.0)
    return Cost(embedded / events, influxdb / events, cpu / events * 1e6)


async def _write(store: Store, names: tuple[str, ...], events: int, seed: int) -> None:
    await store.prepare()
    for batch in batches(names, events, seed):
        await store.write(batch)
    await store.aclose()


def _in_influxdb(command: str, directory: Path, names: tuple[str, ...], events: int, seed: int) -> tuple[int, float]:
    server = OwnInfluxDB(command, directory)
    try:
        store = InfluxDBStore(
            url=f"http://127.0.0.1:{server.port}", token=SecretStr(server.token), org=server.org, bucket="fields",
            retention_days=0,
        )  # fmt: skip
        before = cpu_seconds(server.pid)
        trio.run(_write, store, names, events, seed)
        spent = _settled(server)
        return _bytes(directory / "engine" / "data", "*.tsm"), spent - before
    finally:
        server.close()


def _settled(server: OwnInfluxDB) -> float:
    """Return the CPU that it has used once it does nothing any more."""
    spent, since = cpu_seconds(server.pid), time.monotonic()
    while time.monotonic() < since + SETTLED_SECONDS:
        time.sleep(LOOK_SECONDS)
        now = cpu_seconds(server.pid)
        if now > spent + 0.1 * LOOK_SECONDS:
            since = time.monotonic()
        spent = now
    return spent


def _bytes(directory: Path, pattern: str) -> int:
    return sum(file.stat().st_size for file in directory.rglob(pattern) if file.is_file())


def table(found: dict[tuple[str, ...], Cost]) -> str:
    """Return the figures as the table of docs/schema.md."""
    lines = [
        f"| {', '.join(f'`{name}`' for name in names) or 'an event with a state and a value'} "
        f"| {cost.embedded:.1f} | {cost.influxdb:.1f} | {cost.cpu_us:.1f} |"
        for names, cost in found.items()
    ]
    heading = ["| | bytes, embedded | bytes, InfluxDB | InfluxDB's CPU, us |", "| :-- | --: | --: | --: |"]
    return "\n".join([*heading, *lines])


def main(events: int = EVENTS, rounds: int = ROUNDS) -> None:
    """Print the table."""
    os.environ |= SOON
    print(table(measure(MEASURED, events, rounds)))  # noqa: T201  a bench prints


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
