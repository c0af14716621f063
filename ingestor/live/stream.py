"""What a home's messages mean: changes become events, answers become knowledge, the rest is counted. Pure.

Work is taken in batches: `take` may be repeated until `accept`, with the same outcome.

A new entity is registered, and has its first state, before the registries can be asked for it: its changes are held
back until they have answered, for `HELD_SECONDS` at most. So its first one has its area, or is left out as it should.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterable, Mapping
from copy import copy
from functools import partial

import msgspec
from msgspec import Raw, Struct

from ingestor.enrichment.attributes import Attributes
from ingestor.enrichment.causes import TELLING, Causes
from ingestor.enrichment.presence import Presence
from ingestor.enrichment.series import device_class
from ingestor.homeassistant import wire
from ingestor.homeassistant.privacy import scrubbed
from ingestor.homeassistant.registry import Registry, Startup
from ingestor.homeassistant.session import FENCE, REGISTRY_EVENTS
from ingestor.homeassistant.snapshot import read
from ingestor.live.batch import Batch, Held, Knowledge
from ingestor.live.clock import read_clock
from ingestor.live.described import described_entity
from ingestor.live.entities import Entities
from ingestor.live.frames import CommandSent, Frame, HomeMessage, SessionStarted
from ingestor.model import instants
from ingestor.model.gaps import ClockRead, Note
from ingestor.model.records import EntityRecord, Event, Record, Watermark, WeatherObservation
from ingestor.model.unreadable import UNREADABLE
from ingestor.weather.entity import DOMAIN
from ingestor.weather.observed import coordinates
from metrics import facts
from metrics.codes import IgnoredCode, WarningCode

_REGISTRIES = ("floors", "areas", "labels", "devices", "entities")
_DETAIL_CHARACTERS = 500
HELD_SECONDS = 5
MOST_HELD = 10_000


class Location(Struct, frozen=True):
    """Where the home is by Home Assistant's own configuration, in degrees: 0 or null where it was never set."""

    latitude: float | None = None
    longitude: float | None = None
    time_zone: str | None = None

    @property
    def place(self) -> str | None:
        """It as `latitude,longitude`; None where it was never set."""
        if self.latitude is None or self.longitude is None or not (self.latitude or self.longitude):
            return None
        return coordinates(self.latitude, self.longitude)


class Taken(Struct):
    """What a batch of messages came to. `stale` names the answers to ask Home Assistant for again.

    `passed` are the fences whose answers came: everything that was sent before them is among the records. `weather` has
    the states of all weather entities, if one of them has changed.
    """

    records: list[Record] = []
    notes: list[Note] = []
    passed: list[str] = []
    reports: list[facts.ServiceEvent] = []
    stale: set[str] = set()
    location: Location | None = None
    weather: Mapping[str, wire.State] | None = None


class Stream:
    """Reads the stream of one home.

    `weather` gives the present observation. `captured` gives how far earlier processes captured each entity, asked
    for with the first session; `loss` says why that is not all of it. `wanted` is what is stored of attributes.
    """

    def __init__(
        self,
        home: str,
        entities: Entities,
        weather: Callable[[], WeatherObservation | None] = lambda: None,
        captured: Callable[[], Iterable[Watermark]] = lambda: (),
        loss: Callable[[], str | None] = lambda: None,
        wanted: Attributes | None = None,
    ) -> None:
        self._home = home
        self._entities = entities
        self._weather = weather
        self._captured = captured
        self._loss = loss
        self._wanted = wanted or Attributes()
        self._known = Knowledge(Registry(), Presence(), Causes())
        self._begin()

    @property
    def persons(self) -> frozenset[str]:
        """The ids of all persons of the home."""
        return self._known.presence.persons

    @property
    def held(self) -> int:
        """How many changes are held back."""
        return len(self._known.held)

    def take(self, messages: list[HomeMessage], *, release: bool = False) -> Taken:
        """Return what the messages come to, without remembering it yet. With `release` nothing stays held back."""
        self._begin()
        for message in messages:
            match message:
                case Frame():
                    self._frame(message)
                case CommandSent():
                    self._draft.asked = {**self._draft.asked, message.id: message.command}
                case SessionStarted():
                    self._start(message)
        if release:
            self._release()
        self._draft.held = tuple(self._held)
        self._describe_changed()
        self._taken.records = self._batch.records
        self._taken.notes = [*self._batch.findings.notes(), *self._clock_notes]
        if self._draft.weather is not self._known.weather:
            self._taken.weather = self._draft.weather
        self._count()
        return self._taken

    def accept(self) -> None:
        """Remember what the last `take` learned."""
        self._entities.accept()
        self._known = self._draft

    def _begin(self) -> None:
        self._entities.begin()
        self._draft = copy(self._known)
        self._batch = Batch(self._home, self._entities, self._draft, self._weather(), self._wanted)
        self._clock_notes: list[ClockRead] = []
        self._changes = 0
        self._held = [*self._known.held]
        self._waiting = {one.event.data.entity_id for one in self._held}
        self._released = 0
        self._taken = Taken()

    def _start(self, started: SessionStarted) -> None:
        self._release()
        self._draft.asked, self._draft.clock, self._draft.awaited = {}, None, frozenset()
        self._learn(started.results)
        loss = None
        if not self._draft.session:
            loss = self._loss()
            self._entities.load(self._captured())
        self._batch.start(started, loss)
        self._draft.heard_us = None

    def _frame(self, frame: Frame) -> None:
        if self._held:
            waited_ns = frame.received_at_ns - self._held[0].frame.received_at_ns
            if waited_ns > HELD_SECONDS * instants.SECOND_NS or len(self._held) > MOST_HELD:
                self._release()
        events = self._batch.events
        already = len(events)
        for place, message in enumerate(wire.decode(frame.text)):
            if isinstance(message, wire.Undecodable):
                self._undecodable(message, frame.received_at_ns)
            elif message.event is not None:
                self._event(message.event, frame, place)
            elif message.type == "result":
                self._answer(message, frame.received_at_ns)
            elif message.type != "pong":
                self._ignore(IgnoredCode.UNKNOWN_MESSAGE, f"type {message.type}")
        if len(events) > (already := max(already, self._released)):
            self._read_clock(events[already:], frame.received_at_ns)

    def _event(self, event: wire.Event, frame: Frame, place: int) -> None:
        if event.event_type == "state_changed":
            if self._draft.awaited and self._waits(event):
                known = self._draft
                self._held.append(Held(event, frame, place, known.presence, known.causes))
                self._waiting.add(event.data.entity_id)
            else:
                self._change(event, frame, place)
        elif event.event_type in REGISTRY_EVENTS:
            stale = REGISTRY_EVENTS[event.event_type]
            self._taken.stale.update(stale)
            self._draft.awaited |= {*stale} & {*_REGISTRIES}
            old, new = event.data.old_entity_id, event.data.entity_id
            if isinstance(old, str) and isinstance(new, str):
                self._draft.registry = self._draft.registry.renamed(old, new)
                self._entities.know(self._draft.registry)
        else:
            self._ignore(IgnoredCode.UNKNOWN_MESSAGE, f"event {event.event_type}")

    def _waits(self, event: wire.Event) -> bool:
        """Return whether a change is the first one of an entity that the registries may tell of soon, or behind it."""
        entity_id = event.data.entity_id
        if not isinstance(entity_id, str) or entity_id.startswith(TELLING):
            return False
        is_first = event.data.old_state is None and not self._draft.registry.knows(entity_id)
        return is_first or entity_id in self._waiting

    def _release(self) -> None:
        """Take the changes that were held back, as what was known then of persons and causes has it."""
        held, self._held = self._held, []
        if not held:
            return
        self._waiting.clear()
        presence, causes = self._draft.presence, self._draft.causes
        for one in held:
            self._batch.settle_in(one.presence, one.causes)
            self._change(one.event, one.frame, one.place)
        self._batch.settle_in(presence, causes)
        self._released = len(self._batch.events)

    def _change(self, event: wire.Event, frame: Frame, place: int) -> None:
        """Take a change; one that fails never stops the stream: it goes on raw, with the traceback."""
        entity_id = event.data.entity_id
        self._changes += 1
        try:
            if not isinstance(entity_id, str):
                raise TypeError("a state change without an entity")  # noqa: TRY301  it is dropped like any bad event
            new, entities = event.data.new_state, self._entities
            if entity_id.startswith(DOMAIN):
                self._observe_weather(entity_id, new)
            if new is not None and entities.selection.needs_device_class:
                entities.classify(entity_id, device_class(new.attributes))
            reason = entities.why_not(entity_id)
            if reason is None:
                self._batch.change(entity_id, event, frame.received_at_ns)
            else:
                self._batch.leave_out(entity_id, new, reason)
        except Exception:  # noqa: BLE001  one bad event never stops the stream
            text, problem = wire.part(frame.text, place), traceback.format_exc(limit=-3)
            self._batch.raw(text, problem, frame.received_at_ns, str(entity_id))
            if isinstance(entity_id, str):
                self._batch.pass_over(entity_id, event)

    def _observe_weather(self, entity_id: str, new: wire.State | None) -> None:
        """Note the state of a weather entity, also of one that is not stored; a snapshot comes before it."""
        if self._draft.weather is not None:
            others = {of: state for of, state in self._draft.weather.items() if of != entity_id}
            self._draft.weather = others if new is None else others | {entity_id: new}

    def _answer(self, message: wire.Message, now_ns: int) -> None:
        name = self._draft.asked.get(message.id or 0)
        if name is not None:
            self._draft.asked = {of: command for of, command in self._draft.asked.items() if of != message.id}
        self._draft.awaited -= {name}
        if name is not None and message.success:
            if name.startswith(FENCE):
                self._release()
                self._taken.passed.append(name)
            self._learn({name: message.result}, now_ns)
        elif not message.success:
            reason = f"{message.error.code}: {message.error.message}" if message.error else "no reason given"
            self._ignore(IgnoredCode.COMMAND_FAILED, f"{name or 'a command'}: {reason}")
        if name in _REGISTRIES and not self._draft.awaited:
            self._release()
            if self._heard_cut:
                self._describe_all(now_ns)

    def _learn(self, answers: Mapping[str, Raw], now_ns: int | None = None) -> None:
        """Take each answer that can be read; one that cannot leaves what was known. Without a time it is no cut."""
        for learn, names in ((self._learn_config, ("config",)), (partial(self._learn_states, now_ns), ("states",)),
                             (self._learn_registry, _REGISTRIES)):  # fmt: skip
            given = {name: answers[name] for name in names if name in answers}
            try:
                if given:
                    learn(given)
            except UNREADABLE as error:
                self._ignore(IgnoredCode.COMMAND_FAILED, f"{', '.join(given)}: {error}")

    def _learn_config(self, answers: Mapping[str, Raw]) -> None:
        self._draft.registry = self._draft.registry.updated(answers)
        self._draft.startup = msgspec.json.decode(answers["config"], type=Startup)
        self._taken.location = msgspec.json.decode(answers["config"], type=Location)

    def _learn_states(self, now_ns: int | None, answers: Mapping[str, Raw]) -> None:
        snapshot = read(answers["states"])
        if now_ns is not None:
            self._release()
        for entity_id, problem in snapshot.unread.items():
            self._ignore(IgnoredCode.MALFORMED_STATE, f"{entity_id or 'a state without an entity'}: {problem}")
        persons = {entity_id: one.state for entity_id, one in snapshot.items() if entity_id.startswith("person.")}
        telling = [one for entity_id, one in snapshot.items() if entity_id.startswith(TELLING)]
        is_known = persons or self._draft.startup.is_complete  # while it starts they come after others
        self._batch.settle_in(Presence(persons if is_known else None), self._draft.causes.learned(telling))
        self._draft.weather = {entity_id: one for entity_id, one in snapshot.items() if entity_id.startswith(DOMAIN)}
        if self._entities.selection.needs_device_class:
            for entity_id, state in snapshot.items():
                self._entities.classify(entity_id, device_class(state.attributes))
        if now_ns is not None:
            if self._draft.startup.is_complete:  # once it is, it is asked for all of this again
                self._tell_selected(snapshot.keys())
            self._batch.cut(snapshot, now_ns)
            self._describe_all(now_ns)

    def _tell_selected(self, entity_ids: Collection[str]) -> None:
        selected = sum(map(self._entities.wants, entity_ids))
        report, told = self._taken.reports.append, self._draft.unmatched
        report(facts.EntitiesSelected(home=self._home, entities=len(entity_ids), selected=selected))
        self._draft.unmatched = told | set(self._entities.unmatched(entity_ids) if entity_ids else ())
        for sentence in sorted(self._draft.unmatched - told):
            report(facts.Warned(code=WarningCode.SELECTION, detail=sentence))

    def _learn_registry(self, answers: Mapping[str, Raw]) -> None:
        if self._draft.startup.recovery_mode:  # it answers as if it had none
            return
        self._draft.registry = registry = self._draft.registry.updated(answers)
        if self._entities.know(registry):
            self._batch.remember_left_out([*self._entities.unwanted()])

    @property
    def _heard_cut(self) -> bool:
        """Whether it is known which entities there are; what is said of them waits for that."""
        return self._draft.session > 0 and self._draft.opening is None

    def _describe_all(self, now_ns: int) -> None:
        heard = [entity_id for entity_id, _ in self._entities.wanted()]
        named = self._draft.registry.entity_ids | self._draft.written.keys() | set(heard)
        self._describe(named, now_ns, may_be_gone=self._draft.startup.is_complete)

    def _describe_changed(self) -> None:
        """Say anew what changes tell of their entities: that one is there, is named otherwise, or is gone."""
        if not self._heard_cut:
            return
        for event in self._batch.events:
            written = self._draft.written.get(event.series.entity_id)
            if (
                written is None
                or event.removed != written.removed
                or event.series.friendly_name != written.friendly_name
            ):
                self._describe([event.series.entity_id], event.time_ns, may_be_gone=True)

    def _describe(self, entity_ids: Iterable[str], now_ns: int, *, may_be_gone: bool) -> None:
        written, entities, registry = self._draft.written, self._entities, self._draft.registry
        new: dict[str, EntityRecord] = {}
        for entity_id in filter(entities.wants, entity_ids):
            last, before = entities.get(entity_id), written.get(entity_id)
            record = described_entity(self._home, entity_id, registry, last, before, now_ns)
            if record is not None and (may_be_gone or not record.removed):
                new[entity_id] = record
        if new:
            self._batch.records += new.values()
            self._draft.written = {**written, **new}

    def _read_clock(self, events: Iterable[Event], heard_ns: int) -> None:
        times_ns = [event.time_ns for event in events if not event.late]
        if not times_ns:
            return
        self._draft.heard_us = instants.to_us(times_ns[-1])
        note = read_clock(self._home, self._draft.clock, max(times_ns), heard_ns)
        if note is not None:
            self._draft.clock = note
            self._clock_notes.append(note)

    def _undecodable(self, message: wire.Undecodable, received_at_ns: int) -> None:
        if message.is_event:
            self._changes += 1
            self._batch.raw(message.text, message.reason, received_at_ns)
        else:
            self._ignore(IgnoredCode.MALFORMED_FRAME, f"{message.reason} in {scrubbed(message.text)}")

    def _ignore(self, code: IgnoredCode, detail: str) -> None:
        self._taken.reports.append(facts.MessageIgnored(home=self._home, code=code, detail=detail[:_DETAIL_CHARACTERS]))

    def _count(self) -> None:
        batch, report, home = self._batch, self._taken.reports.append, self._home
        links, broken = batch.links, batch.findings.broken
        if self._changes or broken:
            report(facts.ChangesReceived(home=home, changes=self._changes, links=links, broken=broken))
        if events := batch.events:
            newest_ns = events[-1].time_ns
            report(facts.EventsReceived(home=home, events=len(events), newest_ns=newest_ns, restored=batch.restored))
        for code, number in batch.skipped.items():
            report(facts.EventSkipped(home=home, code=code, events=number))
