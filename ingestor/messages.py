"""What crosses a channel inside the service. Times in `_ns` are Unix nanoseconds, UTC.

Records hold values only and so never a cycle: the garbage collector need not look at them (`gc=False`), which makes
reading them back four times as fast.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Raw, Struct

CausedBy: TypeAlias = Literal["user", "automation", "device"]


class Series(Struct, frozen=True, kw_only=True, gc=False):
    """The tags of an event: what it is about. An absent tag is unknown. `unit` is the canonical one."""

    home: str
    entity_id: str
    domain: str
    device_class: str | None = None
    state_class: str | None = None
    area: str | None = None
    friendly_name: str | None = None
    unit: str | None = None


class WeatherObservation(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """The weather at a place: degrees Celsius, percent, hectopascal; `observed_at` in Unix seconds by its provider."""

    location: str
    temperature: float | None = None
    humidity: float | None = None
    pressure: float | None = None
    condition: str | None = None
    observed_at: int


class Event(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """One state change, enriched. Its time and its series are fixed here, once, and written again unchanged.

    `time_ns` is Home Assistant's `last_updated` (for a removal: when it fired). `state` is absent only on a removal.
    `value` is finite. `attributes` is the original JSON text. `previous_duration_seconds` is the time from the entity's
    previous event to this one. `late` is not stored: the change was missed, and its age says nothing of our speed.
    """

    time_ns: int
    series: Series
    state: str | None = None
    value: float | None = None
    previous_state: str | None = None
    previous_duration_seconds: float | None = None
    attributes: str | None = None
    weather: WeatherObservation | None = None
    persons_home: int | None = None
    caused_by: CausedBy | None = None
    removed: bool = False
    late: bool = False


class EntityRecord(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """What the registries say of an entity, written on change. `labels` are label names, sorted."""

    time_ns: int
    home: str
    entity_id: str
    domain: str
    friendly_name: str | None = None
    device: str | None = None
    area: str | None = None
    floor: str | None = None
    labels: tuple[str, ...] = ()
    integration: str | None = None


class Statistic(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """What Home Assistant's long-term statistics say of one hour; `time_ns` is its start.

    `entity_id` is the statistic's own id, which need not be an entity's. Numbers are finite and in the canonical unit.
    """

    time_ns: int
    home: str
    entity_id: str
    source: str
    unit: str | None = None
    mean: float | None = None
    min: float | None = None
    max: float | None = None
    sum: float | None = None
    state: float | None = None


class StoreMark(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """Says in the store itself how much it had confirmed: the number of the newest batch, and when."""

    time_ns: int
    home: str
    batch: int


class RawEvent(Struct, frozen=True, kw_only=True, tag=True, gc=False):
    """An event that our own code could not decode or enrich: the message as it came, and what went wrong.

    What enrichment knew at that moment is kept beside it, so that it can be done again once the code is mended.
    """

    home: str
    received_at_ns: int
    text: str
    problem: str
    area: str | None = None
    persons_home: int | None = None
    weather: WeatherObservation | None = None


Point: TypeAlias = Event | EntityRecord | WeatherObservation | Statistic | StoreMark
"""What a store takes."""

Record: TypeAlias = Point | RawEvent
"""What the service keeps until it is in the store, or in the quarantine."""


class Watermark(Struct, frozen=True, kw_only=True):
    """An entity's last captured event: its time (see `Event.time_ns`), its tags, and whether it was a removal."""

    at_ns: int
    removed: bool
    series: Series


class Interval(Struct, frozen=True, kw_only=True):
    """What was missed of one entity: everything behind `after_us`, up to and with the state of `until_us`.

    `after_us` is the last captured change, one of `captured` in its microsecond, or none; `was_absent` says that it was
    a removal. Without `until_us` the entity did not exist when the gap ended, and its first live event is the bound.
    `series` are the tags of what lies between, frozen; `until_series` those with which the last state was stored.
    """

    entity_id: str
    series: Series
    after_us: int | None = None
    captured: int = 0
    was_absent: bool = True
    until_us: int | None = None
    until_series: Series | None = None


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


Note: TypeAlias = GapFound | EntityReturned | ClockRead
"""What the ledger must learn: kept in the transaction of the events that it is about, and never sent to the store."""

Kept: TypeAlias = Record | Note
"""What a home hands to the journal."""


class SessionStarted(Struct, frozen=True, kw_only=True):
    """A socket has logged in and subscribed; `results` are Home Assistant's answers by the name of the command.

    The names are those of `homeassistant.session.SYNCHRONISING`; a command that was refused is absent. `cause` and
    `detail` say why there was no session before.
    """

    session: int
    at_ns: int
    results: dict[str, Raw]
    cause: str = "service_down"
    detail: str = ""


class CommandSent(Struct, frozen=True, kw_only=True):
    """The answer with this id, in this session's frames, is that of this command."""

    session: int
    id: int
    command: str


class Frame(Struct, frozen=True, kw_only=True):
    """One text frame as Home Assistant sent it: a JSON object, or an array of them."""

    session: int
    received_at_ns: int
    text: str


HomeMessage: TypeAlias = SessionStarted | CommandSent | Frame
