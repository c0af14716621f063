"""Every query of the dashboard "Home" returns the right numbers of a home of which everything is known.

The queries are those of the committed dashboards, with their variables substituted as Grafana does it. A real InfluxDB
1.6 is asked, a real 2.7 where one is given, and the embedded database. One table has what they must say.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Generator
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trio

from ingestor.model.instants import SECOND_NS
from ingestor.model.records import Point
from ingestor.storage.lines import LineEncoder
from ingestor.storage.sqlite import FILE, SQLiteStore
from tests.faults.databases import DoubledInfluxDB, influxdb
from tests.servers.absence import missing
from tests.servers.asking import influxql
from tests.servers.influxdb1 import InfluxDB1
from tests.servers.known_home import CHANGES, ENTITIES, FROM, HOME, TO, entities, events

pytestmark = pytest.mark.real
GRAFANA = Path(__file__).parents[2] / "grafana"
POINTS: list[Point] = [*events(), *entities()]
MINUTE = 60
Rows: TypeAlias = list[dict[str, Any]]
Ask: TypeAlias = Callable[[str], Rows]


def minute(hours: float) -> float:
    """Return a time without its seconds: InfluxQL is asked for minutes."""
    return round(hours * 60, 6) // 1 / 60


NAMES = {one: one.partition(".")[2].replace("_", " ") for one in ENTITIES}
TODAY = [one for one in CHANGES if 0 <= one[0] < 18]

# Of a table its columns come first; of a line the moments at which it changes. Times are hours since the day began.
SAYS: dict[str, list[tuple[Any, ...]]] = {
    "Outdoors": [(2.0,)],
    "At home": [(1,)],
    "Lights on": [("name",), ("Hall lamp",), ("kitchen",)],
    "Open": [("name",), ("front",), ("window",)],
    "Unavailable": [("name",), ("pump",), ("remote battery",)],
    "Presence": [
        ("person.ada", -10, "home"),
        ("person.ada", 8, "not_home"),
        ("person.ada", 17, "home"),
        ("person.bob", -96, "Work"),
    ],
    "Open now": [("area", "name", "state"), ("Attic", "window", "on"), ("Hall", "front", "unlocked")],
    "On now": [("area", "name", "state"), ("Kitchen", "kitchen", "on"), ("Hall", "Hall lamp", "on")],
    "Temperature": [
        ("Bed/room: bedroom", -3, 17),
        ("Bed/room: bedroom", 40 / 60, 19),
        ("Bed/room: bedroom", 5, 18),
        ("Bed/room: bedroom", 6, 19),
        ("Bed/room: bedroom", 16, 18.5),
        ("Bed/room: bedroom temperature", 1, -1),
        ("Kitchen: fridge side temperature", -1, 18),
        ("Kitchen: kitchen temperature", -2, 20),
        ("Kitchen: kitchen temperature", 6, 21),
        ("Kitchen: kitchen temperature", 13, 22),
        ("Outdoors", -24, -3.5),
        ("Outdoors", 6, 2),
    ],
    "Humidity": [
        ("Kitchen: kitchen humidity", -1, 40),
        ("Kitchen: kitchen humidity", 9, 55),
        ("Outdoors", -24, 81),
        ("Outdoors", 6, 70),
    ],
    "Thermostats now": [
        ("Time", "area", "name", "state", "action", "current_temperature", "target_temperature"),
        (16, "Bed/room", "bedroom", "heat", "heating", 18.5, 20),
    ],
    "Heating, hours": [("entity_id", "hours"), ("climate.bedroom", (40 + 59.5 + 120) / 60)],
    "Power": [
        ("Cellar: boiler power", -0.5, 100),
        ("Cellar: boiler power", 2, 1500),
        ("Cellar: boiler power", 2.5, 100),
    ],
    "Energy": [("entity_id", "kwh"), ("sensor.boiler_energy", 1 + 2.5 + 0.2 + 0.8 - 0.05 + 0.25)],
    "Running, hours": [
        ("entity_id", "hours"),
        ("light.hall", 1.25 + 1),
        ("light.kitchen", 18),
        ("light.old", 1),
        ("media_player.tv", 0.5),
        ("switch.pump", 3),
    ],
    "Unavailable now": [
        ("Time", "area", "name", "device"),
        (3, "Cellar", "pump", "Pump"),
        (2, "Kitchen", "remote battery", "Remote"),
    ],
    "Low batteries": [
        ("Time", "area", "name", "level", "low"),
        (-3, "Kitchen", "remote battery", 8, None),
        (12, "Hall", "smoke battery", None, 1),
        (15.5, "Hall", "robot", 15, None),
    ],
    "Last seen": [
        ("device", "Time", "area", "name", "state"),
        ("Boiler", 6, "Cellar", "boiler energy", "1.2"),
        ("Front door", 12, "Hall", "front", "unlocked"),
        ("Kitchen sensor", 13, "Kitchen", "kitchen temperature", "22"),
        ("Phone", -3, None, "phone battery", "80"),
        ("Pump", -0.5, "Cellar", "pump", "on"),
        ("Remote", -3, "Kitchen", "remote battery", "8"),
        ("Robot", 15.5, "Hall", "robot", "docked"),
        ("Smoke detector", 12, "Hall", "smoke battery", "on"),
        ("Solar", -8, "Roof", "solar energy", "12"),
        ("TV", 16.5, "Kitchen", "tv", "standby"),
        ("Thermostat", 16, "Bed/room", "bedroom", "heat"),
    ],
    "Chattiest": [("entity_id", "events")]
    + [
        (one, count)
        for one in ENTITIES
        if (count := sum(entity == one and state is not None for _, entity, state, _ in TODAY))
    ],
    "Newest events": [("Time", "name", "entity_id", "state", "value")]
    + [
        (minute(hours), said.get("friendly_name", NAMES[one]), one, state, said.get("value"))
        for hours, one, state, said in TODAY
    ],
}
CHOSEN: dict[str, Any] = {"home": HOME, "area": None, "domain": None, "entity": None, "reach": "7"}


@pytest.fixture(scope="module")
def influxdb1(tmp_path_factory: pytest.TempPathFactory) -> Generator[Ask]:
    server = InfluxDB1(tmp_path_factory.mktemp("influxdb"))
    try:
        assert server.write(LineEncoder().encode(POINTS)).status_code == 204
        yield server.query
    finally:
        server.stop()


@pytest.fixture(scope="module")
def influxdb2(tmp_path_factory: pytest.TempPathFactory) -> Generator[Ask]:
    server = influxdb(tmp_path_factory.mktemp("influxdb2"))
    try:
        if isinstance(server, DoubledInfluxDB):
            missing("a real InfluxDB 2 (TEST_INFLUXDB_COMMAND, TEST_INFLUXDB_URL)", required=False)
        server.make_bucket()
        server.write(LineEncoder().encode(POINTS).decode())
        url, token = f"http://127.0.0.1:{server.port}", f"Token {server.token}"
        yield lambda text: influxql(url, server.bucket, text, Authorization=token)
    finally:
        server.close()


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Generator[Ask]:
    directory = tmp_path_factory.mktemp("sqlite")

    async def write() -> None:
        store = SQLiteStore(directory, 0)
        await store.write(POINTS)
        await store.aclose()

    trio.run(write)
    connection = sqlite3.connect(f"file:{directory / FILE}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        yield lambda text: [dict(row) for row in connection.execute(text)]
    finally:
        connection.close()


@pytest.fixture(params=["influxdb1", "influxdb2", "sqlite"])
def database(request: pytest.FixtureRequest) -> tuple[dict[str, Any], Ask]:
    """Return the dashboard of a database, and a way to ask that."""
    file = GRAFANA / ("embedded" if request.param == "sqlite" else "dashboards") / "home.json"
    return json.loads(file.read_text()), request.getfixturevalue(request.param)


def test_every_panel_says_what_is_so(database: tuple[dict[str, Any], Ask]) -> None:
    board, ask = database
    panels = {panel["title"]: panel for panel in board["panels"] if panel["type"] != "row"}
    assert panels.keys() == SAYS.keys()
    said = {title: ordered(answer(board, panel, ask)) for title, panel in panels.items()}
    assert said == {title: [*map(nearly, ordered(rows))] for title, rows in SAYS.items()}


def test_what_is_chosen_narrows_the_events_and_the_choices(database: tuple[dict[str, Any], Ask]) -> None:
    board, ask = database
    [events_] = [panel for panel in board["panels"] if panel["title"] == "Newest events"]
    chosen: dict[str, Any] = {"area": ["Bed/room", "Hall"], "domain": ["light", "climate"], "entity": ["light.hall"]}
    found = {row[2] for row in answer(board, events_, ask, {"area": chosen["area"], "domain": chosen["domain"]})[1:]}
    assert found == {"light.hall", "light.old", "climate.bedroom"}
    assert {row[2] for row in answer(board, events_, ask, chosen)[1:]} == {"light.hall"}
    queries = {one["name"]: one["query"] for one in board["templating"]["list"] if one["type"] == "query"}
    choices = {
        name: {list(row.values())[-1] for row in ask(substituted(board, text, chosen))}
        for name, text in queries.items()
    }
    assert choices == {
        "home": choices["home"] | {HOME},
        "area": choices["area"] | {"Bed/room", "Cellar", "Hall", "Kitchen", "Roof"},
        "domain": {entity.partition(".")[0] for entity, tags in ENTITIES.items() if tags.get("area") in chosen["area"]},
        "entity": {"light.hall", "light.old", "climate.bedroom"},
    }


def answer(
    board: dict[str, Any], panel: dict[str, Any], ask: Ask, chosen: dict[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Return what a panel shows, in the shape of the table above."""
    found = []
    for target in panel["targets"]:
        text = substituted(board, target.get("query") or target["queryText"], chosen or {})
        found += [shown(row, target.get("alias", "")) for row in ask(text)]
    if panel["type"] in {"timeseries", "state-timeline"}:
        return changes([(row["name"], row["Time"], row["value"]) for row in found])
    columns = SAYS[panel["title"]][0]
    if not isinstance(columns[0], str):
        return [tuple(value for name, value in row.items() if name != "Time") for row in found]
    return [columns, *(tuple(row.get(name) for name in columns) for row in found)]


def substituted(board: dict[str, Any], text: str, chosen: dict[str, Any]) -> str:
    """Return a query as Grafana sends it: `chosen` has a list of what was chosen of a variable, all where it lacks."""
    everything = {one["name"]: one.get("allValue") for one in board["templating"]["list"]}
    known = {
        "__from": str(round(FROM.timestamp()) * 1000),
        "__to": str(round(TO.timestamp()) * 1000),
        "__interval": f"{MINUTE}s",
        "__interval_ms": str(MINUTE * 1000),
    }
    formats: dict[str, Callable[[list[str]], str]] = {
        "regex": lambda values: "|".join(re.sub(r"[\\^$*+?.()|[\]{}/]", r"\\\g<0>", one) for one in values),
        "sqlstring": lambda values: ",".join("'" + one.replace("'", "''") + "'" for one in values),
    }

    def value(found: re.Match[str]) -> str:
        name, form = found[1] or found[3], found[2]
        if name in known:
            return known[name]
        wanted = (CHOSEN | chosen)[name]
        if wanted is None:
            return str(everything[name])
        if form is None:
            return str(wanted)
        made = formats[form]([wanted] if isinstance(wanted, str) else wanted)
        return f"({made})" if form == "regex" and len(wanted) > 1 and not isinstance(wanted, str) else made

    return re.sub(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)", value, text)


def shown(row: dict[str, Any], alias: str) -> dict[str, Any]:
    """Return a row with its time in hours of the day, by the minute; of a line, with its name and its value."""
    row = dict(row)
    time = row.pop("time", row.pop("Time", None))
    if isinstance(time, int):
        time /= SECOND_NS
    if alias:
        name = re.sub(r"\$tag_(\w+)", lambda found: row[found[1]], alias)
        row = {"name": name, "value": row["last"]}
    elif "state" in row and set(row) == {"name", "state"}:
        row["value"] = row["state"]
    return row | {"Time": None if time is None else minute((time - FROM.timestamp()) / 3600)}


def changes(line: list[tuple[str, float, Any]]) -> list[tuple[str, float, Any]]:
    """Return the moments at which lines change, a line after the other."""
    known = sorted([one for one in line if one[2] is not None], key=lambda one: one[:2])
    return [next(same) for _, same in groupby(known, key=lambda one: (one[0], one[2]))]


def ordered(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: [f"{one:.3f}" if isinstance(one, float | int) else str(one) for one in row])


def nearly(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a row that equals what is at most a minute away, in hours."""
    return tuple(pytest.approx(one, abs=1.01 / 60) if isinstance(one, float | int) else one for one in row)
