"""A raw event of the quarantine, enriched again with the code of today and what was known when it came."""

from __future__ import annotations

from ingestor.enrichment.attributes import Attributes
from ingestor.enrichment.event import Around, Change, describe_change, make_event
from ingestor.homeassistant import wire
from ingestor.homeassistant.privacy import said
from ingestor.homeassistant.registry import Place, Registry
from ingestor.model import instants
from ingestor.model.errors import Rejected
from ingestor.model.records import Event, RawEvent
from metrics.codes import ErrorCode


def again(raw: RawEvent, wanted: Attributes) -> Event:
    """Return the event. Raises `Rejected` when it still cannot be decoded or enriched."""
    message = next(iter(wire.decode(raw.text)), None)
    if not isinstance(message, wire.Message) or message.event is None:
        reason = message.reason if isinstance(message, wire.Undecodable) else "it is no event"
        raise Rejected(f"it still cannot be decoded: {reason}", code=ErrorCode.UNDECODABLE)
    try:
        event = _event(raw, message.event, wanted)
    except Exception as error:
        raise Rejected(f"it still cannot be enriched: {error}", code=ErrorCode.UNDECODABLE) from error
    return event


class _AsItWas(Registry):
    """What was known of the one entity when the event came."""

    def __init__(self, raw: RawEvent) -> None:
        super().__init__()
        self._was = Place(area=raw.area, floor=raw.floor, device=raw.device, integration=raw.integration)
        self.temperature_unit = raw.temperature_unit

    def place(self, _entity_id: str) -> Place:
        return self._was


def _event(raw: RawEvent, event: wire.Event, wanted: Attributes) -> Event:
    old, new = event.data.old_state, event.data.new_state
    described, kept = describe_change(raw.home, str(event.data.entity_id), event.data, _AsItWas(raw), None, wanted)
    at_us = instants.microseconds(event.time_fired if new is None else new.last_updated)
    previous = None if old is None else (said(old), instants.microseconds(old.last_updated))
    state = None if new is None else said(new)
    change = Change(at_us, 0, state, kept, previous, event.context)
    return make_event(change, described, Around(raw.weather, raw.persons_home))
