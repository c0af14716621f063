"""What a home's messages mean: changes become events, answers become knowledge, the rest is counted. Pure.

Work is taken in batches, as in enrichment: `take` may be repeated until `accept`, with the same outcome.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import msgspec
from msgspec import Raw, Struct

from ingestor.enrichment.step import Enricher
from ingestor.homeassistant import wire
from ingestor.homeassistant.session import FENCE, REGISTRY_EVENTS
from ingestor.homeassistant.snapshot import Snapshot, read
from ingestor.live.chain import Chain
from ingestor.live.clock import Clock
from ingestor.live.frames import CommandSent, Frame, HomeMessage, SessionStarted
from ingestor.model.gaps import Note
from ingestor.model.records import EntityRecord, Event, Record
from metrics import facts
from metrics.codes import IgnoredCode, SkippedCode

_REGISTRIES = ("floors", "areas", "labels", "devices", "entities")
_DETAIL_CHARACTERS = 500


class Location(Struct, frozen=True):
    """Where the home is, in degrees, by Home Assistant's own configuration."""

    latitude: float
    longitude: float


@dataclass(slots=True)
class Taken:
    """What a batch of messages came to. `stale` names the answers to ask Home Assistant for again.

    `passed` are the fences whose answers came: everything that was sent before them is among the records.
    """

    records: list[Record] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    reports: list[facts.ServiceEvent] = field(default_factory=list)
    stale: set[str] = field(default_factory=set)
    location: Location | None = None


class Stream:
    """Reads the stream of one home. `wanted` says of an entity id whether its changes are stored."""

    def __init__(
        self, home: str, enricher: Enricher, wanted: Callable[[str], bool], chain: Chain | None = None
    ) -> None:
        self._home = home
        self._enricher = enricher
        self._wanted = wanted
        self._chain = chain or Chain(home)
        self._clock = Clock(home)
        self._asked: dict[int, str] = {}
        self._names: dict[str, str] = {}
        self._written: dict[str, EntityRecord] = {}
        self._begin()

    def take(self, messages: list[HomeMessage]) -> Taken:
        """Return what the messages come to, without remembering it yet."""
        self._begin()
        for message in messages:
            match message:
                case Frame():
                    self._frame(message)
                case CommandSent():
                    self._draft_asked[message.id] = message.command
                case SessionStarted():
                    self._draft_asked.clear()
                    self._learn(message.results)
                    self._chain.start(message)
                    self._clock.start()
        self._taken.notes = [*self._chain.notes(), *self._clock.notes]
        self._count_received()
        return self._taken

    def accept(self) -> None:
        """Remember what the last `take` learned."""
        self._enricher.accept()
        self._chain.accept()
        self._clock.accept()
        self._asked, self._names, self._written = self._draft_asked, self._draft_names, self._draft_written

    def _begin(self) -> None:
        self._enricher.begin()
        self._chain.begin()
        self._clock.begin()
        self._taken = Taken()
        self._draft_asked = dict(self._asked)
        self._draft_names = self._names
        self._draft_written = self._written
        self._skipped = dict.fromkeys(SkippedCode, 0)

    def _frame(self, frame: Frame) -> None:
        for place, message in enumerate(wire.decode(frame.text)):
            if isinstance(message, wire.Undecodable):
                self._undecodable(message, frame.received_at_ns)
            elif message.event is not None:
                self._event(message.event, frame, place)
            elif message.type == "result":
                self._answer(message, frame.received_at_ns)
            elif message.type != "pong":
                self._ignore(IgnoredCode.UNKNOWN_MESSAGE, f"type {message.type}")

    def _event(self, event: wire.Event, frame: Frame, place: int) -> None:
        if event.event_type == "state_changed":
            self._change(event, frame, place)
        elif event.event_type in REGISTRY_EVENTS:
            self._taken.stale.update(REGISTRY_EVENTS[event.event_type])
        else:
            self._ignore(IgnoredCode.UNKNOWN_MESSAGE, f"event {event.event_type}")

    def _change(self, event: wire.Event, frame: Frame, place: int) -> None:
        entity_id = event.data.entity_id
        try:
            if not isinstance(entity_id, str):
                raise TypeError("a state change without an entity")  # noqa: TRY301  it is dropped like any bad event
            if not self._wanted(entity_id):
                self._enricher.observe(entity_id, event.data.new_state.state if event.data.new_state else None)
                self._skipped[SkippedCode.FILTERED] += 1
                return
            data = event.data
            if not self._chain.follows(entity_id, data.old_state, data.new_state):
                self._mend(entity_id, event, frame.received_at_ns)
            if enriched := self._enricher.enrich(entity_id, event):
                self._taken.records.append(enriched)
                self._clock.read(enriched, frame.received_at_ns)
            else:
                self._skipped[SkippedCode.REPEATED] += 1
        except Exception:  # noqa: BLE001  one bad event never stops the stream; it goes on raw, with the traceback
            text, problem = wire.part(frame.text, place), traceback.format_exc(limit=-3)
            self._taken.records.append(self._enricher.raw(text, problem, frame.received_at_ns, str(entity_id)))

    def _mend(self, entity_id: str, event: wire.Event, now_ns: int) -> None:
        """Store the state before a change that does not follow the last captured one, and note the gap between."""
        if not self._enricher.has_seen(entity_id, event):
            self._miss(entity_id, event.data.old_state, now_ns)

    def _miss(self, entity_id: str, state: wire.State | None, now_ns: int) -> None:
        mark = self._enricher.last(entity_id)
        restored = self._enricher.restore(entity_id, state) if state else None
        if restored is not None:
            self._taken.records.append(restored)
        self._chain.miss(mark, entity_id, restored, now_ns)

    def _cut(self, snapshot: Snapshot, now_ns: int) -> None:
        """Compare everything captured with a snapshot that came behind the subscription."""
        present = snapshot.only(self._wanted)
        for entity_id in self._chain.cut(present, now_ns):
            self._miss(entity_id, present.get(entity_id), now_ns)

    def _answer(self, message: wire.Message, now_ns: int) -> None:
        name = self._draft_asked.pop(message.id or 0, None)
        if name is not None and message.success:
            if name.startswith(FENCE):
                self._taken.passed.append(name)
            self._learn({name: message.result}, now_ns)
        elif not message.success:
            reason = f"{message.error.code}: {message.error.message}" if message.error else "no reason given"
            self._ignore(IgnoredCode.COMMAND_FAILED, f"{name or 'a command'}: {reason}")

    def _learn(self, answers: Mapping[str, Raw], now_ns: int | None = None) -> None:
        """Take each answer that can be read; one that cannot leaves what was known. Without a time it is no cut."""
        for learn, names in ((self._learn_config, ("config",)), (partial(self._learn_states, now_ns), ("states",)),
                             (self._learn_registry, _REGISTRIES)):  # fmt: skip
            given = {name: answers[name] for name in names if name in answers}
            try:
                if given:
                    learn(given)
            except msgspec.MsgspecError as error:
                self._ignore(IgnoredCode.COMMAND_FAILED, f"{', '.join(given)}: {error}")

    def _learn_config(self, answers: Mapping[str, Raw]) -> None:
        self._taken.location = msgspec.json.decode(answers["config"], type=Location)

    def _learn_states(self, now_ns: int | None, answers: Mapping[str, Raw]) -> None:
        snapshot = read(answers["states"])
        for entity_id, problem in snapshot.unread.items():
            self._ignore(IgnoredCode.MALFORMED_STATE, f"{entity_id or 'a state without an entity'}: {problem}")
        self._enricher.learn_states({entity_id: state.state for entity_id, state in snapshot.items()})
        self._draft_names = self._names | snapshot.names
        if now_ns is not None:
            self._cut(snapshot, now_ns)

    def _learn_registry(self, answers: Mapping[str, Raw]) -> None:
        registry = self._enricher.draft.registry.updated(answers)
        self._enricher.learn_registry(registry)
        known = registry.records(self._home, self._draft_names)
        self._taken.records += [
            record
            for entity_id, record in known.items()
            if self._wanted(entity_id) and self._draft_written.get(entity_id) != record
        ]
        self._draft_written = known

    def _undecodable(self, message: wire.Undecodable, received_at_ns: int) -> None:
        if message.is_event:
            self._taken.records.append(self._enricher.raw(message.text, message.reason, received_at_ns))
        else:
            self._ignore(IgnoredCode.MALFORMED_FRAME, f"{message.reason} in {message.text}")

    def _ignore(self, code: IgnoredCode, detail: str) -> None:
        self._taken.reports.append(facts.MessageIgnored(home=self._home, code=code, detail=detail[:_DETAIL_CHARACTERS]))

    def _count_received(self) -> None:
        events = [record for record in self._taken.records if isinstance(record, Event)]
        if events:
            self._taken.reports.append(
                facts.EventsReceived(home=self._home, events=len(events), newest_ns=events[-1].time_ns)
            )
        if self._chain.links or self._chain.broken:
            self._taken.reports.append(
                facts.LinksChecked(home=self._home, links=self._chain.links, broken=self._chain.broken)
            )
        for code, number in self._skipped.items():
            if number:
                self._taken.reports.append(facts.EventSkipped(home=self._home, code=code, events=number))
