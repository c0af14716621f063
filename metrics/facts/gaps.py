"""Facts of what was missed: how it was noticed, and what became of it."""

from __future__ import annotations

from logging import DEBUG, WARNING

from metrics import codes
from metrics.codes import ErrorCode, GapState, JobEnd, JobKind
from metrics.declarations import HOME, Counter, Gauge, ServiceEvent

_REFILL_UP = Gauge("ingestor_refill_up", "1 while the recorder can be asked; gaps wait while it is 0.", HOME, start=1)


class GapsNoted(ServiceEvent, frozen=True, kw_only=True):
    """The ledger took in gaps with this cause, or more of those it had: `new` were not there before."""

    METRICS = (
        Counter("ingestor_gaps_found", "Gaps that were found, by their cause.", HOME, cause=codes.GAP_CAUSES).inc(
            "new"
        ),
    )

    home: str
    cause: str
    new: int
    entities: int


class IntervalsSettled(ServiceEvent, frozen=True, kw_only=True):
    """The recorder was asked: `refilled` changes were captured, `listed` times of an entity are incomplete for good."""

    LEVEL = DEBUG

    home: str
    refilled: int
    listed: int


class EventsRefilled(ServiceEvent, frozen=True, kw_only=True):
    """Changes out of the recorder are in the journal: those of a refill, an audit or an import."""

    LEVEL = DEBUG
    METRICS = (
        Counter("ingestor_events_refilled", "Missed changes that came out of the recorder.", HOME).inc("events"),
    )

    home: str
    events: int


class CaptureMeasured(ServiceEvent, frozen=True, kw_only=True):
    """So much of what changed in a home is captured; `ratios` by the length of time until now, over restarts."""

    LEVEL = DEBUG
    METRICS = (
        Gauge(
            "ingestor_capture_ratio",
            "Share of all changes within the window that are captured, over restarts. What is in the quarantine, was "
            "dropped, is listed or lies in an open gap is not; docs/balance.md says how that is counted.",
            HOME,
            start=1.0,
            window=codes.Window,
        ).set_each("ratios"),
    )

    home: str
    ratios: dict[str, float]


class GapSettled(ServiceEvent, frozen=True, kw_only=True):
    """A gap is no longer open."""

    METRICS = (Counter("ingestor_gaps_settled", "Gaps that are no longer open.", HOME, state=codes.GAP_ENDS).inc(),)

    home: str
    state: GapState
    cause: str
    refilled: int
    detail: str


class GapsHeld(ServiceEvent, frozen=True, kw_only=True):
    """The ledger holds now so many gaps, by state; `listed` intervals are known to be incomplete for good."""

    LEVEL = DEBUG
    METRICS = (
        Gauge("ingestor_gaps", "Gaps in the ledger.", state=GapState).set_each("states"),
        Gauge("ingestor_gap_intervals_listed", "Times of an entity that are known to be incomplete for good.").set(
            "listed"
        ),
    )

    states: dict[str, int]
    listed: int


class BackfillEnded(ServiceEvent, frozen=True, kw_only=True):
    """History was imported: changes, and hours of statistics."""

    METRICS = (Counter("ingestor_backfills", "Imports of history that ended.", HOME, state=JobEnd).inc(),)

    home: str
    state: str
    imported: int
    statistics: int
    detail: str


class JobEnded(ServiceEvent, frozen=True, kw_only=True):
    """A job has come to its end: nothing more is compared for it."""

    LEVEL = DEBUG
    METRICS = (Counter("ingestor_jobs", "Jobs that ended.", HOME, kind=JobKind, state=JobEnd).inc(),)

    home: str
    kind: str
    state: str
    job: int
    reason: str


class WorkProgressed(ServiceEvent, frozen=True, kw_only=True):
    """How far a refill, or a job of that kind, is that takes long: a line a minute at most; `imported` until now."""

    home: str
    work: str
    share_percent: int
    imported: int


class RefillReady(ServiceEvent, frozen=True, kw_only=True):
    """The recorder answered, and had committed everything."""

    METRICS = (_REFILL_UP.set(1),)

    home: str


class RefillFailed(ServiceEvent, frozen=True, kw_only=True):
    """The recorder cannot be asked; gaps stay open."""

    LEVEL = WARNING
    METRICS = (
        _REFILL_UP.set(0),
        Counter("ingestor_refill_failures", "Times the recorder could not be asked.", HOME, code=codes.REFILL).inc(),
    )

    home: str
    code: ErrorCode
    detail: str
    retry_seconds: float


class AuditDone(ServiceEvent, frozen=True, kw_only=True):
    """The store was compared with the recorder: what it lacked was refilled, or is accounted for in the quarantine."""

    METRICS = (
        Counter("ingestor_audits", "Comparisons of the store with the recorder.", HOME).inc(),
        Counter("ingestor_audit_compared", "Changes compared by audits.", HOME).inc("compared"),
        Counter("ingestor_audit_refilled", "Changes that audits found missing, and refilled.", HOME).inc("refilled"),
    )

    home: str
    compared: int
    refilled: int
    accounted: int


class AuditFailed(ServiceEvent, frozen=True, kw_only=True):
    """An audit could not be done; it is tried again after `retry_seconds`, unless a user asked for it."""

    LEVEL = WARNING
    METRICS = (Counter("ingestor_audit_failures", "Audits that could not be done.", HOME, code=codes.AUDIT).inc(),)

    home: str
    code: ErrorCode
    detail: str
    retry_seconds: float | None
