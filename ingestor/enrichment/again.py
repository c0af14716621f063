"""A raw event of the quarantine, done again with the code of today and what was known when it came."""

from __future__ import annotations

import msgspec

from ingestor.enrichment.step import Enricher
from ingestor.homeassistant import wire
from ingestor.model.errors import Rejected
from ingestor.model.records import Event, RawEvent
from metrics.codes import ErrorCode


def again(raw: RawEvent) -> Event:
    """Return the event. Raises `Rejected` when it can still not be decoded or enriched."""
    message = next(iter(wire.decode(raw.text)), None)
    if not isinstance(message, wire.Message) or message.event is None:
        reason = message.reason if isinstance(message, wire.Undecodable) else "it is no event"
        raise Rejected(f"it can still not be decoded: {reason}", code=ErrorCode.UNDECODABLE)
    enricher = Enricher(raw.home, lambda: raw.weather)
    try:
        event = enricher.enrich(str(message.event.data.entity_id), message.event)
    except Exception as error:
        raise Rejected(f"it can still not be enriched: {error}", code=ErrorCode.UNDECODABLE) from error
    if event is None:
        raise Rejected("it is no change", code=ErrorCode.UNDECODABLE)
    series = msgspec.structs.replace(event.series, area=raw.area)
    return msgspec.structs.replace(event, series=series, persons_home=raw.persons_home)
