"""The questions in SQL, of the embedded database; Grafana's plugin `frser-sqlite-datasource` asks them of the file.

Times are nanoseconds there and seconds for Grafana. What holds now is the row with the greatest time of each entity, as
SQLite takes the other columns from the row that `max` is of. Durations are exact: a span ends where the next begins.
"""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import DataSourceRef

from grafana.home.database import LOW_BATTERY, OPENING, RUNNING, Database
from grafana.queries import Query

SOURCE = DataSourceRef(type_val="frser-sqlite-datasource", uid="${sqlite}")

_EVENTS = "FROM home_assistant_events WHERE"
_HOME = "home = ${home:sqlstring}"
_AREA = "ifnull(area, '') IN (${area:sqlstring})"
_HERE = f"{_HOME} AND {_AREA}"
_CHOSEN = f"{_HERE} AND domain IN (${{domain:sqlstring}}) AND entity_id IN (${{entity:sqlstring}})"
_FROM, _TO = "${__from}000000", "${__to}000000"
_SHOWN = f"time >= {_FROM} AND time < {_TO}"
_BACK, _WEEK_BACK, _DAY_BACK = (
    f"time >= {_FROM} - {days} * 86400000000000 AND time < {_TO}" for days in ("${reach}", "7", "1")
)
_NAME = "ifnull(friendly_name, entity_id) AS name"
_RUNNING = f"domain IN {RUNNING}"
_OPENING = f"""(domain IN ('cover', 'valve', 'lock')
    OR (domain = 'binary_sensor' AND device_class IN {OPENING}))"""
_CLIMATE = "domain = 'climate'"
_UNKNOWN = "(removed OR state IN ('unavailable', 'unknown'))"


def _query(text: str, kind: str) -> Query:
    fields = {"queryText": text, "rawQueryText": text, "queryType": kind, "timeColumns": ["time", "Time"]}
    return Query(SOURCE, fields)


def _rows(text: str) -> Query:
    return _query(text, "table")


def _lines(text: str) -> Query:
    """Return a query for lines: `time`, a `name` for each, and a number or a text."""
    return _query(text, "time series")


def _measured(field: str, condition: str) -> Query:
    return _lines(f"""SELECT max(time) / 1e9 AS time, {field} AS value,
    ifnull(area || ': ', '') || ifnull(friendly_name, entity_id) AS name
{_EVENTS} {_HERE} AND {condition} AND {field} IS NOT NULL AND {_DAY_BACK}
GROUP BY area, friendly_name, entity_id, time / ($__interval_ms * 1000000) ORDER BY 1""")


def _outdoors(field: str) -> Query:
    return _lines(f"""SELECT max(time) / 1e9 AS time, 'Outdoors' AS name, {field} AS value
{_EVENTS} {_HOME} AND {field} IS NOT NULL AND {_DAY_BACK} GROUP BY time / ($__interval_ms * 1000000) ORDER BY 1""")


def _newest(field: str) -> Query:
    return _rows(f"SELECT {field} {_EVENTS} {_HOME} AND {field} IS NOT NULL AND {_DAY_BACK} ORDER BY time DESC LIMIT 1")


def _now(tags: str, fields: str, more: str = "") -> Query:
    """Return a query for the last rows of the entities of which two conditions hold: on their tags, on that row."""
    return _rows(f"""SELECT Time, area, name, state{more} FROM (
    SELECT max(time) / 1e9 AS Time, area, {_NAME}, domain, state, value{more}
    {_EVENTS} {_HOME} AND {tags} AND {_BACK} GROUP BY entity_id
) WHERE {_AREA} AND {fields} ORDER BY Time DESC""")


def _hours(running: str, condition: str) -> Query:
    """Return a query for the hours in which something was on: in those spans of which `running` is 1."""
    return _rows(f"""WITH spans AS (
    SELECT entity_id, area, {running} AS running, max(time, {_FROM}) AS since,
        lead(time, 1, {_TO}) OVER (PARTITION BY entity_id ORDER BY time) AS until
    {_EVENTS} {_HOME} AND {condition} AND {_WEEK_BACK}
)
SELECT entity_id, sum(until - since) / 3600e9 AS hours FROM spans
WHERE {_AREA} AND running = 1 AND until > since GROUP BY entity_id ORDER BY 2 DESC""")


SQLITE = Database(
    source=SOURCE,
    queries={
        "outdoors": _newest("weather_temperature"),
        "at home": _newest("persons_home"),
        "lights on": _now("domain = 'light'", "value = 1"),
        "presence": _lines(f"""WITH told AS (
    SELECT time, entity_id, state, lag(state) OVER (PARTITION BY entity_id ORDER BY time) AS before
    {_EVENTS} {_HOME} AND domain = 'person' AND state IS NOT NULL AND {_BACK}
), changed AS (SELECT * FROM told WHERE state IS NOT before)
SELECT moment.time / 1e9 AS time, person.entity_id AS name, (
    SELECT state FROM changed WHERE entity_id = person.entity_id AND time <= moment.time ORDER BY time DESC LIMIT 1
) AS state
FROM (SELECT DISTINCT time FROM changed) AS moment, (SELECT DISTINCT entity_id FROM changed) AS person ORDER BY 1"""),
        "open": _now(_OPENING, "value = (domain != 'lock')"),
        "on": _now(_RUNNING, "value = 1"),
        "temperature": _measured("value", "device_class = 'temperature' AND domain = 'sensor'"),
        "temperature of thermostats": _measured("current_temperature", _CLIMATE),
        "temperature outdoors": _outdoors("weather_temperature"),
        "humidity": _measured("value", "device_class = 'humidity' AND domain = 'sensor'"),
        "humidity of thermostats": _measured("current_humidity", "domain IN ('climate', 'humidifier')"),
        "humidity outdoors": _outdoors("weather_humidity"),
        "thermostats": _now(_CLIMATE, "state IS NOT NULL", ", action, current_temperature, target_temperature"),
        "heating": _hours("action = 'heating'", _CLIMATE),
        "running": _hours(f"CASE WHEN {_UNKNOWN} THEN 0 ELSE value END", _RUNNING),
        "power": _measured("value", "device_class = 'power' AND domain = 'sensor'"),
        "energy": _rows(f"""WITH metered AS (
    SELECT time, entity_id, value, value - lag(value) OVER (PARTITION BY entity_id ORDER BY time) AS more
    {_EVENTS} {_HERE} AND device_class = 'energy' AND domain = 'sensor' AND value IS NOT NULL AND {_WEEK_BACK}
)
SELECT entity_id, sum(CASE WHEN value < -9 * more THEN value ELSE more END) AS kwh FROM metered
WHERE {_SHOWN} GROUP BY entity_id HAVING kwh > 0 ORDER BY 2 DESC"""),
        "unavailable": _now("true", "state = 'unavailable'", ", device"),
        "low batteries": _rows(f"""WITH batteries AS (
    SELECT time, entity_id, area, {_NAME},
        CASE WHEN domain = 'sensor' AND device_class = 'battery' THEN value ELSE battery END AS level,
        CASE WHEN domain = 'binary_sensor' AND device_class = 'battery' THEN value END AS low
    {_EVENTS} {_HERE} AND {_BACK}
)
SELECT * FROM (
    SELECT max(time) / 1e9 AS Time, area, name, level, low FROM batteries
    WHERE level IS NOT NULL OR low IS NOT NULL GROUP BY entity_id
) WHERE level < {LOW_BATTERY} OR low = 1 ORDER BY level"""),
        "last seen": _rows(f"""SELECT max(time) / 1e9 AS Time, device, area, {_NAME}, state
{_EVENTS} {_CHOSEN} AND {_BACK} AND device IS NOT NULL AND state NOT IN ('unavailable', 'unknown')
GROUP BY device ORDER BY 1"""),
        "chattiest": _rows(f"""SELECT entity_id, count(state) AS events {_EVENTS} {_CHOSEN} AND {_SHOWN}
GROUP BY entity_id HAVING events > 0 ORDER BY 2 DESC LIMIT 20"""),
        "events": _rows(f"""SELECT time / 1e9 AS Time, area, {_NAME}, entity_id, state, previous_state, value, unit,
    caused_by, caused_by_entity
{_EVENTS} {_CHOSEN} AND {_SHOWN} ORDER BY home_assistant_events.time DESC LIMIT 200"""),
    },
    choices={
        "home": "SELECT DISTINCT home FROM home_assistant_entities ORDER BY 1",
        "area": f"SELECT DISTINCT area FROM home_assistant_entities WHERE {_HOME} AND area > '' ORDER BY 1",
        "domain": f"SELECT DISTINCT domain FROM home_assistant_entities WHERE {_HERE} ORDER BY 1",
        "entity": f"SELECT DISTINCT entity_id FROM home_assistant_entities WHERE {_HERE}"
        " AND domain IN (${domain:sqlstring}) ORDER BY 1",
    },
    everything={"area": "ifnull(area, '')", "domain": "domain", "entity": "entity_id"},
    reach="7",
    line_name="${__field.labels.name}",
)
