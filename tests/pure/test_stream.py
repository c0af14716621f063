from __future__ import annotations

import copy
import json
from logging import INFO
from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from ingestor.homeassistant.session import SYNCHRONISING, Phase, Session
from ingestor.live.entities import Entities
from ingestor.live.frames import CommandSent, Frame, HomeMessage, SessionStarted
from ingestor.live.selection import Selection
from ingestor.live.stream import HELD_SECONDS, Location, Stream, Taken
from ingestor.model import instants
from ingestor.model.records import EntityRecord, Event, RawEvent
from ingestor.simulator.home import SimulatedHome
from ingestor.simulator.session import ServerSession
from metrics import facts
from tests.servers.changes import change, frame_of, state
from tests.servers.records import START_NS
from tests.servers.samples import frame, received, state_changes

REGISTRIES = {"floors": "floor", "areas": "area", "labels": "label", "devices": "device", "entities": "entity"}


def stream(include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Stream:
    return Stream("home", Entities(Selection(include, exclude)))


def started(session: int = 1, **changed: Any) -> SessionStarted:
    results = {name: received(f"config_{word}_registry_list")["result"] for name, word in REGISTRIES.items()}
    results |= {"config": received("get_config")["result"], "states": received("get_states")["result"]} | changed
    return SessionStarted(
        session=session, at_ns=0, results={k: Raw(json.dumps(v).encode()) for k, v in results.items()}
    )


def text(content: str) -> Frame:
    return Frame(session=1, received_at_ns=0, text=content)


def told(taken: Taken) -> list[tuple[str, str]]:
    """Return what was reported, in short, but for the links and how much came."""
    return [
        (
            type(fact).__name__,
            getattr(fact, "code", "") or getattr(fact, "reason", "") or str(getattr(fact, "events", "")),
        )
        for fact in taken.reports
        if not isinstance(fact, facts.ChangesReceived)
    ]


def states(taken: Taken) -> list[str | None]:
    return [record.state for record in taken.records if isinstance(record, Event)]


def test_every_sampled_change_becomes_an_event() -> None:
    taken = stream().take([text(frame(name)) for name in state_changes()])
    expected = [received(name)["event"]["data"]["new_state"] for name in state_changes()]
    assert states(taken) == [new and new["state"] for new in expected]
    assert told(taken) == [("EventsReceived", str(len(expected)))]


def test_a_session_tells_where_the_home_is_and_what_its_entities_are() -> None:
    one = stream()
    assert described(one, started()) == {}
    states = received("get_states")["result"]
    taken = one.take([started(), *answered("states", states)])
    config = received("get_config")["result"]
    assert taken.location == Location(config["latitude"], config["longitude"], config["time_zone"])
    rows = [record for record in taken.records if isinstance(record, EntityRecord)]
    registered = received("config_entity_registry_list")["result"]
    assert {row.entity_id for row in rows} == {entity["entity_id"] for entity in [*registered, *states]}
    assert {row.entity_id: row.registry_id for row in rows if row.registry_id} == {
        entity["entity_id"]: entity["id"] for entity in registered
    }
    one.accept()
    assert described(one, started(2), *answered("states", states)) == {}
    assert one.take([started(), *answered("states", states)]).records == []
    assert Stream("home", Entities()).take([started(), *answered("states", states)]).records == taken.records


def answered(name: str, result: Any, at_ns: int = 0) -> list[HomeMessage]:
    """Return the answer to a command of the running session."""
    content = json.dumps({"type": "result", "id": 77, "success": True, "result": result})
    return [CommandSent(session=1, id=77, command=name), Frame(session=1, received_at_ns=at_ns, text=content)]


def described(one: Stream, *messages: HomeMessage) -> dict[str, EntityRecord]:
    """Return the last row of each entity that the messages come to."""
    one.take([*messages])
    records = one.take([*messages]).records
    one.accept()
    return {record.entity_id: record for record in records if isinstance(record, EntityRecord)}


ENTRY = {"entity_id": "sensor.attic", "id": "one", "platform": "demo", "modified_at": 1_795_400_000.0}
ROW = EntityRecord(
    time_ns=1_795_400_000 * 10**9,
    home="home",
    entity_id="sensor.attic",
    domain="sensor",
    friendly_name="Attic",
    integration="demo",
    registry_id="one",
)
LATER_NS = 1_795_500_000 * 10**9


def running(entries: list[Any], *there: dict[str, Any]) -> tuple[Stream, dict[str, EntityRecord]]:
    one = stream()
    return one, described(one, started(entities=entries), *answered("states", list(there)))


def test_a_registered_entity_is_described_on_each_change_of_what_is_said() -> None:
    attic = state(0, "1", friendly_name="Attic")
    one, rows = running([ENTRY], attic)
    assert rows == {"sensor.attic": ROW}
    same, named = (
        text(frame_of(change(at, old=attic, friendly_name=name))) for at, name in ((1, "Attic"), (2, "Loft"))
    )
    assert described(one, same) == {}
    assert described(one, named) == {"sensor.attic": replace(ROW, friendly_name="Loft", time_ns=START_NS + 2 * 10**9)}
    disabled = ENTRY | {"disabled_by": "user", "modified_at": LATER_NS / 10**9}
    gone = text(frame_of(change(3, None, friendly_name="Loft")))
    off = replace(ROW, friendly_name="Loft", time_ns=LATER_NS, disabled=True)
    assert described(one, gone, *answered("entities", [disabled], LATER_NS)) == {"sensor.attic": off}
    removed = {"sensor.attic": replace(off, removed=True, time_ns=LATER_NS + 1)}
    assert described(one, *answered("entities", [], LATER_NS + 1)) == removed
    assert described(one, *answered("entities", [], LATER_NS + 2)) == {}


@pytest.mark.parametrize("state_first", [True, False])
def test_a_renamed_entity_keeps_its_registry_id_and_its_old_id_is_removed(state_first: bool) -> None:  # noqa: FBT001
    attic = state(0, "1", friendly_name="Attic")
    one, _ = running([ENTRY], attic)
    moved = [
        text(frame_of(change(1, None, old=attic), change(1, entity_id="sensor.loft", friendly_name="Attic"))),
        answered("entities", [ENTRY | {"entity_id": "sensor.loft", "modified_at": LATER_NS / 10**9}], LATER_NS),
    ]
    first, second = (moved[:1], moved[1]) if state_first else (moved[1], moved[:1])
    rows = described(one, *first) | described(one, *second)  # type: ignore[misc]  # a frame, or an answer
    assert {row.entity_id: (row.registry_id, row.removed) for row in rows.values()} == {
        "sensor.attic": ("one", True),
        "sensor.loft": ("one", False),
    }


RENAMED = {"action": "update", "entity_id": "sensor.loft", "old_entity_id": "sensor.attic", "changes": {}}


@pytest.mark.parametrize("another", [[], answered("areas", [{"area_id": "a", "name": "Under the roof"}])])
def test_a_renamed_entity_is_where_it_was_before_the_registry_is_asked(another: list[HomeMessage]) -> None:
    entry = ENTRY | {"area_id": "a", "labels": ["no_history"]}
    area = {"area_id": "a", "name": "Under the roof"}
    label = {"label_id": "no_history", "name": "Not stored"}
    content = {"event_type": "entity_registry_updated", "data": RENAMED, "time_fired": "2026-11-23T08:20:39+00:00"}
    renamed = text(json.dumps({"id": 2, "type": "event", "event": content}))
    moved = text(frame_of(change(1, None, old=state(0, "1")), change(1, entity_id="sensor.loft")))
    for selected, expected in ((stream(), "Under the roof"), (stream(exclude=("label:no_history",)), None)):
        selected.take([started(entities=[entry], areas=[area], labels=[label]), *answered("states", [state(0, "1")])])
        selected.accept()
        records = selected.take([renamed, *another, moved]).records
        areas = [one.series.area for one in records if isinstance(one, Event) and one.series.entity_id == "sensor.loft"]
        assert areas == ([expected] if expected else [])


def test_an_entity_with_a_state_alone_is_described_until_it_is_gone_and_when_it_returns() -> None:
    attic = state(0, "1", friendly_name="Attic")
    one, rows = running([], attic)
    bare = replace(ROW, time_ns=START_NS, integration=None, registry_id=None)
    assert rows == {"sensor.attic": bare}
    gone, back = text(frame_of(change(1, None, old=attic))), text(frame_of(change(2, friendly_name="Attic")))
    assert described(one, gone) == {"sensor.attic": replace(bare, removed=True, time_ns=START_NS + 10**9)}
    assert described(one, back) == {"sensor.attic": replace(bare, time_ns=START_NS + 2 * 10**9)}
    absent = described(one, started(2, entities=[]), *answered("states", [], LATER_NS))
    assert absent == {"sensor.attic": replace(bare, removed=True, time_ns=LATER_NS)}


def test_an_entity_is_not_gone_while_its_home_starts_or_is_in_recovery_mode_and_lacks_it_still() -> None:
    config = received("get_config")["result"]
    unregistered = state(0, "1") | {"entity_id": "sensor.loft"}
    one, rows = running([ENTRY], state(0, "1"), unregistered)
    assert rows.keys() == {"sensor.attic", "sensor.loft"}
    starting, recovering = config | {"state": "NOT_RUNNING"}, config | {"state": "RUNNING", "recovery_mode": True}
    for session, lacking in enumerate((starting, recovering), 2):
        restarted = started(session, config=lacking, entities=[])
        assert described(one, restarted, *answered("states", []), *answered("entities", [])) == {}
    removed = described(one, *answered("config", config), *answered("entities", [ENTRY]), *answered("states", []))
    assert {entity_id: row.removed for entity_id, row in removed.items()} == {"sensor.loft": True}


def test_what_home_assistant_gives_no_time_is_written_when_it_is_heard() -> None:
    one, rows = running([ENTRY | {"modified_at": 0, "labels": ["critical"]}], state(0, "1", friendly_name="Attic"))
    assert rows["sensor.attic"].time_ns == 0  # as heard
    later = described(one, *answered("entities", [ENTRY | {"modified_at": 0, "platform": "new"}], LATER_NS))
    assert later["sensor.attic"].time_ns == LATER_NS


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [(52.5, -13.25, "52.5,-13.25"), (0, 6.5, "0,6.5"), (0, 0, None), (0.0, None, None), (None, None, None)],
)
def test_a_place_that_was_never_set_is_none(latitude: float | None, longitude: float | None, place: str | None) -> None:
    taken = stream().take([started(config={"latitude": latitude, "longitude": longitude})])
    assert taken.location is not None
    assert (taken.location.place, told(taken)) == (place, [])


def test_what_was_not_accepted_is_told_again() -> None:
    one = stream()
    messages: list[HomeMessage] = [started(), text(frame_of(change(1)))]
    first = one.take(messages)
    assert one.take(messages).records == first.records
    one.accept()
    assert told(one.take(messages)) == [("EventSkipped", "repeated")]


BAD_EVENTS: dict[str, Any] = {
    "no moment": {"new_state": {"entity_id": "a.b", "state": "1"}},
    "a moment that is none": {"new_state": {"entity_id": "a.b", "state": "1", "last_updated": "yesterday"}},
    "no time zone": {"new_state": {"entity_id": "a.b", "state": "1", "last_updated": "2026-01-01T00:00:00"}},
    "a state that is a number": {"new_state": {"entity_id": "a.b", "state": 1, "last_updated": "2026-01-01T00:00:00Z"}},
    "attributes that are a list": {
        "new_state": {"entity_id": "a.b", "state": "1", "last_updated": "2026-01-01T00:00:00Z", "attributes": [1]}
    },
    "no entity": {"entity_id": None, "new_state": None},
    "an entity that is a number": {"entity_id": 7, "new_state": None},
    "a state that is text": {"new_state": "on"},
}


@pytest.mark.parametrize("name", BAD_EVENTS)
def test_one_bad_event_never_costs_its_neighbours(name: str) -> None:
    bad = copy.deepcopy(change(2))
    bad["event"]["data"] |= BAD_EVENTS[name]
    taken = stream().take([text(frame_of(change(1), bad, change(3)))])
    assert states(taken) == ["1", "3"]
    assert told(taken) == [("EventsReceived", "2")]
    [raw] = [record for record in taken.records if isinstance(record, RawEvent)]
    assert (json.loads(raw.text), bool(raw.problem)) == (bad, True)


@pytest.mark.parametrize("place", ["new_state", "old_state", "time_fired"])
def test_a_time_without_an_offset_is_refused_and_leaves_nothing_behind(place: str) -> None:
    one, other = stream(), stream()
    bad = change(2, "2", old=state(1, "1"))
    where, name = (bad["event"], place) if place == "time_fired" else (bad["event"]["data"][place], "last_updated")
    where[name] = where[name].removesuffix("+00:00")
    before, behind = text(frame_of(change(1))), text(frame_of(change(3, "3", old=state(1, "1"))))
    [raw] = one.take([before, text(frame_of(bad))]).records[1:]
    assert isinstance(raw, RawEvent)
    assert "with a timezone component" in raw.problem
    one.accept()
    other.take([before])
    other.accept()
    assert one.take([started(), behind]) == other.take([started(), behind])


@pytest.mark.parametrize("year", ["0001", "1677", "2262", "9999"])
def test_a_time_that_no_database_holds_is_refused_and_the_next_change_follows(year: str) -> None:
    one = stream()
    bad, after = change(2), change(3, "3", old=state(2, "2"))
    for moment in (bad["event"]["data"]["new_state"], after["event"]["data"]["old_state"]):
        moment["last_updated"] = f"{year}-06-01T00:00:00+00:00"
    taken = one.take([started(), text(frame_of(change(1), bad, after))])
    assert [type(record) for record in taken.records if not isinstance(record, EntityRecord)] == [
        Event,
        RawEvent,
        Event,
    ]
    assert all(instants.FIRST_US <= last.at_us <= instants.LAST_US for _, last in one._entities.wanted())


def test_a_bad_event_gives_no_other_change_of_its_microsecond_the_place_of_one_that_was_captured() -> None:
    changes = [change(1, context=f"c{number}") for number in range(3)]
    changes[1]["event"]["data"]["new_state"]["attributes"] = [1]
    taken = stream().take([text(frame_of(*changes, changes[0]))])
    places = [record.time_ns for record in taken.records if isinstance(record, Event)]
    assert [place - places[0] for place in places] == [0, 1]
    assert told(taken) == [("EventsReceived", "2"), ("EventSkipped", "repeated")]


@pytest.mark.parametrize("garbage", ["", "{", "null", "[3]", "<html>", "\x00", "[" * 100_000, '{"type": 3}', "\udc80"])
def test_garbage_between_frames_is_counted_and_survived(garbage: str) -> None:
    taken = stream().take([text(frame_of(change(1))), text(garbage), text(frame_of(change(2)))])
    assert states(taken) == ["1", "2"]
    assert told(taken) == [("MessageIgnored", "malformed_frame"), ("EventsReceived", "2")]


def test_messages_of_unknown_types_are_counted_and_pongs_are_not() -> None:
    said = [{"type": "news", "id": 1}, {"type": "pong", "id": 2}, change(1)]
    other = change(2)
    other["event"]["event_type"] = "call_service"
    taken = stream().take([text(frame_of(*said, other))])
    assert told(taken) == [
        ("MessageIgnored", "unknown_message"),
        ("MessageIgnored", "unknown_message"),
        ("EventsReceived", "1"),
    ]


def test_registry_events_name_the_answers_that_are_stale() -> None:
    one = stream()
    assert one.take([text(frame("event_area_registry_updated_create"))]).stale == {"areas", "entities"}
    assert one.take([text(frame("event_entity_registry_updated_update"))]).stale == {"entities"}
    restarted = {"type": "event", "event": {"event_type": "core_config_updated", "time_fired": "2026-01-01T00:00:00Z"}}
    assert one.take([text(json.dumps(restarted))]).stale == set(SYNCHRONISING)
    assert one.take([]).stale == set()


def test_a_fresh_answer_is_learned_by_the_id_of_its_command() -> None:
    one = stream()
    one.take([started(), *answered("states", received("get_states")["result"])])
    one.accept()
    entity = received("config_entity_registry_list")["result"][9] | {"labels": [], "modified_at": 1_795_500_000.0}
    answer = {"type": "result", "id": 40, "success": True, "result": [entity]}
    taken = one.take([CommandSent(session=1, id=40, command="entities"), text(json.dumps(answer))])
    rows = [record for record in taken.records if isinstance(record, EntityRecord)]
    assert [(r.entity_id, r.labels) for r in rows if not r.removed] == [("sensor.lg_temp_f_0000", ())]


def test_an_answer_of_an_older_session_is_not_taken_for_a_new_one() -> None:
    one = stream()
    answer = {"type": "result", "id": 40, "success": True, "result": received("config_entity_registry_list")["result"]}
    messages: list[HomeMessage] = [CommandSent(session=1, id=40, command="entities"), started(2, entities=[])]
    assert one.take([*messages, text(json.dumps(answer))]).records == []


def test_answers_that_fail_or_can_not_be_read_leave_what_was_known() -> None:
    one = stream()
    one.take([started()])
    one.accept()
    failed = {"type": "result", "id": 41, "success": False, "error": {"code": "unauthorized", "message": "no"}}
    strange = {"type": "result", "id": 42, "success": True, "result": {"not": "a list"}}
    asked = [CommandSent(session=1, id=number, command="entities") for number in (41, 42)]
    taken = one.take([*asked, text(json.dumps([failed, strange]))])
    assert (taken.records, told(taken)) == ([], [("MessageIgnored", "command_failed")] * 2)
    broken = one.take([started(3, config={"latitude": "north"}, states={"no": "list"}, areas=None)])
    assert (broken.location, told(broken)) == (None, [("MessageIgnored", "command_failed")] * 3)
    nobody = one.take([started(4, states=[{"no": "id"}])])
    assert told(nobody) == [("MessageIgnored", "malformed_state")]


CREATED = {"action": "create", "entity_id": "sensor.attic"}
PLACED = [ENTRY | {"device_id": "d"}]
DEVICE = {"id": "d", "name": "Device", "area_id": "a"}


def registry_event(name: str, data: dict[str, Any], at_ns: int = 0) -> Frame:
    content = {"event_type": f"{name}_registry_updated", "data": data, "time_fired": "2026-11-23T08:20:39+00:00"}
    return Frame(session=1, received_at_ns=at_ns, text=json.dumps({"id": 2, "type": "event", "event": content}))


def new_entity(*, exclude: tuple[str, ...] = (), state_count: int = 2) -> tuple[Stream, list[HomeMessage]]:
    """Return a stream that knows no entity, and the messages as Home Assistant sends them of a new one."""
    one = stream(exclude=exclude)
    registries: dict[str, Any] = {name: [] for name in REGISTRIES}
    registries["areas"] = [{"area_id": "a", "name": "Under the roof"}]
    described(one, started(**registries), *answered("states", []))
    olds = [None, *(state(number, str(number)) for number in range(1, state_count))]
    changes = [text(frame_of(change(number, old=old))) for number, old in enumerate(olds, 1)]
    return one, [registry_event("device", {}), registry_event("entity", CREATED), *changes]


def events(one: Stream, *messages: HomeMessage, release: bool = False) -> list[tuple[str | None, str | None]]:
    """Return the state and the area of each event that the messages come to, taken twice."""
    one.take([*messages], release=release)
    records = one.take([*messages], release=release).records
    one.accept()
    return [(record.state, record.series.area) for record in records if isinstance(record, Event)]


def test_the_first_change_of_a_new_entity_waits_for_what_the_registries_say_of_it() -> None:
    one, messages = new_entity()
    assert [events(one, message) for message in messages] == [[], [], [], []]
    other = text(frame_of(change(3, entity_id="sensor.other", old=state(0, "0"))))
    assert events(one, other) == [("0", None), ("3", None)]  # nobody else waits
    assert events(one, *answered("devices", [DEVICE])) == []
    taken = one.take(answered("entities", PLACED))
    assert [record.entity_id for record in taken.records if isinstance(record, EntityRecord)] == ["sensor.attic"]
    one.accept()
    assert events(one, text(frame_of(change(4, old=state(2, "2"))))) == [("4", "Under the roof")]
    assert [record.series.area for record in taken.records if isinstance(record, Event)] == ["Under the roof"] * 2
    assert [fact for fact in taken.reports if isinstance(fact, facts.ChangesReceived)] == [
        facts.ChangesReceived(home="home", changes=2, links=2, broken=0)
    ]
    assert taken.notes == []


def test_a_new_entity_that_its_integration_leaves_out_leaves_its_first_change_out() -> None:
    one, messages = new_entity(exclude=("integration:demo",))
    assert events(one, *messages, *answered("devices", [DEVICE]), *answered("entities", PLACED)) == []
    one, messages = new_entity(exclude=("integration:other",))
    assert len(events(one, *messages, *answered("devices", [DEVICE]), *answered("entities", PLACED))) == 2


def failed(name: str) -> list[HomeMessage]:
    content = {"type": "result", "id": 78, "success": False, "error": {"code": "unknown_command", "message": "No."}}
    return [CommandSent(session=1, id=78, command=name), text(json.dumps(content))]


@pytest.mark.parametrize(
    ("behind", "release"),
    [
        ([*failed("entities"), *failed("devices")], False),
        (answered("states", [state(2, "2")]), False),
        ([started(2)], False),
        (answered("fence 1", None), False),
        ([registry_event("entity", CREATED, HELD_SECONDS * 10**9 + 1)], False),
        ([], True),
    ],
    ids=["refused", "the cut", "another session", "a fence", "no answer in time", "the end"],
)
def test_a_change_that_waits_is_not_lost_whatever_comes_instead(behind: list[HomeMessage], *, release: bool) -> None:
    one, messages = new_entity()
    assert events(one, *messages) == []
    assert events(one, *behind, release=release) == [("1", None), ("2", None)]
    assert events(one, release=True) == []


def test_what_the_user_excludes_is_skipped_and_counted_but_persons_still_count() -> None:
    one = stream(include=("sensor.*",), exclude=("*.attic",))
    messages = (change(1, "home", entity_id="person.a"), change(2), change(3, entity_id="sensor.cellar"))
    taken = one.take([text(frame_of(*messages))])
    assert [record.persons_home for record in taken.records if isinstance(record, Event)] == [1]
    assert told(taken) == [
        ("EventsReceived", "1"),
        ("EventSkipped", "not_included"),
        ("EventSkipped", "excluded_by_glob"),
    ]
    assert [fact.changes for fact in taken.reports if isinstance(fact, facts.ChangesReceived)] == [3]


@pytest.mark.parametrize(
    ("include", "exclude", "selected", "sentences"),
    [
        ((), (), 2, []),
        (("light.*", "lihgt.*"), (), 1, ["INCLUDE: lihgt.* matches none of the home's 2 entities"]),
        ((), ("*.attic",), 2, ["EXCLUDE: *.attic matches none of the home's 2 entities"]),
        ((), ("*",), 0, []),
        (("lihgt.*",), (), 0, ["INCLUDE: lihgt.* matches none of the home's 2 entities"]),
    ],
)
def test_what_the_user_selects_is_told_at_each_cut_and_a_slip_of_the_pen_once(
    include: tuple[str, ...], exclude: tuple[str, ...], selected: int, sentences: list[str]
) -> None:
    one = stream(include, exclude)
    present = [received("get_states")["result"][0] | {"entity_id": name} for name in ("light.a", "sensor.b")]
    answer = text(json.dumps({"id": 9, "type": "result", "success": True, "result": present}))
    for accepted, expected in ((False, sentences), (True, sentences), (True, [])):
        taken = one.take([started(), CommandSent(session=1, id=9, command="states"), answer])
        [counted] = [fact for fact in taken.reports if isinstance(fact, facts.EntitiesSelected)]
        assert (counted.entities, counted.selected, counted.level > INFO) == (2, selected, selected == 0)
        assert [fact.detail for fact in taken.reports if isinstance(fact, facts.Warned)] == expected
        if accepted:
            one.accept()


def test_what_the_user_selects_is_told_of_a_home_that_has_started_for_before_it_still_adds_entities() -> None:
    one = stream(include=("sensor.*",))
    config = received("get_config")["result"]
    zone = received("get_states")["result"][0] | {"entity_id": "zone.home"}
    taken = one.take([started(config=config | {"state": "NOT_RUNNING"}), *answered("states", [zone])])
    assert [fact for fact in taken.reports if isinstance(fact, facts.EntitiesSelected | facts.Warned)] == []
    one.accept()
    present = [zone, zone | {"entity_id": "sensor.attic"}]
    taken = one.take([*answered("config", config | {"state": "RUNNING"}), *answered("states", present)])
    assert [fact.selected for fact in taken.reports if isinstance(fact, facts.EntitiesSelected)] == [1]
    assert [fact for fact in taken.reports if isinstance(fact, facts.Warned)] == []


def test_long_details_are_cut() -> None:
    taken = stream().take([text("x" * 10_000_000)])
    assert [len(fact.detail) for fact in taken.reports if isinstance(fact, facts.MessageIgnored)] == [500]


def test_the_states_of_weather_entities_are_told_also_where_they_are_not_stored() -> None:
    one = stream(exclude=("weather.*",))
    home = state(1, "sunny") | {"entity_id": "weather.home"}
    assert one.take([text(frame_of(change(0, "rainy", entity_id="weather.home")))]).weather is None
    taken = one.take([started(states=[home])])
    assert {entity_id: said.state for entity_id, said in (taken.weather or {}).items()} == {"weather.home": "sunny"}
    one.accept()
    taken = one.take([text(frame_of(change(2, "rainy", entity_id="weather.home")))])
    assert {entity_id: said.state for entity_id, said in (taken.weather or {}).items()} == {"weather.home": "rainy"}
    assert one.take([text(frame_of(change(2, None, entity_id="weather.home")))]).weather == {}
    one.accept()
    assert one.take([text(frame(state_changes()[0]))]).weather is None


def test_a_label_leaves_its_entity_out_at_once_and_its_loss_brings_it_back() -> None:
    one = stream(exclude=("label:no history",))
    labels = [{"label_id": "no_history", "name": "No history"}]
    entity = received("config_entity_registry_list")["result"][0] | {"entity_id": "sensor.attic"}

    def learned(number: int, *had: str) -> tuple[HomeMessage, HomeMessage]:
        result = [entity | {"labels": list(had)}]
        told_now = {"id": number, "type": "result", "success": True, "result": result}
        return CommandSent(session=1, id=number, command="entities"), text(json.dumps(told_now))

    def stored(*messages: HomeMessage) -> list[str]:
        one.take([*messages])
        taken = one.take([*messages])
        one.accept()
        return [fact.code for fact in taken.reports if isinstance(fact, facts.EventSkipped)] or [
            type(record).__name__ for record in taken.records
        ]

    heard = [text(frame_of(change(second, str(second), entity_id="sensor.attic"))) for second in range(1, 4)]
    assert stored(started(labels=labels, entities=[entity]), heard[0])[-1] == "Event"
    assert stored(*learned(11, "no_history"), heard[1]) == ["excluded_by_label"]
    assert stored(*learned(12), heard[2])[-1] == "Event"


@pytest.mark.parametrize(
    ("told", "persons_home"), [({"state": "NOT_RUNNING"}, None), ({"recovery_mode": True}, None), ({}, 0)]
)
def test_of_a_home_that_starts_without_its_persons_nobody_knows_who_is_there(
    told: dict[str, Any], persons_home: int | None
) -> None:
    one, config = stream(), received("get_config")["result"]
    there = state(0, "0")
    one.take([started(config=config | told, states=[there]), *answered("states", [there])])
    one.accept()
    came = change(2, "home", entity_id="person.ada")
    taken = one.take([text(frame_of(change(1, old=there), came, change(3, old=state(1, "1"))))])
    heard = [record.persons_home for record in taken.records if isinstance(record, Event)]
    assert heard == [persons_home, 1, 1]


def test_who_is_at_home_is_right_from_the_first_change_on_whoever_moves_while_a_session_begins() -> None:
    home, session, one = SimulatedHome(entities=0, clock=lambda: START_NS / 1e9), Session("token"), stream()
    server = ServerSession(home, "token")
    persons, at_home, truth = [f"person.p{number}" for number in range(3)], set[str](), list[int]()
    heard: list[HomeMessage] = []

    def moved() -> list[Any]:
        """Let the next person come or go; return what the server says of it."""
        person = persons[len(truth) % len(persons)]
        at_home.symmetric_difference_update({person})
        truth.append(len(at_home))
        return server.event_messages(home.put(person, "home" if person in at_home else "not_home", {"n": len(truth)}))

    said: list[Any] = [server.greet()]
    while said:
        frame_ = json.dumps(said.pop(0))
        if session.is_at(Phase.SUBSCRIBING) or session.is_at(Phase.LIVE):
            heard.append(text(frame_))
        for asked in session.receive(frame_):
            said += [*moved(), *server.receive(asked), *moved()]
            if session.is_at(Phase.SUBSCRIBING) and not heard:
                results = session.results
                heard += [SessionStarted(session=1, at_ns=0, results=results)]
                heard += [CommandSent(session=1, id=session.cut_id, command="states")]
    for _ in range(5):
        heard += [text(json.dumps(message)) for message in moved()]
    live = [record for record in one.take(heard).records if isinstance(record, Event) and not record.late]
    assert len(live) > 5
    assert [event.persons_home for event in live] == truth[-len(live) :]
