"""Every event comes out of one factory: identity, series, value, weather, presence."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from ingestor.enrichment.attributes import Attributes
from ingestor.enrichment.presence import Presence
from ingestor.history.rows import Surroundings, Teller
from ingestor.homeassistant.answers import Row
from ingestor.live.entities import Entities
from ingestor.live.frames import CommandSent, Frame, HomeMessage
from ingestor.live.selection import Selection
from ingestor.live.stream import Stream
from ingestor.model.records import Event, Series, WeatherObservation
from tests.servers.changes import ENTITY_ID, change, state
from tests.servers.records import SECOND_NS, START_NS, WEATHER

CELSIUS = {"unit_of_measurement": "°C", "device_class": "temperature", "state_class": "measurement"}


class Home:
    """A home's stream, of which only the events count here."""

    def __init__(self, weather: WeatherObservation | None = WEATHER, **options: Any) -> None:
        self.stream = Stream("home", Entities(Selection((), options.pop("exclude", ()))), lambda: weather, **options)

    def events(self, *messages: dict[str, Any] | HomeMessage) -> list[Event]:
        """Return the events of these messages, which are not accepted yet."""
        whole = [
            Frame(session=1, received_at_ns=0, text=json.dumps(one)) if isinstance(one, dict) else one
            for one in messages
        ]
        return [record for record in self.stream.take(whole).records if isinstance(record, Event)]


def answer(name: str, result: Any) -> tuple[HomeMessage, dict[str, Any]]:
    """Return the message that a command was sent, and its answer."""
    number = 40 + len(name)
    return CommandSent(session=1, id=number, command=name), {
        "type": "result",
        "id": number,
        "success": True,
        "result": result,
    }


def person(name: str, said: str) -> dict[str, Any]:
    return state(0, said) | {"entity_id": name}


def test_a_change_becomes_a_whole_event() -> None:
    fahrenheit = {"unit_of_measurement": "°F", "device_class": "temperature", "friendly_name": "Attic"}
    message = change(10, "50.0", old=state(7, "unavailable"), parent_id="p", **fahrenheit)
    assert Home().events(message) == [
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
    home = Home()
    assert len(home.events(change(1), change(1))) == 1
    home.stream.accept()
    assert [event.state for event in home.events(change(1), change(1, "x", entity_id="sensor.other"))] == ["x"]


def test_other_contexts_in_one_microsecond_are_a_nanosecond_apart() -> None:
    events = Home().events(*(change(1, name, context=name) for name in ("a", "b", "a", "c", "b")))
    assert [(event.state, event.time_ns - START_NS - SECOND_NS) for event in events] == [("a", 0), ("b", 1), ("c", 2)]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab"), st.sampled_from(["1", None, "unavailable"]))))
def test_a_batch_taken_twice_gives_the_same_events(drawn: list[tuple[int, str, str | None]]) -> None:
    messages = [change(number, said, context=context, **CELSIUS) for number, context, said in sorted(drawn, key=str)]
    home, half = Home(), len(messages) // 2
    for part in (messages[:half], messages[half:]):
        assert home.events(*part) == home.events(*part)
        home.stream.accept()


def test_what_was_not_accepted_is_forgotten() -> None:
    home = Home()
    home.events(*answer("states", [person("person.a", "home")]), change(1, "1", **CELSIUS))
    [event] = home.events(change(2, "unavailable"))
    assert (event.series.unit, event.persons_home) == (None, None)


@pytest.mark.parametrize("said", [None, "unavailable"])
def test_a_removal_and_an_unavailable_state_carry_the_tags_last_known(said: str | None) -> None:
    known, gone, back = Home().events(change(1, "1", **CELSIUS), change(2, said), change(3, "2", **CELSIUS))
    assert gone.series is known.series
    assert back.series == known.series
    assert (gone.state, gone.value, gone.removed) == (said, None, said is None)


def test_an_unknown_state_that_has_lost_its_unit_stays_in_its_series() -> None:
    known, lost = Home().events(change(1, "1", **CELSIUS), change(2, "unknown"))
    assert (lost.series, lost.value) == (known.series, None)
    [first] = Home().events(change(2, "unknown", old=state(1, "5", **CELSIUS)))
    assert first.series == known.series


def test_an_unknown_state_that_says_its_unit_tells_its_tags() -> None:
    renamed = CELSIUS | {"friendly_name": "Attic"}
    _, told = Home().events(change(1, "1", **CELSIUS), change(2, "unknown", **renamed))
    assert told.series.friendly_name == "Attic"


@pytest.mark.parametrize("said", [None, "unavailable"])
def test_of_an_entity_not_seen_before_the_old_state_tells_the_tags(said: str | None) -> None:
    [event] = Home().events(change(2, said, old=state(1, "5", **CELSIUS)))
    assert (event.series.device_class, event.series.unit) == ("temperature", "°C")


def test_tags_are_text_whatever_an_integration_sends() -> None:
    strange = change(1, "1", device_class=["x"], friendly_name=7, state_class="", unit_of_measurement={})
    [event] = Home().events(strange)
    assert event.series == Series(home="home", entity_id=ENTITY_ID, domain="sensor")


def test_a_registry_that_changed_gives_the_next_change_its_area() -> None:
    areas = answer("areas", [{"area_id": "attic", "name": "Attic"}])
    entities = answer("entities", [{"entity_id": ENTITY_ID, "area_id": "attic"}])
    events = Home().events(change(1, "1"), *areas, *entities, change(2, "1"))
    assert [event.series.area for event in events] == [None, "Attic"]


def test_persons_are_counted_as_they_come_and_go() -> None:
    home = Home()
    home.events(*answer("states", [person("person.a", "home"), person("person.b", "Work"), person("light.c", "home")]))
    home.stream.accept()
    moves = (("person.b", "home"), ("person.a", "not_home"), ("person.b", None), ("light.c", "on"))
    events = home.events(*(change(9 + number, said, entity_id=of) for number, (of, said) in enumerate(moves)))
    assert [event.persons_home for event in events if not event.late] == [2, 1, 0, 0]


def test_an_unstored_person_counts_too() -> None:
    home = Home(exclude=("person.*",))
    [event] = home.events(change(0, "home", entity_id="person.a"), change(1))
    assert event.persons_home == 1


def test_where_nobody_is_known_to_be_the_count_is_absent() -> None:
    nobody = Presence({"person.a": "unknown", "person.b": "unavailable"})
    assert (nobody.persons_home, nobody.changed("person.a", "not_home").persons_home) == (None, 0)


def test_presence_is_a_value_and_unknown_until_somebody_is_known() -> None:
    nobody = Presence()
    somebody = nobody.changed("person.a", "home")
    assert [nobody.persons_home, somebody.persons_home, somebody.changed("person.a", None).persons_home] == [None, 1, 0]


def test_weather_and_attributes_can_be_left_out() -> None:
    [event] = Home(None, wanted=Attributes("none")).events(change(1, "1", user_id="u", **CELSIUS))
    assert (event.weather, event.attributes, event.caused_by, event.series.unit) == (None, None, "user", "°C")


NOT_IN_THE_RECORDER = {"caused_by", "caused_by_entity"}


def test_a_refilled_event_has_every_field_of_a_live_one_but_for_what_the_recorder_does_not_keep() -> None:
    wanted = Attributes(names=("battery_level",))
    home = Home(wanted=wanted)
    home.events(*answer("states", [person("person.a", "home")]))
    home.stream.accept()
    said: dict[str, Any] = CELSIUS | {"battery_level": 7}
    run = change(1, "on", entity_id="automation.a", context="run")
    live = home.events(run, change(2, "5", old=state(1, "4"), context="run", **said))[-1]
    teller = Teller(Series(home="home", entity_id=ENTITY_ID, domain="sensor"))
    around = Surroundings(persons_home=lambda _at_us: 1, weather=lambda _at_us: WEATHER, wanted=wanted)
    teller.tell(Row(s="4", lu=(START_NS + SECOND_NS) / 1e9), around)
    row = Row(s="5", lu=(START_NS + 2 * SECOND_NS) / 1e9, a=Raw(json.dumps(said).encode()))
    refilled = teller.tell(row, around)
    differing = {
        name for name in Event.__struct_fields__ if getattr(live, name) != getattr(refilled, name) and name != "late"
    }
    assert (differing, refilled.late) == (NOT_IN_THE_RECORDER, True)
    assert not [name for name in Event.__struct_fields__ if name != "late" and getattr(live, name) is None]
