"""Every metric of the service, by its Prometheus name; docs/metrics.md is made from this list."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal["counter", "gauge", "histogram"]
BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metric(Struct, frozen=True):
    """A metric. The name of a counter is without `_total`, which Prometheus' client adds.

    `known` are values of its last label that exist from the start, so that a rate of zero shows; `home` and `store`
    are known to the service.
    """

    kind: Kind
    name: str
    help: str
    labels: tuple[str, ...] = ()
    known: tuple[str, ...] = ()


_CONNECT_CODES = ("unreachable", "tls", "login_timeout", "credentials_refused", "protocol", "closed")
_CLOSE_CODES = ("closed", "ping_timeout", "oversized_frame", "protocol", "paused", "shutdown")
_STORE_CODES = (
    "no_answer",
    "server_error",
    "overloaded",
    "http_401",
    "http_403",
    "http_404",
    "disk_full",
    "locked",
    "corrupt",
)
_WEATHER_CODES = ("no_answer", "server_error", "quota", "key_refused", "protocol")
_DISK_CODES = ("disk_full", "disk", "locked", "read_only", "can_not_open", "corrupt")
_QUARANTINE_REASONS = ("rejected", "field_conflict", "undecodable", "server_error")
_DROP_REASONS = ("spool_damaged", "shutdown")
_GAP_CAUSES = (
    "first_start",
    "service_down",
    "crash",
    "closed",
    "closed_by_home",
    "home_restart",
    "ping_timeout",
    "oversized_frame",
    "protocol",
    "paused",
    "broken_link",
    "audit",
    "spool_lost",
    "state_lost",
    "store_restored",
    "clock_set_back",
)
_WARNINGS = ("state_damaged", "spool_lost", "state_lost", "store_restored")
_GAP_ENDS = ("filled", "partly", "tail_unproven")
_REFILL_CODES = ("unreachable", "closed", "timeout", "starting", "unknown_command", "unauthorized", "protocol")
_AUDIT_CODES = (*_REFILL_CODES, "pending")
BREAKER_STATES = ("closed", "half_open", "open")

CATALOGUE = (
    Metric("counter", "ingestor_frames_received", "Text frames received from Home Assistant.", ("home",)),
    Metric("counter", "ingestor_received_bytes", "Size of the text frames received, in characters.", ("home",)),
    Metric("counter", "ingestor_events_received", "State changes received, decoded and enriched.", ("home",)),
    Metric(
        "counter",
        "ingestor_events_skipped",
        "State changes left out on purpose.",
        ("home", "code"),
        ("filtered", "repeated"),
    ),
    Metric(
        "counter",
        "ingestor_messages_ignored",
        "Messages that were not understood.",
        ("home", "code"),
        ("malformed_frame", "malformed_state", "unknown_message", "command_failed"),
    ),
    Metric("gauge", "ingestor_connected", "1 while the home is connected and subscribed.", ("home",)),
    Metric("counter", "ingestor_sessions", "Sessions that logged in and subscribed.", ("home",)),
    Metric("counter", "ingestor_sessions_closed", "Sessions that ended.", ("home", "code"), _CLOSE_CODES),
    Metric("counter", "ingestor_connect_failures", "Tries that brought no session.", ("home", "code"), _CONNECT_CODES),
    Metric("gauge", "ingestor_home_paused", "1 while the home is left alone for want of room.", ("home",)),
    Metric("counter", "ingestor_links", "Changes compared with the last captured one before them.", ("home",)),
    Metric("counter", "ingestor_links_broken", "Changes that did not follow: something was missed.", ("home",)),
    Metric("counter", "ingestor_gaps_found", "Gaps that were found, by their cause.", ("home", "cause"), _GAP_CAUSES),
    Metric("counter", "ingestor_gaps_settled", "Gaps that are no longer open.", ("home", "state"), _GAP_ENDS),
    Metric("gauge", "ingestor_gaps", "Gaps in the ledger.", ("state",), ("open", *_GAP_ENDS, "since")),
    Metric("gauge", "ingestor_gap_intervals_listed", "Times of an entity that are known to be incomplete for good."),
    Metric("counter", "ingestor_backfills", "Imports of history that ended.", ("home", "state"), ("done", "failed")),
    Metric("counter", "ingestor_events_refilled", "Missed changes that came out of the recorder.", ("home",)),
    Metric("gauge", "ingestor_refill_up", "1 while the recorder can be asked; gaps wait while it is 0.", ("home",)),
    Metric(
        "counter", "ingestor_refill_failures", "Times the recorder could not be asked.", ("home", "code"), _REFILL_CODES
    ),
    Metric("counter", "ingestor_audits", "Comparisons of the store with the recorder.", ("home",)),
    Metric("counter", "ingestor_audit_compared", "Changes compared by audits.", ("home",)),
    Metric("counter", "ingestor_audit_refilled", "Changes that audits found missing, and refilled.", ("home",)),
    Metric("counter", "ingestor_audit_failures", "Audits that could not be done.", ("home", "code"), _AUDIT_CODES),
    Metric(
        "gauge",
        "ingestor_capture_ratio",
        "Share of all changes that are captured, live or refilled; what is listed counts as one change each.",
        ("home",),
    ),
    Metric("counter", "ingestor_records_committed", "Records captured: fsynced to the spool or the embedded database."),
    Metric("histogram", "ingestor_commit_duration_seconds", "Time of one commit, its fsync included."),
    Metric(
        "histogram", "ingestor_commit_age_seconds", "From a change in Home Assistant to its commit, of every event."
    ),
    Metric(
        "counter",
        "ingestor_commit_failures",
        "Commits that the disk did not take; they are retried.",
        ("code",),
        _DISK_CODES,
    ),
    Metric("gauge", "ingestor_pending_events", "Events in the spool that the store has not confirmed."),
    Metric("gauge", "ingestor_pending_bytes", "Size on the disk of what the store has not confirmed."),
    Metric("gauge", "ingestor_spool_maximum_bytes", "SPOOL_MAX_BYTES: at this size of what is pending, homes pause."),
    Metric("counter", "ingestor_events_stored", "Events that the store has confirmed.", ("store",)),
    Metric("counter", "ingestor_records_stored", "Records of any kind that the store has confirmed.", ("store",)),
    Metric("counter", "ingestor_records_dropped", "Records that are gone for good.", ("reason",), _DROP_REASONS),
    Metric(
        "counter",
        "ingestor_records_quarantined",
        "Records set aside because they could not be stored.",
        ("reason",),
        _QUARANTINE_REASONS,
    ),
    Metric("gauge", "ingestor_quarantine_records", "Records that are in the quarantine."),
    Metric("counter", "ingestor_records_expired", "Points that were older than the store keeps."),
    Metric("gauge", "ingestor_newest_stored_timestamp_seconds", "Time of the newest event stored, Unix seconds."),
    Metric("gauge", "ingestor_newest_stored_age_seconds", "Age of the newest event stored; -1 before the first."),
    Metric("gauge", "ingestor_store_up", "1 while the store takes writes.", ("store",)),
    Metric(
        "counter",
        "ingestor_store_failures",
        "Writes that the store did not take; they are retried.",
        ("code",),
        _STORE_CODES,
    ),
    Metric("histogram", "ingestor_write_duration_seconds", "Time of one write to the store.", ("store",)),
    Metric(
        "histogram",
        "ingestor_write_age_seconds",
        "From a change in Home Assistant to its confirmed write, of every event.",
        ("store",),
    ),
    Metric("gauge", "ingestor_weather_age_seconds", "Age of the weather in use; -1 while there is none."),
    Metric(
        "counter",
        "ingestor_weather_failures",
        "Requests that the weather provider failed.",
        ("code",),
        _WEATHER_CODES,
    ),
    Metric(
        "gauge",
        "ingestor_weather_breaker_state",
        "1 for the state that the breaker is in.",
        ("state",),
        BREAKER_STATES,
    ),
    Metric("counter", "ingestor_actor_restarts", "Restarts of an actor or supervisor.", ("child",)),
    Metric("counter", "ingestor_actor_crashes", "Crashes of an actor or supervisor.", ("child",)),
    Metric("counter", "ingestor_warnings", "Warnings that no other metric tells.", ("code",), _WARNINGS),
    Metric("gauge", "ingestor_uptime_seconds", "Time since the service started."),
)
