"""One batch of changes of a home: each is linked to the last captured one, mended where that is missing, and enriched.

A batch works on drafts, the one of the entities and a copy of what is known beside them: it may be thrown away and done
again. See `chain` for the proof, `Entities` for the memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from ingestor.enrichment.attributes import Attributes
from ingestor.enrichment.causes import TELLING, Causes
from ingestor.enrichment.event import Around, Change, describe_change, make_event
from ingestor.enrichment.presence import Presence
from ingestor.enrichment.series import described_as
from ingestor.homeassistant import wire
from ingestor.homeassistant.privacy import TEXTS, said, scrubbed
from ingestor.homeassistant.registry import Registry, Startup
from ingestor.homeassistant.snapshot import Snapshot
from ingestor.live.chain import Findings, Opening, close_gap, differs, follows, open_gap
from ingestor.live.entities import Entities, Last
from ingestor.live.frames import Frame, SessionStarted
from ingestor.model import instants
from ingestor.model.gaps import ClockRead
from ingestor.model.records import EntityRecord, Event, RawEvent, Record, WeatherObservation, bare_series
from metrics.codes import SkippedCode

_SPECIAL = (*TELLING, *TEXTS)
"""What the ids of entities begin with whose states tell something of others, or may be passwords."""


class Held(Struct, frozen=True):
    """A change that waits for what the registries say of its entity, with what was known when it came.

    `place` is that of its message in the frame.
    """

    event: wire.Event
    frame: Frame
    place: int
    presence: Presence
    causes: Causes


class Knowledge(Struct):
    """What is known of a home beside its entities. The values are replaced, never changed in place.

    `session` counts the sessions of this process, `opening` is the gap before the one whose cut has not come yet.
    `asked` are the commands under way by their ids, `written` the entity records as they were written last, `clock` the
    last note of this session's clock, `heard_us` the time of the last change heard in it, `weather` the states of Home
    Assistant's weather entities, none before the first snapshot; `unmatched` was told of the user's selection. While
    `startup` is not complete the home still adds entities. `awaited` are the registries that have changed since they
    answered, `held` the changes that wait for them.
    """

    registry: Registry
    presence: Presence
    causes: Causes
    session: int = 0
    opening: Opening | None = None
    asked: Mapping[int, str] = {}
    written: Mapping[str, EntityRecord] = {}
    clock: ClockRead | None = None
    heard_us: int | None = None
    unmatched: frozenset[str] = frozenset()
    weather: Mapping[str, wire.State] | None = None
    startup: Startup = Startup()
    awaited: frozenset[str] = frozenset()
    held: tuple[Held, ...] = ()


class Batch:
    """The changes of a batch, and what they come to: `records` to store, the `events` among them, `findings`.

    `links` counts the changes that were linked, `skipped` those that are not stored, `restored` the events that no
    change brought.
    """

    def __init__(
        self,
        home: str,
        entities: Entities,
        known: Knowledge,
        weather: WeatherObservation | None,
        wanted: Attributes,
    ) -> None:
        self.known = known
        self.records: list[Record] = []
        self.events: list[Event] = []
        self.findings = Findings(home)
        self.links = self.restored = 0
        self.skipped = Counter[SkippedCode]()
        self._home = home
        self._entities = entities
        self._wanted = wanted
        self._around = Around(weather, known.presence.persons_home, known.causes)

    def start(self, started: SessionStarted, loss: str | None) -> None:
        """Begin the gap before a session; `loss` says why not all that was captured is known."""
        self.known.session += 1
        self.known.opening = open_gap(
            started,
            self._home,
            self._entities.wanted(),
            self.known.heard_us,
            loss,
            fresh=not self._entities.any_captured,
        )

    def settle_in(self, presence: Presence, causes: Causes) -> None:
        """Use what is known of persons, automations and scripts from the next change on."""
        self.known.presence, self.known.causes = presence, causes
        self._around = replace(self._around, persons_home=presence.persons_home, causes=causes)

    def change(self, entity_id: str, event: wire.Event, now_ns: int) -> None:
        """Take a change: link, mend, enrich, remember. Raises whatever is wrong with it."""
        new, old, context = event.data.new_state, event.data.old_state, event.context
        at = event.time_fired if new is None else new.last_updated
        at_us = instants.microseconds(at)
        last = self._entities.get(entity_id)
        contexts: tuple[str, ...] = (context.id,)
        ordinal = 0
        if last is not None and last.at_us == at_us:
            if context.id in last.contexts:
                self.skipped[SkippedCode.REPEATED] += 1
                return
            contexts, ordinal = (*last.contexts, context.id), last.captured
        self.links += 1
        last = self._link(entity_id, last, event, at_us, now_ns)
        state, before = None if new is None else new.state, None if old is None else old.state
        if entity_id.startswith(_SPECIAL):
            self._observe(entity_id, new and replace(new, context=context))
            state, before = None if new is None else said(new), None if old is None else said(old)
        previous = None
        if old is not None and before is not None:
            is_last = last is not None and old.last_updated == last.at
            previous = before, last.at_us if last and is_last else instants.microseconds(old.last_updated)
        known = self.known
        described, kept = describe_change(
            self._home, entity_id, event.data, known.registry, None if last is None else last.described, self._wanted
        )
        made = make_event(Change(at_us, ordinal, state, kept, previous, context), described, self._around)
        self._entities.put(
            entity_id,
            Last(
                at_us=at_us,
                at=None if new is None else at,
                captured=ordinal + 1,
                described=described,
                contexts=contexts,
                session=known.session,
                absent_in=last.absent_in if last is not None and new is None else None,
            ),
        )
        self.records.append(made)
        self.events.append(made)

    def pass_over(self, entity_id: str, event: wire.Event) -> None:
        """Let the next change of an entity follow one that could not be read, and waits in the quarantine instead.

        `change` has failed for it.
        """
        new, last = event.data.new_state, self._entities.get(entity_id)
        at = event.time_fired if new is None else new.last_updated
        at_us = max(instants.FIRST_US, min(instants.LAST_US, instants.microseconds(at)))
        beside = last if last is not None and last.at_us == at_us else None
        passed = Last(
            at_us=at_us,
            at=None if new is None else at,
            captured=0 if beside is None else beside.captured,
            described=last.described if last else described_as(bare_series(self._home, entity_id)),
            contexts=() if beside is None else beside.contexts,
            session=self.known.session,
        )
        self._entities.put(entity_id, passed)

    def leave_out(self, entity_id: str, new: wire.State | None, reason: SkippedCode) -> None:
        """Take a change that is not wanted: of it only counts what it tells of others."""
        if entity_id.startswith(TELLING):
            self._observe(entity_id, new)
        self.remember_left_out([entity_id])
        self.skipped[reason] += 1

    def cut(self, snapshot: Snapshot, now_ns: int) -> None:
        """Compare everything captured with a snapshot that came behind the subscription; it ends the opening."""
        entities, opening = self._entities, self.known.opening
        present = snapshot.only(entities.wants)
        captured = dict(entities.wanted())
        if opening is not None:
            self.findings.add(close_gap(opening, present, captured.items(), now_ns))
        newest = max((state.last_updated for state in snapshot.values()), default=None)
        lacked_us = instants.to_us(now_ns)
        if newest is not None:  # Home Assistant serves before it has its first state
            lacked_us = min(instants.microseconds(newest), lacked_us)
        for entity_id in [*present, *(captured.keys() - present.keys())]:
            state, last = present.get(entity_id), entities.get(entity_id)
            if last is not None and last.left_out and state is not None:
                self._want_again(entity_id, last, state, instants.microseconds(state.last_updated))
            elif differs(last, state, opening, self.known.session):
                gap = self._miss(entity_id, last, state, now_ns, lacked_us=None if state else lacked_us)
                if state is None and last is not None:
                    entities.put(entity_id, replace(last, at=None, absent_in=gap))
        self.remember_left_out([*entities.unwanted(), *(of for of in snapshot if not entities.wants(of))])
        self.known.opening = None

    def raw(self, text: str, problem: str, received_at_ns: int, entity_id: str | None = None) -> None:
        """Keep an event that could not be read, with what is known at this moment."""
        registry = self.known.registry
        place = registry.place(entity_id or "")
        raw = RawEvent(
            home=self._home,
            received_at_ns=received_at_ns,
            text=scrubbed(text).encode("utf-8", "replace").decode(),
            problem=problem,
            area=place.area,
            floor=place.floor,
            device=place.device,
            integration=place.integration,
            temperature_unit=registry.temperature_unit,
            persons_home=self._around.persons_home,
            weather=self._around.weather,
        )
        self.records.append(raw)

    def _link(self, entity_id: str, last: Last | None, event: wire.Event, at_us: int, now_ns: int) -> Last | None:
        """Check the link to the last captured change; return the one before this change once it is mended."""
        old, new, opening = event.data.old_state, event.data.new_state, self.known.opening
        if last is not None and last.left_out:
            return self._want_again(entity_id, last, old, at_us)
        if last is not None and last.at is None and new is not None and last.absent_in:
            self.findings.returns(last.absent_in, entity_id, at_us)
        if not self.known.session or follows(last, old, before_the_cut=opening is not None):
            return last
        gap = self._miss(entity_id, last, old, now_ns, new)
        if gap and old is None and new is not None:
            self.findings.returns(gap, entity_id, at_us)
        return self._entities.get(entity_id)

    def _miss(
        self,
        entity_id: str,
        last: Last | None,
        state: wire.State | None,
        now_ns: int,
        created: wire.State | None = None,
        lacked_us: int | None = None,
    ) -> str | None:
        """Store the state before, if there is one, and note the gap up to it; return its name.

        Where there is none, the state with which an entity is `created` tells the tags of one never captured before; of
        one that a snapshot lacked, it says when.
        """
        if state is not None:
            restored = self._restore(entity_id, state, last)
            return self.findings.miss(entity_id, last, restored, restored.series, self.known.opening, now_ns)
        series = None
        if last is None and created is not None:
            data = wire.EventData(entity_id=entity_id, new_state=created)
            series = describe_change(self._home, entity_id, data, self.known.registry, None, self._wanted)[0].series
        return self.findings.miss(entity_id, last, None, series, self.known.opening, now_ns, lacked_us)

    def _want_again(self, entity_id: str, last: Last, state: wire.State | None, at_us: int) -> Last:
        """Begin afresh with an entity that was left out until `at_us`, or until the state before."""
        until_us = at_us - 1
        if state is not None and state.last_updated != last.at:
            until_us = self._restore(entity_id, state, last).at_us - 1
        self.findings.wanted_again(entity_id, last, until_us)
        begun = replace(self._entities.get(entity_id) or last, left_out=False)
        self._entities.put(entity_id, begun)
        return begun

    def _restore(self, entity_id: str, state: wire.State, last: Last | None) -> Event:
        """Store a state whose change was missed: without what only the change itself could tell."""
        at_us = instants.microseconds(state.last_updated)
        if entity_id.startswith(_SPECIAL):
            self._observe(entity_id, state)
        data = wire.EventData(entity_id=entity_id, new_state=state)
        described, kept = describe_change(
            self._home, entity_id, data, self.known.registry, None if last is None else last.described, self._wanted
        )
        change = Change(at_us, 0, said(state), kept, None, state.context, late=True)
        restored = make_event(change, described, Around(causes=self.known.causes))
        self._entities.put(
            entity_id,
            Last(
                at_us=at_us,
                at=state.last_updated,
                captured=1,
                described=described,
                contexts=(state.context.id,),
                session=0 if last is None else last.session,
            ),
        )
        self.records.append(restored)
        self.events.append(restored)
        self.restored += 1
        return restored

    def _observe(self, entity_id: str, new: wire.State | None) -> None:
        """Note where a person is, also one that is not stored, and what an automation or a script may be causing."""
        presence, causes = self.known.presence, self.known.causes
        if entity_id.startswith("person."):
            presence = presence.changed(entity_id, None if new is None else new.state)
        self.settle_in(presence, causes if new is None else causes.learned([new]))

    def remember_left_out(self, entity_ids: Iterable[str]) -> None:
        """Remember that these are not wanted, so that they begin afresh when they are.

        What rules say that go by registries is not known before there are some.
        """
        if self._entities.lacks_registry:
            return
        self.findings.leave_out(self._entities.leave_out(entity_ids, self._home))
