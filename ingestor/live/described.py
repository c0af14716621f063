"""What is written of an entity when it was found, changed, renamed, disabled or removed. Pure.

    in the registry             what the registry says, and the friendly name of its last state
    a state only                its names; at the time of the state that told them first
    it was there, and is gone   what was known of it, and `removed`

A row is written whole, and only when it says something else than the one before. Its time is when that was modified, so
that another process writes the same row again; where Home Assistant does not tell it, it is when it was heard.
"""

from __future__ import annotations

from msgspec.structs import replace

from ingestor.homeassistant.registry import Registry
from ingestor.live.entities import Last
from ingestor.model import instants
from ingestor.model.records import EntityRecord


def described_entity(
    home: str, entity_id: str, registry: Registry, last: Last | None, before: EntityRecord | None, now_ns: int
) -> EntityRecord | None:
    """Return what has to be written of an entity after what was written `before`; None where that is nothing new."""
    name = None if last is None else last.described.series.friendly_name
    record = registry.record(home, entity_id, name) or _unregistered(home, entity_id, last, before)
    if record is None or (before is not None and replace(before, time_ns=record.time_ns) == record):
        return None
    modified = record.time_ns > (0 if before is None else before.time_ns)  # core before 2024.8 does not say when
    return record if modified and not record.removed else replace(record, time_ns=max(record.time_ns, now_ns))


def _unregistered(home: str, entity_id: str, last: Last | None, before: EntityRecord | None) -> EntityRecord | None:
    if last is not None and last.at is not None:
        if before is not None and before.registry_id and not before.removed:
            return None  # its state goes after its entry does: that is a removal, or it is renamed
        return _heard(home, entity_id, last)
    if before is not None:
        return replace(before, removed=True)
    if last is not None and last.absent_in:
        return replace(_heard(home, entity_id, last), removed=True)
    return None


def _heard(home: str, entity_id: str, last: Last) -> EntityRecord:
    series = last.described.series
    return EntityRecord(
        time_ns=instants.to_ns(last.at_us),
        home=home,
        entity_id=entity_id,
        domain=series.domain,
        friendly_name=series.friendly_name,
    )
