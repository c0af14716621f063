"""The step that turns a state change into an event: identity, series, value, weather, presence.

It works in batches that are taken back until accepted: a crash between `begin` and `accept` leaves no trace, so that
the same batch done again gives the same events.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct

from ingestor.enrichment.presence import Presence
from ingestor.enrichment.series import Described, describe
from ingestor.enrichment.units import conversion
from ingestor.enrichment.values import value
from ingestor.homeassistant import wire
from ingestor.homeassistant.registry import Registry
from ingestor.model import instants
from ingestor.model.instants import LAST_US
from ingestor.model.records import CausedBy, Event, RawEvent, Watermark, WeatherObservation


class Known(Struct, frozen=True):
    """What is remembered of an entity: its last change's microsecond with the contexts seen in it, and its series."""

    at_us: int
    contexts: tuple[str, ...]
    described: Described


class Knowledge(Struct, frozen=True):
    """Everything that enrichment knows of a home, beside its entities; replaced as a whole."""

    registry: Registry
    presence: Presence


class Enricher:
    """Turns the changes of one home into events. Not safe to share between homes.

    `last_mark` tells an entity's last captured event, by home and entity id, as of an earlier process.
    """

    def __init__(
        self,
        home: str,
        weather: Callable[[], WeatherObservation | None],
        last_mark: Callable[[str, str], Watermark | None] = lambda _home, _entity_id: None,
        *,
        with_attributes: bool = True,
    ) -> None:
        self.knowledge = Knowledge(Registry(), Presence())
        self._home = home
        self._weather = weather
        self._last_mark = last_mark
        self._with_attributes = with_attributes
        self._entities: dict[str, Known] = {}
        self.begin()

    def begin(self) -> None:
        """Forget what was not accepted, and start a batch."""
        self.draft = self.knowledge
        self._changed: dict[str, Known] = {}
        self._observation = self._weather()

    def accept(self) -> None:
        """Make the batch's knowledge the enricher's own."""
        self.knowledge = self.draft
        self._entities.update(self._changed)
        self._changed = {}

    def learn_states(self, states: Mapping[str, str]) -> None:
        """Take the persons among these states, by entity id, as all the persons there are."""
        persons = {entity_id: state for entity_id, state in states.items() if entity_id.startswith("person.")}
        self.draft = Knowledge(self.draft.registry, Presence(persons))

    def learn_registry(self, registry: Registry) -> None:
        """Use these registries from the next change on."""
        self.draft = Knowledge(registry, self.draft.presence)

    def observe(self, entity_id: str, state: str | None) -> None:
        """Note a person's change, also of one that is not stored."""
        if entity_id.startswith("person."):
            self.draft = Knowledge(self.draft.registry, self.draft.presence.changed(entity_id, state))

    def last(self, entity_id: str) -> Watermark | None:
        """Return the entity's last captured event, of this process or of an earlier one."""
        known, mark = self._known(entity_id), self._last_mark(self._home, entity_id)
        at_ns = known.at_us * 1000 + len(known.contexts) - 1 if known else 0
        if known is None or (mark is not None and mark.removed and mark.at_ns > at_ns):
            return mark  # the latter is a removal that was refilled
        return Watermark(at_ns=at_ns, removed=False, series=known.described.series)

    def has_seen(self, entity_id: str, change: wire.Event) -> bool:
        """Return whether this very change is the entity's last, or one of its last in the same microsecond."""
        known, new = self._known(entity_id), change.data.new_state
        at = new.last_updated if new else change.time_fired
        return known is not None and known.at_us == instants.microseconds(at) and change.context.id in known.contexts

    def restore(self, entity_id: str, state: wire.State) -> Event:
        """Return the event of a state whose change was missed: without what only the change itself could tell."""
        at_us = instants.microseconds(state.last_updated)
        self.observe(entity_id, state.state)
        known = self._known(entity_id)
        data = wire.EventData(entity_id=entity_id, new_state=state)
        described = self._describe(entity_id, data, known.described if known else None)
        self._changed[entity_id] = Known(at_us, (state.context.id,), described)
        return Event(
            time_ns=at_us * 1000,
            series=described.series,
            state=state.state,
            value=value(described.series.domain, state.state, described.conversion),
            attributes=_text(state) if self._with_attributes else None,
            caused_by=_caused_by(state.context),
            late=True,
        )

    def _known(self, entity_id: str) -> Known | None:
        return self._changed.get(entity_id) or self._entities.get(entity_id)

    def enrich(self, entity_id: str, change: wire.Event) -> Event | None:
        """Return the event, or none for a change that was seen already."""
        old, new = change.data.old_state, change.data.new_state
        at_us = instants.microseconds(new.last_updated if new else change.time_fired)
        if abs(at_us) > LAST_US:
            raise ValueError(f"{new.last_updated if new else change.time_fired} is no time that a database can hold")
        known = self._known(entity_id)
        contexts: tuple[str, ...] = (change.context.id,)
        if known is not None and known.at_us == at_us:
            if change.context.id in known.contexts:
                return None
            contexts = (*known.contexts, change.context.id)
        self.observe(entity_id, new.state if new else None)
        described = self._describe(entity_id, change.data, known.described if known else None)
        self._changed[entity_id] = Known(at_us, contexts, described)
        return Event(
            time_ns=at_us * 1000 + len(contexts) - 1,
            series=described.series,
            state=new.state if new else None,
            value=value(described.series.domain, new.state, described.conversion) if new else None,
            previous_state=old.state if old else None,
            previous_duration_seconds=(at_us - instants.microseconds(old.last_updated)) / 1e6 if old else None,
            attributes=_text(new) if new and self._with_attributes else None,
            weather=self._observation,
            persons_home=self.draft.presence.persons_home,
            caused_by=_caused_by(change.context),
            removed=new is None,
        )

    def _describe(self, entity_id: str, data: wire.EventData, last: Described | None) -> Described:
        """Find the series; a removal and an unavailable state carry the tags last known of the entity."""
        source = data.new_state
        if source is None or source.state == "unavailable":
            last = last or self._remembered(entity_id)
            if last is not None:
                return last
            source = next((state for state in (data.old_state, source) if state), None)
        attributes = _text(source) if source else "{}"
        return describe(self._home, entity_id, attributes, self.draft.registry, last)

    def _remembered(self, entity_id: str) -> Described | None:
        mark = self._last_mark(self._home, entity_id)
        if mark is None:
            return None
        units = conversion(mark.series.unit, mark.series.device_class)
        return Described(mark.series, units, "", self.draft.registry)

    def raw(self, text: str, problem: str, received_at_ns: int, entity_id: str | None = None) -> RawEvent:
        """Return an event that could not be enriched, with what is known at this moment."""
        return RawEvent(
            home=self._home,
            received_at_ns=received_at_ns,
            text=text.encode("utf-8", "replace").decode(),
            problem=problem,
            area=self.draft.registry.area(entity_id) if entity_id else None,
            persons_home=self.draft.presence.persons_home,
            weather=self._observation,
        )


def _text(state: wire.State) -> str:
    return str(bytes(state.attributes), "utf-8")


def _caused_by(context: wire.Context) -> CausedBy:
    if context.user_id:
        return "user"
    return "automation" if context.parent_id else "device"
