from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from ingestor.enrichment.presence import Presence
from ingestor.enrichment.step import Enricher
from ingestor.homeassistant import wire
from ingestor.homeassistant.registry import Registry
from ingestor.model.records import Event, Series, WeatherObservation
from tests.servers.changes import ENTITY_ID, change, state
from tests.servers.records import SECOND_NS, START_NS, WEATHER

CELSIUS = {"unit_of_measurement": "°C", "device_class": "temperature", "state_class": "measurement"}


def enricher(weather: WeatherObservation | None = WEATHER, **options: Any) -> Enricher:
    return Enricher("home", lambda: weather, **options)


def enriched(one: Enricher, *messages: dict[str, Any]) -> list[Event | None]:
    events = [message.event for message in wire.decode(json.dumps(messages)) if isinstance(message, wire.Message)]
    return [one.enrich(str(event.data.entity_id), event) for event in events if event is not None]


def test_a_change_becomes_a_whole_event() -> None:
    fahrenheit = {"unit_of_measurement": "°F", "device_class": "temperature", "friendly_name": "Attic"}
    message = change(10, "50.0", old=state(7, "unavailable"), parent_id="p", **fahrenheit)
    assert enriched(enricher(), message) == [
        Event(
            time_ns=START_NS + 10 * SECOND_NS,
            series=Series(
                home="home",
                entity_id=ENTITY_ID,
                domain="sensor",
                device_class="temperature",
                friendly_name="Attic",
                unit="°C",
            ),
            state="50.0",
            value=10.0,
            previous_state="unavailable",
            previous_duration_seconds=3.0,
            attributes=json.dumps(fahrenheit),
            weather=WEATHER,
            persons_home=None,
            caused_by="automation",
        )
    ]


def test_the_same_entity_moment_and_context_is_the_same_change() -> None:
    one = enricher()
    assert enriched(one, change(1), change(1))[1] is None
    one.accept()
    one.begin()
    assert enriched(one, change(1), change(1, entity_id="sensor.other"), change(2))[0] is None


def test_other_contexts_in_one_microsecond_are_a_nanosecond_apart() -> None:
    one = enricher()
    messages = [change(1, name, context=name) for name in ("a", "b", "a", "c", "b")]
    events = enriched(one, *messages)
    assert [event and (event.state, event.time_ns - START_NS - SECOND_NS) for event in events] == [
        ("a", 0),
        ("b", 1),
        None,
        ("c", 2),
        None,
    ]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.sampled_from(["1", None, "unavailable"]))))
def test_a_batch_taken_twice_gives_the_same_events(drawn: list[tuple[int, str, str | None]]) -> None:
    messages = [change(number, said, context=context, **CELSIUS) for number, context, said in sorted(drawn, key=str)]
    one, half = enricher(), len(messages) // 2
    for part in (messages[:half], messages[half:]):
        one.begin()
        first = enriched(one, *part)
        one.begin()
        again = enriched(one, *part)
        assert first == again
        one.accept()


def test_what_was_not_accepted_is_forgotten() -> None:
    one = enricher()
    one.learn_states({"person.a": "home"})
    enriched(one, change(1, "1", **CELSIUS))
    one.begin()
    [event] = enriched(one, change(2, "unavailable"))
    assert event is not None
    assert (event.series.unit, event.persons_home) == (None, None)


@pytest.mark.parametrize("said", [None, "unavailable"])
def test_a_removal_and_an_unavailable_state_carry_the_tags_last_known(said: str | None) -> None:
    one = enricher()
    known, gone, back = enriched(one, change(1, "1", **CELSIUS), change(2, said), change(3, "2", **CELSIUS))
    assert known is not None
    assert gone is not None
    assert back is not None
    assert gone.series is known.series
    assert back.series == known.series
    assert (gone.state, gone.value, gone.removed) == (said, None, said is None)


@pytest.mark.parametrize("said", [None, "unavailable"])
def test_of_an_entity_not_seen_before_the_old_state_tells_the_tags(said: str | None) -> None:
    [event] = enriched(enricher(), change(2, said, old=state(1, "5", **CELSIUS)))
    assert event is not None
    assert (event.series.device_class, event.series.unit) == ("temperature", "°C")


def test_tags_are_text_whatever_an_integration_sends() -> None:
    [event] = enriched(
        enricher(), change(1, "1", device_class=["x"], friendly_name=7, state_class="", unit_of_measurement={})
    )
    assert event is not None
    assert event.series == Series(home="home", entity_id=ENTITY_ID, domain="sensor")


def test_a_registry_that_changed_gives_the_next_change_its_area() -> None:
    areas = json.dumps([{"area_id": "attic", "name": "Attic"}]).encode()
    entities = json.dumps([{"entity_id": ENTITY_ID, "area_id": "attic"}]).encode()
    one = enricher()
    [before] = enriched(one, change(1, "1"))
    one.learn_registry(Registry({"areas": Raw(areas), "entities": Raw(entities)}))
    [after] = enriched(one, change(2, "1"))
    assert [event and event.series.area for event in (before, after)] == [None, "Attic"]


def test_persons_are_counted_as_they_come_and_go() -> None:
    one = enricher()
    one.learn_states({"person.a": "home", "person.b": "Work", "light.c": "home"})
    moves = (("person.b", "home"), ("person.a", "not_home"), ("person.b", None), ("light.c", "on"))
    counted = []
    for number, (entity_id, said) in enumerate(moves):
        counted += enriched(one, change(number, said, entity_id=entity_id))
    assert [event and event.persons_home for event in counted] == [2, 1, 0, 0]


def test_an_unstored_person_counts_too() -> None:
    one = enricher()
    one.observe("person.a", "home")
    one.observe("light.a", "home")
    [event] = enriched(one, change(1))
    assert event is not None
    assert event.persons_home == 1


def test_presence_is_a_value_and_unknown_until_somebody_is_known() -> None:
    nobody = Presence()
    somebody = nobody.changed("person.a", "home")
    assert [nobody.persons_home, somebody.persons_home, somebody.changed("person.a", None).persons_home] == [None, 1, 0]


def test_weather_and_attributes_can_be_left_out() -> None:
    [event] = enriched(enricher(None, with_attributes=False), change(1, "1", user_id="u", **CELSIUS))
    assert event is not None
    assert (event.weather, event.attributes, event.caused_by, event.series.unit) == (None, None, "user", "°C")
