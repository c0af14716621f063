"""The dashboard "Home": who is there, what is open or on, how warm it is, what runs and uses how much, what needs you.

It shows today, from midnight to now, or any other range: "now" is the end of that range, and hours and kWh are those
within it. Each panel asks a question by its name, of either database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.models.common import LineInterpolation
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, VariableOption, VariableRefresh

from grafana import panels
from grafana.board import Section, board
from grafana.home.database import LOW_BATTERY, Database
from grafana.home.influxql import INFLUXDB
from grafana.home.sqlite import SQLITE
from grafana.panels import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, Column, Look, rows, tile

STEPS_OF_A_DAY = 1500  # so that a day is seen by the minute
TEMPERATURES: dict[float | None, str] = {None: BLUE, 18: GREEN, 25: ORANGE, 30: RED}
WORDS = {
    "on": ("On", YELLOW),
    "off": ("Off", GREY),
    "open": ("Open", YELLOW),
    "opening": ("Opening", YELLOW),
    "closed": ("Closed", GREY),
    "closing": ("Closing", YELLOW),
    "locked": ("Locked", GREY),
    "unlocked": ("Unlocked", YELLOW),
    "home": ("Home", GREEN),
    "not_home": ("Away", GREY),
    "playing": ("Playing", YELLOW),
    "heat": ("Heat", ORANGE),
    "heating": ("Heating", ORANGE),
    "cooling": ("Cooling", BLUE),
    "idle": ("Idle", GREY),
    "unavailable": ("Unavailable", ORANGE),
    "unknown": ("Unknown", GREY),
}
_WHERE = {"Time": "Last event", "area": "Area", "name": "Name"}
_PLACES = _WHERE | {"state": "State"}

_OverTime = TypeVar("_OverTime", timeseries.Panel, statetimeline.Panel)


def of_influxdb() -> dashboard.Dashboard:
    """Return the dashboard for InfluxDB."""
    source = dashboard.DatasourceVariable("influxdb").label("InfluxDB").type("influxdb")
    return _made("Home", "ha-home", INFLUXDB, source)


def of_sqlite() -> dashboard.Dashboard:
    """Return the dashboard for the embedded database."""
    source = dashboard.DatasourceVariable("sqlite").label("SQLite").type("frser-sqlite-datasource")
    return _made("Home (SQLite)", "ha-home-sqlite", SQLITE, source)


def _made(title: str, uid: str, database: Database, source: dashboard.DatasourceVariable) -> dashboard.Dashboard:
    sections = [section(database) for section in (_glance, _climate, _power, _devices, _events)]
    reach = (
        dashboard.CustomVariable("reach")
        .label("Looks back, days")
        .values("1,7,30,365")
        .current(VariableOption(text=database.reach, value=database.reach))
    )
    choices = [_choice(database, name) for name in database.choices]
    return board(title, uid, sections).time("now/d", "now").refresh("1m").variables([source, *choices, reach])


def _choice(database: Database, name: str) -> dashboard.QueryVariable:
    made = (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(database.source)
        .query(database.choices[name])
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    )
    if name in database.everything:
        made.multi(True).include_all(True).all_value(database.everything[name])  # noqa: FBT003
        made.current(VariableOption(text="All", value="$__all"))
    return made


def _graph(database: Database, title: str, *asked: str, unit: str, help_: str, least: float | None) -> timeseries.Panel:
    """Return steps from each number to the next."""
    queries = [database.queries[one] for one in asked]
    panel = panels.graph(title, *queries, help_=help_, look=Look(unit=unit, least=least))
    panel.line_interpolation(LineInterpolation.STEP_AFTER).span_nulls(True).fill_opacity(0)  # noqa: FBT003
    nowhere = {"regex": "^: (.*)", "renamePattern": "$1"}  # the name of what has no area
    panel.with_transformation(DataTransformerConfig("renameByRegex", options=nowhere))
    return _named(database, panel)


def _presence(database: Database) -> statetimeline.Panel:
    help_ = "Where each person was; a zone has its name."
    panel = panels.timeline("Presence", database.queries["presence"], help_=help_, look=Look(words=WORDS))
    return _named(database, panel)


def _named(database: Database, panel: _OverTime) -> _OverTime:
    if database.line_name:
        panel.display_name(database.line_name)
    panel.interval("1m")
    return panel


def _bars(
    database: Database, title: str, asked: str, *, field: str, unit: str, help_: str, width: int
) -> bargauge.Panel:
    """Return a bar for each row, with its name, the longest first."""
    look = Look(width=width, unit=unit, decimals=2, none="none")
    panel = panels.shares(title, database.queries[asked], help_=help_, look=look)
    panel.reduce_options(common.ReduceDataOptions().values(True))  # noqa: FBT003
    panel.with_transformation(DataTransformerConfig("sortBy", options={"sort": [{"field": field, "desc": True}]}))
    return panel.interval("1m").max_data_points(STEPS_OF_A_DAY)


def _glance(database: Database) -> Section:
    asked, listed = database.queries, Look(width=6, none="nothing")

    def counted(colour: str, none: str) -> Look:
        return Look(width=5, height=4, none="0", steps={None: none, 1: colour})

    def shown(words: Mapping[str, tuple[str, str]]) -> dict[str, Any]:
        fields = {name: title for name, title in _PLACES.items() if name != "Time"}
        return {"look": listed, "fields": fields, "columns": {"State": _state(words)}}

    outdoors = Look(width=4, height=4, unit="celsius", decimals=1, steps=TEMPERATURES, none="no weather")
    opening = "Doors, windows, covers and valves; locks that are not locked."
    return Section(
        "",
        [
            tile("Outdoors", asked["outdoors"], help_="By the newest weather.", look=outdoors),
            tile("At home", asked["at home"], help_="Persons.", look=counted(GREEN, GREY)),
            _count(tile("Lights on", asked["lights on"], help_="Now.", look=counted(YELLOW, GREY))),
            _count(tile("Open", asked["open"], help_=opening, look=counted(YELLOW, GREEN))),
            _count(tile("Unavailable", asked["unavailable"], help_="Entities.", look=counted(ORANGE, GREEN))),
            _presence(database),
            rows("Open now", asked["open"], help_=opening, **shown(WORDS | {"on": WORDS["open"]})),
            rows("On now", asked["on"], help_="Lights, switches, players and their like.", **shown(WORDS)),
        ],
    )


def _climate(database: Database) -> Section:
    outdoors = "A step for each change of a sensor or a thermostat, by area; and the weather outdoors."
    degrees = Column(unit="celsius")
    return Section(
        "Climate",
        [
            _graph(
                database,
                "Temperature",
                *("temperature", "temperature of thermostats", "temperature outdoors"),
                unit="celsius",
                help_=outdoors,
                least=None,
            ),
            _graph(
                database,
                "Humidity",
                *("humidity", "humidity of thermostats", "humidity outdoors"),
                unit="percent",
                help_=outdoors,
                least=0,
            ),
            rows(
                "Thermostats now",
                database.queries["thermostats"],
                help_="What each one does and wants.",
                look=Look(none="no thermostat"),
                fields=_PLACES
                | {"action": "Does", "current_temperature": "Temperature now", "target_temperature": "Target"},
                columns={"State": _state(), "Does": _state(), "Temperature now": degrees, "Target": degrees},
            ),
            _bars(
                database,
                "Heating, hours",
                "heating",
                field="hours",
                unit="h",
                help_="How long each thermostat heated within the range: today, if you chose nothing else.",
                width=12,
            ),
        ],
    )


def _power(database: Database) -> Section:
    return Section(
        "Power, and what runs",
        [
            _graph(
                database, "Power", "power", unit="watt", help_="A step for each change of a power sensor.", least=None
            ),
            _bars(
                database,
                "Energy",
                "energy",
                field="kwh",
                unit="kwatth",
                help_="What each meter counted within the range; one that fell by over a tenth began anew.",
                width=6,
            ),
            _bars(
                database,
                "Running, hours",
                "running",
                field="hours",
                unit="h",
                help_="How long each was on within the range; unavailable is not on.",
                width=6,
            ),
        ],
    )


def _devices(database: Database) -> Section:
    asked = database.queries
    level = {None: RED, LOW_BATTERY / 2: ORANGE, LOW_BATTERY: GREEN}
    return Section(
        "Devices",
        [
            _sorted(
                rows(
                    "Unavailable now",
                    asked["unavailable"],
                    help_="Entities of which Home Assistant knows nothing, and since when.",
                    look=Look(none="nothing"),
                    fields=_WHERE | {"Time": "Since", "device": "Device"},
                ),
                "Since",
                descending=True,
            ),
            _sorted(
                rows(
                    "Low batteries",
                    asked["low batteries"],
                    help_=f"Under {LOW_BATTERY}% when they were last heard of, or said to be low.",
                    look=Look(none="none", steps=level),
                    fields=_WHERE | {"level": "Level", "low": "Says"},
                    columns={
                        "Level": Column(unit="percent", is_coloured=True),
                        "Says": Column(words={"1": ("Low", RED)}, is_coloured=True),
                    },
                ),
                "Level",
            ),
            _sorted(
                rows(
                    "Last seen",
                    asked["last seen"],
                    help_="The last change that each device told, the longest ago first. The same value again is none.",
                    look=Look(none="no device"),
                    fields=_PLACES | {"device": "Device"},
                    columns={"State": _state()},
                ),
                "Last event",
            ),
            rows(
                "Chattiest",
                asked["chattiest"],
                help_="Entities with the most events within the range.",
                look=Look(none="no event"),
                fields={"entity_id": "Entity", "events": "Events"},
            ),
        ],
    )


def _events(database: Database) -> Section:
    fields = {"entity_id": "Entity", "state": "State", "previous_state": "Before", "value": "Value", "unit": "Unit"}
    caused = {"caused_by": "Caused by", "caused_by_entity": "By name"}
    events = rows(
        "Newest events",
        database.queries["events"],
        help_="The newest 200 within the range, of the areas, domains and entities that are chosen.",
        look=Look(width=24, height=14, unit="string", none="no event"),
        fields={"Time": "Time", "area": "Area", "name": "Name"} | fields | caused,
        columns={"State": _state(), "Before": _state()},
    )
    return Section("Events", [events])


def _count(panel: stat.Panel) -> stat.Panel:
    """Let a tile count rows."""
    return panel.reduce_options(common.ReduceDataOptions().calcs(["count"]).fields("/^state$/"))


def _state(words: Mapping[str, tuple[str, str]] = WORDS) -> Column:
    return Column(words=words, is_coloured=True, unit="string")


def _sorted(panel: table.Panel, column: str, *, descending: bool = False) -> table.Panel:
    return panel.sort_by([common.TableSortByFieldState().display_name(column).desc(descending)])
