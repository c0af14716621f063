"""The questions in InfluxQL, which InfluxDB 2 answers through its compatibility API; typed fields and tags only.

What InfluxQL makes hard, and how it is asked here:

- **What holds now** is the last row of each entity, whatever is in it: `last()` would go on telling the state of one
  that was removed. Each query around it groups by the entity as well, or else `LIMIT` counts wrongly.
- **What began before the range** is looked for as many days back as `reach` says, a week for hours and kWh, a day for
  lines. A range outside narrows those inside, so there is none outside: sums are made in windows that begin where the
  range does and are a hundred years long; the last of them is the range.
- **How long** is counted in steps of `$__interval`, a minute for a day: `integral()` would draw slopes between on and
  off, and the time between two events knows neither where the range begins nor what still runs.
- What is filled with `fill(previous)` is grouped alike in each query around it: it cannot be brought together again.
- Tags that change, as area and name, tell series apart only where nothing is summed or carried on.
"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import DataSourceRef

from grafana.home.database import LOW_BATTERY, OPENING, RUNNING, Database
from grafana.queries import Query

SOURCE = DataSourceRef(type_val="influxdb", uid="${influxdb}")

_EVENTS = "FROM home_assistant_events WHERE"
_HOME = "home =~ /^${home:regex}$/"
_HERE = f"{_HOME} AND area =~ /^${{area:regex}}$/"
_CHOSEN = f"{_HERE} AND domain =~ /^${{domain:regex}}$/ AND entity_id =~ /^${{entity:regex}}$/"
_SHOWN = "time >= ${__from}ms AND time < ${__to}ms"
_BACK, _WEEK_BACK, _DAY_BACK = (
    f"time >= ${{__from}}ms - {days}d AND time < ${{__to}}ms" for days in ("${reach}", "7", "1")
)
_WINDOW = "GROUP BY time(36500d, ${__from}ms), entity_id"
_RUNNING = f"domain =~ /^({'|'.join(RUNNING)})$/"
_OPENING = (
    f"(domain =~ /^(cover|valve|lock)$/ OR (domain = 'binary_sensor' AND device_class =~ /^({'|'.join(OPENING)})$/))"
)
_CLIMATE = "domain = 'climate'"
_UNKNOWN = "(removed = true OR state =~ /^(unavailable|unknown)$/)"


def _query(text: str, **fields: object) -> Query:
    return Query(SOURCE, {"query": text, "rawQuery": True, **fields})


def _rows(text: str) -> Query:
    return _query(text, resultFormat="table")


def _lines(text: str, legend: str) -> Query:
    return _query(text, resultFormat="time_series", alias=legend)


def _measured(field: str, condition: str) -> Query:
    """Return a query for the last number in each step, a line for each entity; nothing is invented between them."""
    return _lines(
        f"SELECT last({field}) {_EVENTS} {_HERE} AND {condition} AND {_DAY_BACK}"
        " GROUP BY time($__interval), area, friendly_name, entity_id fill(none)",
        "$tag_area: $tag_friendly_name",
    )


def _outdoors(field: str) -> Query:
    return _lines(
        f"SELECT last({field}) {_EVENTS} {_HOME} AND {_DAY_BACK} GROUP BY time($__interval) fill(none)", "Outdoors"
    )


def _now(tags: str, fields: str, more: str = "") -> Query:
    """Return a query for the last rows of the entities of which two conditions hold: on their tags, on that row."""
    columns = f'area, friendly_name AS "name", state{more}'
    return _rows(
        f'SELECT area, "name", state{more} FROM ('
        f"SELECT {columns}, value, removed {_EVENTS} {_HERE} AND {tags} AND {_BACK}"
        " GROUP BY entity_id, domain ORDER BY time DESC LIMIT 1"
        f") WHERE {fields} GROUP BY entity_id, domain ORDER BY time DESC"
    )


def _hours(on: str, off: str) -> Query:
    """Return a query for the hours in which something was on: queries give the moments that say 1 or 0, and only 0."""
    return _rows(
        "SELECT hours FROM (SELECT last(hours) AS hours FROM ("
        "SELECT sum(running) * $__interval_ms / 3600000 AS hours FROM ("
        f"SELECT last(running) AS running FROM ({on}), ({off}) WHERE {_WEEK_BACK}"
        " GROUP BY time($__interval, ${__from}ms), entity_id fill(previous)"
        f") {_WINDOW}) GROUP BY entity_id) WHERE hours > 0 GROUP BY entity_id"
    )


def _zero(condition: str) -> str:
    return f"SELECT previous_duration_seconds * 0 AS running {_EVENTS} {_HERE} AND {condition}"


_METERED = (
    f"SELECT difference(last(value)) AS more, last(value) AS reads {_EVENTS} {_HERE}"
    f" AND device_class = 'energy' AND domain = 'sensor' AND {_WEEK_BACK} GROUP BY time(1m), entity_id fill(none)"
)
_OF_BATTERY = f'area, friendly_name AS "name" {_EVENTS} {_HERE} AND {_BACK}'
_EACH = "GROUP BY entity_id"

INFLUXDB = Database(
    source=SOURCE,
    queries={
        "outdoors": _rows(f"SELECT last(weather_temperature) {_EVENTS} {_HOME} AND {_DAY_BACK}"),
        "at home": _rows(f"SELECT last(persons_home) {_EVENTS} {_HOME} AND {_DAY_BACK}"),
        "lights on": _now("domain = 'light'", "value = 1"),
        "presence": _lines(
            f"SELECT last(state) {_EVENTS} {_HOME} AND domain = 'person' AND {_BACK}"
            " GROUP BY time($__interval), entity_id fill(none)",
            "$tag_entity_id",
        ),
        "open": _now(_OPENING, "((domain = 'lock' AND value = 0) OR (domain != 'lock' AND value = 1))"),
        "on": _now(_RUNNING, "value = 1"),
        "temperature": _measured("value", "device_class = 'temperature' AND domain = 'sensor'"),
        "temperature of thermostats": _measured("current_temperature", _CLIMATE),
        "temperature outdoors": _outdoors("weather_temperature"),
        "humidity": _measured("value", "device_class = 'humidity' AND domain = 'sensor'"),
        "humidity of thermostats": _measured("current_humidity", "domain =~ /^(climate|humidifier)$/"),
        "humidity outdoors": _outdoors("weather_humidity"),
        "thermostats": _now(_CLIMATE, "state =~ /./", ", action, current_temperature, target_temperature"),
        "heating": _hours(
            f"SELECT value * 0 + 1 AS running {_EVENTS} {_HERE} AND {_CLIMATE} AND action = 'heating'",
            _zero(f"{_CLIMATE} AND (action != 'heating' OR state = 'off' OR {_UNKNOWN})"),
        ),
        "running": _hours(
            f"SELECT value AS running {_EVENTS} {_HERE} AND {_RUNNING}", _zero(f"{_RUNNING} AND {_UNKNOWN}")
        ),
        "power": _measured("value", "device_class = 'power' AND domain = 'sensor'"),
        "energy": _rows(
            "SELECT kwh FROM (SELECT last(kwh) AS kwh FROM (SELECT sum(used) AS kwh FROM"
            f" (SELECT more AS used FROM ({_METERED}) WHERE reads >= -9 * more),"
            f" (SELECT reads AS used FROM ({_METERED}) WHERE reads < -9 * more)"
            f" WHERE {_WEEK_BACK} {_WINDOW} fill(0)) GROUP BY entity_id) WHERE kwh > 0 GROUP BY entity_id"
        ),
        "unavailable": _now("entity_id != ''", "state = 'unavailable'", ", device"),
        "low batteries": _rows(
            'SELECT area, "name", level, low FROM'
            f" (SELECT last(value) AS level, {_OF_BATTERY} AND domain = 'sensor' AND device_class = 'battery' {_EACH}),"
            f" (SELECT last(battery) AS level, {_OF_BATTERY} {_EACH}),"
            f" (SELECT last(value) AS low, {_OF_BATTERY} AND domain = 'binary_sensor' AND device_class = 'battery'"
            f" {_EACH})"
            f" WHERE level < {LOW_BATTERY} OR low = 1 {_EACH}"
        ),
        "last seen": _rows(
            f"SELECT area, friendly_name AS \"name\", state {_EVENTS} {_CHOSEN} AND {_BACK} AND device != ''"
            " AND state !~ /^(unavailable|unknown)$/ GROUP BY device ORDER BY time DESC LIMIT 1"
        ),
        "chattiest": _rows(
            "SELECT top(events, entity_id, 20) AS events FROM"
            f" (SELECT count(state) AS events {_EVENTS} {_CHOSEN} AND {_SHOWN} GROUP BY entity_id)"
        ),
        "events": _rows(
            'SELECT area, friendly_name AS "name", entity_id, state, previous_state, value, unit, caused_by,'
            f" caused_by_entity {_EVENTS} {_CHOSEN} AND {_SHOWN} ORDER BY time DESC LIMIT 200"
        ),
    },
    choices={
        "home": "SHOW TAG VALUES FROM home_assistant_events WITH KEY = home",
        "area": f"SHOW TAG VALUES FROM home_assistant_events WITH KEY = area WHERE {_HOME}",
        "domain": f"SHOW TAG VALUES FROM home_assistant_events WITH KEY = domain WHERE {_HERE}",
        "entity": f"SHOW TAG VALUES FROM home_assistant_events WITH KEY = entity_id WHERE {_HERE}"
        " AND domain =~ /^${domain:regex}$/",
    },
    everything={"area": ".*", "domain": ".*", "entity": ".*"},
    reach="30",
)
