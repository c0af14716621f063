"""Facts of what is captured, and of its way into the store."""

from __future__ import annotations

from logging import DEBUG, ERROR, WARNING

from metrics import codes
from metrics.codes import DropReason, ErrorCode
from metrics.declarations import STORE, Age, Counter, Gauge, Histogram, ServiceEvent

_STORE_UP = Gauge("ingestor_store_up", "1 while the store takes writes.", STORE)
_NANOSECONDS = 1e9


class BatchCommitted(ServiceEvent, frozen=True, kw_only=True):
    """The journal has a batch, fsynced. `ages_seconds`: how old each of its live events was then."""

    LEVEL = DEBUG
    METRICS = (
        Counter("ingestor_records_committed", "Records captured: fsynced to the spool or the embedded database.").inc(
            "records"
        ),
        Histogram("ingestor_commit_duration_seconds", "Time of one commit, its fsync included.").observe(
            "duration_seconds"
        ),
        Histogram(
            "ingestor_commit_age_seconds", "From a change in Home Assistant to its commit, of every event."
        ).observe_each("ages_seconds"),
    )

    records: int
    duration_seconds: float
    ages_seconds: tuple[float, ...]


class CommitFailed(ServiceEvent, frozen=True, kw_only=True):
    """The disk does not take a batch; it is held in memory; the next try comes after `retry_seconds`."""

    LEVEL = WARNING
    METRICS = (
        Counter(
            "ingestor_commit_failures", "Commits that the disk did not take; they are retried.", code=codes.HOLDING
        ).inc(),
    )

    code: ErrorCode
    detail: str
    retry_seconds: float


class RecordsSpooled(ServiceEvent, frozen=True, kw_only=True):
    """The spool holds now this much that the store has not confirmed."""

    LEVEL = DEBUG
    METRICS = (
        Gauge("ingestor_pending_events", "Events in the spool that the store has not confirmed.").set("pending_events"),
        Gauge("ingestor_pending_bytes", "Size on the disk of what the store has not confirmed.").set("pending_bytes"),
        Gauge("ingestor_spool_maximum_bytes", "SPOOL_MAX_BYTES: at this size of what is pending, homes pause.").set(
            "maximum_bytes"
        ),
    )

    pending_events: int
    pending_bytes: int
    maximum_bytes: int


class SpoolOpened(ServiceEvent, frozen=True, kw_only=True):
    """The service began with so many events in the spool, also those that could not be read any more."""

    METRICS = (
        Gauge("ingestor_events_waited", "Events that waited in the spool when the service started.").set("events"),
    )
    LEVEL = DEBUG

    events: int


class EventsHeld(ServiceEvent, frozen=True, kw_only=True):
    """So many events are in memory alone now; measured when metrics are asked for."""

    METRICS = (Gauge("ingestor_held_events", "Events that are in memory only, until the disk has them.").set("events"),)
    LEVEL = DEBUG

    events: int


class FileUpgraded(ServiceEvent, frozen=True, kw_only=True):
    """A file of an older version has another format now; `copy` is as it was, and may be deleted."""

    file: str
    copy: str
    from_format: int
    to_format: int


class SpoolDamaged(ServiceEvent, frozen=True, kw_only=True):
    """The spool's file was damaged and set aside; `batches` were saved into a new one."""

    LEVEL = ERROR

    detail: str
    batches: int


class RecordsDropped(ServiceEvent, frozen=True, kw_only=True):
    """Records are gone for good, counted once."""

    LEVEL = ERROR
    METRICS = (
        Counter("ingestor_records_dropped", "Records that are gone for good.", reason=DropReason).inc("records"),
        Counter("ingestor_events_dropped", "Events that are gone for good.", reason=DropReason).inc("events"),
    )

    reason: DropReason
    records: int
    events: int
    detail: str


class RecordsQuarantined(ServiceEvent, frozen=True, kw_only=True):
    """Records were set aside, with the reason, until someone replays or drops them."""

    LEVEL = WARNING
    METRICS = (
        Counter(
            "ingestor_records_quarantined",
            "Records set aside because they could not be stored.",
            reason=codes.QUARANTINE,
        ).inc("records"),
        Counter(
            "ingestor_events_quarantined",
            "Events set aside because they could not be stored.",
            reason=codes.QUARANTINE,
        ).inc("events"),
    )

    reason: ErrorCode
    records: int
    events: int
    detail: str


class EventsReplayed(ServiceEvent, frozen=True, kw_only=True):
    """Events of the quarantine are in the journal again."""

    METRICS = (Counter("ingestor_events_replayed", "Events that came back out of the quarantine.").inc("events"),)

    events: int


class LossesHeld(ServiceEvent, frozen=True, kw_only=True):
    """So many events were dropped, by this process or an earlier one, and nobody has acknowledged it yet."""

    LEVEL = DEBUG
    METRICS = (
        Gauge(
            "ingestor_events_lost",
            "Events that were dropped, over restarts, until `ingestor losses acknowledge`.",
            reason=DropReason,
        ).set_each("events"),
    )

    events: dict[str, int]


class QuarantineHeld(ServiceEvent, frozen=True, kw_only=True):
    """The quarantine holds now so many records."""

    LEVEL = DEBUG
    METRICS = (
        Gauge("ingestor_quarantine_records", "Records that are in the quarantine.").set("records"),
        Gauge("ingestor_quarantine_bytes", "Size of the records that are in the quarantine.").set("size_bytes"),
        Gauge("ingestor_quarantine_maximum_bytes", "At this size of the quarantine homes pause.").set("maximum_bytes"),
    )

    records: int
    size_bytes: int
    maximum_bytes: int


class QuarantineFailed(ServiceEvent, frozen=True, kw_only=True):
    """The quarantine cannot be used, or is full; what it does not take waits where it was captured."""

    LEVEL = WARNING
    METRICS = (
        Counter(
            "ingestor_quarantine_failures", "Times the quarantine could not be used, or was full.", code=codes.HOLDING
        ).inc(),
    )

    code: ErrorCode
    detail: str


class AttributesOmitted(ServiceEvent, frozen=True, kw_only=True):
    """Events were stored without their attributes, which were longer than the store holds."""

    LEVEL = WARNING
    METRICS = (
        Counter(
            "ingestor_attributes_omitted",
            "Events stored without their attributes, which were longer than the store holds.",
            STORE,
        ).inc("events"),
    )

    store: str
    events: int


class RecordsExpired(ServiceEvent, frozen=True, kw_only=True):
    """Points were older than the store keeps, so it did not take them."""

    LEVEL = WARNING
    METRICS = (
        Counter("ingestor_records_expired", "Points that were older than the store keeps.").inc("records"),
        Counter("ingestor_events_expired", "Events that were older than the store keeps.").inc("events"),
    )

    records: int
    events: int


class BatchWritten(ServiceEvent, frozen=True, kw_only=True):
    """The store confirmed a batch; `newest_event_ns` is absent where it held no event; ages as in `BatchCommitted`."""

    LEVEL = DEBUG
    METRICS = (
        Counter("ingestor_events_stored", "Events that the store has confirmed.", STORE).inc("events"),
        Counter("ingestor_records_stored", "Records of any kind that the store has confirmed.", STORE).inc("records"),
        Gauge("ingestor_newest_stored_timestamp_seconds", "Time of the newest event stored, Unix seconds.").raise_to(
            "newest_event_at"
        ),
        Age("ingestor_newest_stored_age_seconds", "Age of the newest event stored; -1 before the first.").raise_to(
            "newest_event_at"
        ),
        Histogram("ingestor_write_duration_seconds", "Time of one write to the store.", STORE).observe(
            "duration_seconds"
        ),
        Histogram(
            "ingestor_write_age_seconds",
            "From a change in Home Assistant to its confirmed write, of every event.",
            STORE,
        ).observe_each("ages_seconds"),
    )

    store: str
    records: int
    events: int
    newest_event_ns: int | None
    duration_seconds: float
    ages_seconds: tuple[float, ...]

    @property
    def newest_event_at(self) -> float | None:
        """The time of the newest event in Unix seconds."""
        return None if self.newest_event_ns is None else self.newest_event_ns / _NANOSECONDS


class RowsSkipped(ServiceEvent, frozen=True, kw_only=True):
    """Rows of our measurements were passed over in reading, for another program wrote them."""

    LEVEL = WARNING
    METRICS = (
        Counter(
            "ingestor_store_rows_skipped",
            "Rows of our measurements that another program wrote, as often as they were passed over in reading.",
            STORE,
        ).inc("rows"),
    )

    store: str
    rows: int


class StoreReady(ServiceEvent, frozen=True, kw_only=True):
    """The store answered and is prepared for writes."""

    METRICS = (_STORE_UP.set(1),)

    store: str


class StoreFailed(ServiceEvent, frozen=True, kw_only=True):
    """The store is away or refuses; nothing is lost; the next try comes after `retry_seconds`."""

    LEVEL = WARNING
    METRICS = (
        _STORE_UP.set(0),
        Counter(
            "ingestor_store_failures", "Writes that the store did not take; they are retried.", code=codes.WRITE
        ).inc(),
    )

    store: str
    code: ErrorCode
    detail: str
    retry_seconds: float
