"""What the service reports of itself: facts in the past tense. Only this package makes metrics and log lines of them.

Every label is bounded: a home, a code, the id of a child; never an entity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

from msgspec import Struct

from supervisors import SupervisorEvent


class FramesReceived(Struct, frozen=True, kw_only=True):
    """Text frames came from a home's socket."""

    home: str
    frames: int
    size_bytes: int


class EventsReceived(Struct, frozen=True, kw_only=True):
    """State changes of a home were decoded and enriched."""

    home: str
    events: int
    newest_ns: int


class MessageIgnored(Struct, frozen=True, kw_only=True):
    """A message that we do not understand was skipped, or one state of a snapshot.

    `code`: malformed_frame, malformed_state, unknown_message, command_failed.
    """

    home: str
    code: str
    detail: str


class EventSkipped(Struct, frozen=True, kw_only=True):
    """An event was left out on purpose; `code`: filtered, repeated."""

    home: str
    code: str
    events: int = 1


class SessionOpened(Struct, frozen=True, kw_only=True):
    """A home's socket logged in and subscribed."""

    home: str
    session: int
    version: str


class SessionClosed(Struct, frozen=True, kw_only=True):
    """A home's open session ended; `code`: closed, ping_timeout, oversized_frame, protocol, paused, shutdown."""

    home: str
    session: int
    code: str
    detail: str


class ConnectFailed(Struct, frozen=True, kw_only=True):
    """A home could not be reached or refused the token; the next try comes after `retry_seconds`."""

    home: str
    code: str
    detail: str
    retry_seconds: float


class LinksChecked(Struct, frozen=True, kw_only=True):
    """Changes were compared with the last captured ones before them; `broken` did not follow: something was missed."""

    home: str
    links: int
    broken: int


class GapsNoted(Struct, frozen=True, kw_only=True):
    """The ledger took in gaps with this cause, or more of those it had: `new` were not there before."""

    home: str
    cause: str
    new: int
    entities: int


class IntervalsSettled(Struct, frozen=True, kw_only=True):
    """The recorder was asked: `refilled` changes were captured, `listed` times of an entity are incomplete for good."""

    home: str
    refilled: int
    listed: int


class GapSettled(Struct, frozen=True, kw_only=True):
    """A gap is no longer open; `state`: filled, partly, tail_unproven."""

    home: str
    state: str
    cause: str
    refilled: int
    detail: str


class BackfillEnded(Struct, frozen=True, kw_only=True):
    """History was imported: changes, and hours of statistics; `state`: done, failed."""

    home: str
    state: str
    imported: int
    statistics: int
    detail: str


class GapsHeld(Struct, frozen=True, kw_only=True):
    """The ledger holds now so many gaps, by state; `listed` intervals are known to be incomplete for good."""

    states: dict[str, int]
    listed: int


class RefillFailed(Struct, frozen=True, kw_only=True):
    """The recorder can not be asked; gaps stay open; `code`: unreachable, closed, unknown_command, unauthorized ..."""

    home: str
    code: str
    detail: str
    retry_seconds: float


class RefillReady(Struct, frozen=True, kw_only=True):
    """The recorder answered, and had committed everything."""

    home: str


class AuditDone(Struct, frozen=True, kw_only=True):
    """The store was compared with the recorder: what it lacked was refilled, or is accounted for in the quarantine."""

    home: str
    compared: int
    refilled: int
    accounted: int


class AuditFailed(Struct, frozen=True, kw_only=True):
    """An audit could not be done; it is tried again after `retry_seconds`, unless a user asked for it.

    `code` is as in `RefillFailed`, or pending.
    """

    home: str
    code: str
    detail: str
    retry_seconds: float | None


class RecordsSpooled(Struct, frozen=True, kw_only=True):
    """The spool holds now this much that the store has not confirmed."""

    pending_events: int
    pending_bytes: int
    maximum_bytes: int


class RecordsDropped(Struct, frozen=True, kw_only=True):
    """Records are gone for good, counted once; `reason`: spool_damaged, shutdown."""

    reason: str
    records: int
    detail: str


class BatchCommitted(Struct, frozen=True, kw_only=True):
    """The journal has a batch, fsynced. `ages_seconds`: how old each of its live events was then."""

    records: int
    duration_seconds: float
    ages_seconds: tuple[float, ...]


class CommitFailed(Struct, frozen=True, kw_only=True):
    """The disk does not take a batch; it is held in memory; the next try comes after `retry_seconds`."""

    code: str
    detail: str
    retry_seconds: float


class SpoolDamaged(Struct, frozen=True, kw_only=True):
    """The spool's file was damaged and set aside; `batches` were saved into a new one."""

    detail: str
    batches: int


class HomePaused(Struct, frozen=True, kw_only=True):
    """A home's connection closes until there is room again; `code`: spool_full, disk_full, or the disk's failure."""

    home: str
    code: str
    detail: str


class HomeResumed(Struct, frozen=True, kw_only=True):
    """A home that paused connects again."""

    home: str


class RecordsQuarantined(Struct, frozen=True, kw_only=True):
    """Records were set aside, with the reason, until someone replays or drops them."""

    reason: str
    records: int
    detail: str


class QuarantineHeld(Struct, frozen=True, kw_only=True):
    """The quarantine holds now so many records."""

    records: int


class RecordsExpired(Struct, frozen=True, kw_only=True):
    """Points were older than the store keeps, so it did not take them."""

    records: int


class BatchWritten(Struct, frozen=True, kw_only=True):
    """The store confirmed a batch; `newest_event_ns` is absent where it held no event; ages as in `BatchCommitted`."""

    store: str
    records: int
    events: int
    newest_event_ns: int | None
    duration_seconds: float
    ages_seconds: tuple[float, ...]


class StoreReady(Struct, frozen=True, kw_only=True):
    """The store answered and is prepared for writes."""

    store: str


class StoreFailed(Struct, frozen=True, kw_only=True):
    """The store is away or refuses; nothing is lost; the next try comes after `retry_seconds`."""

    store: str
    code: str
    detail: str
    retry_seconds: float


class WeatherUpdated(Struct, frozen=True, kw_only=True):
    """The provider gave an observation."""

    provider: str
    observed_at: int
    summary: str


class WeatherFailed(Struct, frozen=True, kw_only=True):
    """The provider failed; the cached observation serves on."""

    provider: str
    code: str
    detail: str


class BreakerChanged(Struct, frozen=True, kw_only=True):
    """The weather's circuit breaker changed its state."""

    state: Literal["closed", "open", "half_open"]


class ServiceStarted(Struct, frozen=True, kw_only=True):
    """The service is up: where its API listens, where its data goes."""

    version: str
    api: str
    store: str


class ServiceStopping(Struct, frozen=True, kw_only=True):
    """The drain began; `cause` is the signal's name, or the user's wish."""

    cause: str


class Warned(Struct, frozen=True, kw_only=True):
    """Something that a user must know and that no other fact says; `code` is bounded."""

    code: str
    detail: str


ServiceEvent: TypeAlias = (
    FramesReceived
    | EventsReceived
    | MessageIgnored
    | EventSkipped
    | SessionOpened
    | SessionClosed
    | ConnectFailed
    | LinksChecked
    | GapsNoted
    | IntervalsSettled
    | GapSettled
    | BackfillEnded
    | GapsHeld
    | RefillFailed
    | RefillReady
    | AuditDone
    | AuditFailed
    | RecordsSpooled
    | RecordsDropped
    | BatchCommitted
    | CommitFailed
    | SpoolDamaged
    | HomePaused
    | HomeResumed
    | RecordsQuarantined
    | QuarantineHeld
    | RecordsExpired
    | BatchWritten
    | StoreReady
    | StoreFailed
    | WeatherUpdated
    | WeatherFailed
    | BreakerChanged
    | ServiceStarted
    | ServiceStopping
    | Warned
)
Fact: TypeAlias = ServiceEvent | SupervisorEvent
Report: TypeAlias = Callable[[Fact], None]
