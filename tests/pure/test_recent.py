from __future__ import annotations

import json

from ingestor.api import views
from ingestor.storage.recent import RecentEvents
from tests.servers.records import ENTITY, WEATHER, event, full, removal


def test_the_newest_come_first_and_the_oldest_go() -> None:
    recent = RecentEvents(kept=25)
    recent.extend([ENTITY, WEATHER])
    for number in range(0, 40, 4):
        recent.extend([event(n) for n in range(number, number + 4)])
    assert recent.newest(3) == [event(39), event(38), event(37)]
    assert recent.newest(1000) == [event(n) for n in range(39, 14, -1)]
    assert recent.newest(2, "sensor.number_7") == [event(37), event(27)]
    assert recent.newest(5, "sensor.other") == []


def test_events_are_shown_in_the_shape_of_the_api() -> None:
    shown = json.loads(views.events([full(1), removal(2)]))
    assert shown == [
        {
            "home": "home",
            "entity_id": "sensor.number_1",
            "domain": "sensor",
            "device_class": "temperature",
            "state_value": full().state,
            "previous_state": full().previous_state,
            "timestamp": "2026-11-23T08:10:04.000000Z",
            "weather_data": {
                "temperature": 7.5,
                "humidity": 81.0,
                "pressure": 1013.0,
                "condition": "light rain",
                "timestamp": "2026-11-23T08:03:20.000000Z",
            },
            "attributes": {"list": [1, "two", None], "quote": '"'},
        },
        {
            "home": "home",
            "entity_id": "sensor.number_2",
            "domain": "sensor",
            "device_class": None,
            "state_value": None,
            "previous_state": "5",
            "timestamp": "2026-11-23T08:10:05.000000Z",
            "weather_data": None,
            "attributes": {},
        },
    ]
