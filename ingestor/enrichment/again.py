"""A raw event of the quarantine, enriched again with the code of today and what was known when it came."""

from __future__ import annotations

import msgspec

from ingestor.enrichment.event import Around, Change, describe_change, make_event
from ingestor.homeassistant import wire
from ingestor.homeassistant.registry import Registry
from ingestor.model import instants
from ingestor.model.errors import Rejected
from ingestor.model.records import Event, RawEvent
from metrics.codes import ErrorCode


def again(raw: RawEvent) -> Event:
    """Return the event. Raises `Rejected` when it still cannot be decoded or enriched."""
    message = next(iter(wire.decode(raw.text)), None)
    if not isinstance(message, wire.Message) or message.event is None:
        reason = message.reason if isinstance(message, wire.Undecodable) else "it is no event"
        raise Rejected(f"it still cannot be decoded: {reason}", code=ErrorCode.UNDECODABLE)
    try:
        event = _event(raw, message.event)
    except Exception as error:
        raise Rejected(f"it still cannot be enriched: {error}", code=ErrorCode.UNDECODABLE) from error
    return msgspec.structs.replace(event, series=msgspec.structs.replace(event.series, area=raw.area))


def _event(raw: RawEvent, event: wire.Event) -> Event:
    old, new = event.data.old_state, event.data.new_state
    described, attributes = describe_change(raw.home, str(event.data.entity_id), event.data, Registry(), None)
    at_us = instants.microseconds(event.time_fired if new is None else new.last_updated)
    previous = None if old is None else (old.state, instants.microseconds(old.last_updated))
    state = None if new is None else new.state
    change = Change(at_us, 0, state, attributes, previous, event.context)
    return make_event(change, described, Around(raw.weather, raw.persons_home))
