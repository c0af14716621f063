"""What was missed, as it travels from the live stream to the ledger. Times in `_us` are Unix microseconds, UTC."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct

from ingestor.model.records import Record, Series


class Interval(Struct, frozen=True, kw_only=True):
    """What was missed of one entity: everything behind `after_us`, up to and with the state of `until_us`.

    `after_us` is the last captured change, one of `captured` in its microsecond, or none; `was_absent` says that it was
    a removal. Without `until_us` the entity did not exist when the gap ended, and its first live event is the bound;
    `lacked_us` is when a snapshot lacked it, by Home Assistant's clock. `series` are the tags of what lies between,
    frozen; `until_series` those with which the last state was stored.
    """

    entity_id: str
    series: Series
    after_us: int | None = None
    captured: int = 0
    was_absent: bool = True
    until_us: int | None = None
    until_series: Series | None = None
    lacked_us: int | None = None


class GapFound(Struct, frozen=True, kw_only=True, tag=True):
    """Changes were missed. Several of these with one `gap` name its intervals; the one that is `whole` is the last.

    `from_us` is the last moment, by Home Assistant's clock, of which everything is known; `found_ns` is ours. `anchors`
    are captured changes close before it. Home Assistant has proved that it runs since `intact_since_us`.
    """

    gap: str
    home: str
    cause: str
    detail: str
    from_us: int
    found_ns: int
    intervals: tuple[Interval, ...] = ()
    whole: bool = False
    intact_since_us: int | None = None
    anchors: tuple[tuple[str, int], ...] = ()


class EntityReturned(Struct, frozen=True, kw_only=True, tag=True):
    """An entity that did not exist when the gap ended has had its first live event; what came before it was missed."""

    gap: str
    entity_id: str
    at_us: int


class ClockRead(Struct, frozen=True, kw_only=True, tag=True):
    """Home Assistant's clock is `lag_us` behind ours, or less, when ours is at `heard_ns`; negative when it is ahead.

    The first of a session `opens` it.
    """

    home: str
    heard_ns: int
    lag_us: int
    opens: bool


class LeftOut(Struct, frozen=True, kw_only=True, tag=True):
    """The user has left out these entities: from now on nothing is captured of them, and nothing is missed.

    `ended` are the times during which others were left out that are wanted again: they are not missed either.
    """

    home: str
    entity_ids: tuple[str, ...] = ()
    ended: tuple[Interval, ...] = ()


Note: TypeAlias = GapFound | EntityReturned | ClockRead | LeftOut
"""What the ledger must learn: kept in the transaction of the events that it is about, and never sent to the store."""

Kept: TypeAlias = Record | Note
"""What a home hands to the journal."""
