"""Facts as Prometheus metrics, in a registry of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from itertools import product
from typing import TYPE_CHECKING, cast

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

import supervisors
from metrics import facts
from metrics.catalogue import BREAKER_STATES, BUCKETS_SECONDS, CATALOGUE

if TYPE_CHECKING:
    from metrics.catalogue import Metric

NANOSECONDS = 1e9


class PrometheusReporter:
    """A `Report` that counts. Labels that are known beforehand exist from the start, so that a rate of zero shows."""

    def __init__(self, *, homes: tuple[str, ...], store: str, clock: Callable[[], float] = time.time) -> None:
        self._registry = CollectorRegistry()
        self._metrics = {metric.name: _made(metric, self._registry) for metric in CATALOGUE}
        self._clock = clock
        self._newest_stored = 0.0
        self._weather_observed_at = 0.0
        self._capture: dict[str, tuple[int, int]] = {}
        started = clock()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        self._gauge("ingestor_uptime_seconds").set_function(lambda: clock() - started)
        self._gauge("ingestor_newest_stored_age_seconds").set_function(lambda: self._age(self._newest_stored))
        self._gauge("ingestor_weather_age_seconds").set_function(lambda: self._age(self._weather_observed_at))
        self._make_known_labels(homes, store)

    def render(self) -> tuple[bytes, str]:
        """Return the exposition and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def __call__(self, fact: facts.Fact) -> None:
        """Count a fact."""
        self._count_home(fact)
        self._count_storage(fact)
        self._count_gaps(fact)
        self._count_audits(fact)
        self._count_rest(fact)

    def _count_home(self, fact: facts.Fact) -> None:
        match fact:
            case facts.FramesReceived():
                self._count("ingestor_frames_received", fact.frames, home=fact.home)
                self._count("ingestor_received_bytes", fact.size_bytes, home=fact.home)
            case facts.EventsReceived():
                self._count("ingestor_events_received", fact.events, home=fact.home)
            case facts.EventSkipped():
                self._count("ingestor_events_skipped", fact.events, home=fact.home, code=fact.code)
            case facts.MessageIgnored():
                self._count("ingestor_messages_ignored", home=fact.home, code=fact.code)
            case facts.SessionOpened():
                self._count("ingestor_sessions", home=fact.home)
                self._gauge("ingestor_connected").labels(fact.home).set(1)
            case facts.SessionClosed():
                self._count("ingestor_sessions_closed", home=fact.home, code=fact.code)
                self._gauge("ingestor_connected").labels(fact.home).set(0)
            case facts.ConnectFailed():
                self._count("ingestor_connect_failures", home=fact.home, code=fact.code)
                self._gauge("ingestor_connected").labels(fact.home).set(0)
            case facts.HomePaused():
                self._gauge("ingestor_home_paused").labels(fact.home).set(1)
            case facts.HomeResumed():
                self._gauge("ingestor_home_paused").labels(fact.home).set(0)

    def _count_storage(self, fact: facts.Fact) -> None:  # noqa: C901  one case per fact, in one table
        match fact:
            case facts.RecordsSpooled():
                self._gauge("ingestor_pending_events").set(fact.pending_events)
                self._gauge("ingestor_pending_bytes").set(fact.pending_bytes)
                self._gauge("ingestor_spool_maximum_bytes").set(fact.maximum_bytes)
            case facts.RecordsDropped():
                self._count("ingestor_records_dropped", fact.records, reason=fact.reason)
            case facts.BatchCommitted():
                self._count("ingestor_records_committed", fact.records)
                self._observe("ingestor_commit_duration_seconds", (fact.duration_seconds,))
                self._observe("ingestor_commit_age_seconds", fact.ages_seconds)
            case facts.CommitFailed():
                self._count("ingestor_commit_failures", code=fact.code)
            case facts.RecordsQuarantined():
                self._count("ingestor_records_quarantined", fact.records, reason=fact.reason)
            case facts.QuarantineHeld():
                self._gauge("ingestor_quarantine_records").set(fact.records)
            case facts.RecordsExpired():
                self._count("ingestor_records_expired", fact.records)
            case facts.BatchWritten():
                self._written(fact)
            case facts.StoreReady():
                self._gauge("ingestor_store_up").labels(fact.store).set(1)
            case facts.StoreFailed():
                self._gauge("ingestor_store_up").labels(fact.store).set(0)
                self._count("ingestor_store_failures", code=fact.code)

    def _count_gaps(self, fact: facts.Fact) -> None:
        match fact:
            case facts.LinksChecked():
                self._count("ingestor_links", fact.links, home=fact.home)
                self._count("ingestor_links_broken", fact.broken, home=fact.home)
                self._captured(fact.home, fact.links, 0)
            case facts.GapsNoted():
                self._count("ingestor_gaps_found", fact.new, home=fact.home, cause=fact.cause)
            case facts.IntervalsSettled():
                self._count("ingestor_events_refilled", fact.refilled, home=fact.home)
                self._captured(fact.home, fact.refilled, fact.listed)
            case facts.GapSettled():
                self._count("ingestor_gaps_settled", home=fact.home, state=fact.state)
            case facts.BackfillEnded():
                self._count("ingestor_backfills", home=fact.home, state=fact.state)
            case facts.GapsHeld():
                for state, gaps in fact.states.items():
                    self._gauge("ingestor_gaps").labels(state).set(gaps)
                self._gauge("ingestor_gap_intervals_listed").set(fact.listed)
            case facts.RefillReady():
                self._gauge("ingestor_refill_up").labels(fact.home).set(1)
            case facts.RefillFailed():
                self._gauge("ingestor_refill_up").labels(fact.home).set(0)
                self._count("ingestor_refill_failures", home=fact.home, code=fact.code)

    def _count_audits(self, fact: facts.Fact) -> None:
        match fact:
            case facts.AuditDone():
                self._count("ingestor_audits", home=fact.home)
                self._count("ingestor_audit_compared", fact.compared, home=fact.home)
                self._count("ingestor_audit_refilled", fact.refilled, home=fact.home)
            case facts.AuditFailed():
                self._count("ingestor_audit_failures", home=fact.home, code=fact.code)

    def _captured(self, home: str, captured: int, lost: int) -> None:
        before = self._capture.get(home, (0, 0))
        self._capture[home] = now = before[0] + captured, before[1] + lost
        self._gauge("ingestor_capture_ratio").labels(home).set(now[0] / max(1, sum(now)))

    def _count_rest(self, fact: facts.Fact) -> None:
        match fact:
            case facts.WeatherUpdated():
                self._weather_observed_at = fact.observed_at
            case facts.WeatherFailed():
                self._count("ingestor_weather_failures", code=fact.code)
            case facts.BreakerChanged():
                for state in BREAKER_STATES:
                    self._gauge("ingestor_weather_breaker_state").labels(state).set(state == fact.state)
            case facts.Warned():
                self._count("ingestor_warnings", code=fact.code)
            case supervisors.ChildStarting():
                for name in ("ingestor_actor_restarts", "ingestor_actor_crashes"):
                    self._counter(name).labels("/".join(fact.path))
            case supervisors.ChildRestarting():
                self._count("ingestor_actor_restarts", child="/".join(fact.path))
            case supervisors.ChildFailed():
                self._count("ingestor_actor_crashes", child="/".join(fact.path))

    def _written(self, fact: facts.BatchWritten) -> None:
        self._count("ingestor_events_stored", fact.events, store=fact.store)
        self._count("ingestor_records_stored", fact.records, store=fact.store)
        self._observe("ingestor_write_duration_seconds", (fact.duration_seconds,), store=fact.store)
        self._observe("ingestor_write_age_seconds", fact.ages_seconds, store=fact.store)
        if fact.newest_event_ns is not None:
            self._newest_stored = max(self._newest_stored, fact.newest_event_ns / NANOSECONDS)
            self._gauge("ingestor_newest_stored_timestamp_seconds").set(self._newest_stored)

    def _make_known_labels(self, homes: tuple[str, ...], store: str) -> None:
        known = {"home": homes, "store": (store,)}
        for metric in CATALOGUE:
            choices = [known.get(label, metric.known) for label in metric.labels]
            for values in product(*choices) if choices else ():
                self._metrics[metric.name].labels(*values)
        self._gauge("ingestor_weather_breaker_state").labels("closed").set(1)
        for home in homes:
            self._gauge("ingestor_refill_up").labels(home).set(1)
            self._gauge("ingestor_capture_ratio").labels(home).set(1)

    def _age(self, at: float) -> float:
        return self._clock() - at if at else -1.0

    def _count(self, name: str, amount: float = 1, **labels: str) -> None:
        counter = self._counter(name)
        (counter.labels(**labels) if labels else counter).inc(amount)

    def _observe(self, name: str, seconds: Iterable[float], **labels: str) -> None:
        histogram = cast("Histogram", self._metrics[name])
        child = histogram.labels(**labels) if labels else histogram
        for value in seconds:
            child.observe(value)

    def _counter(self, name: str) -> Counter:
        return cast("Counter", self._metrics[name])

    def _gauge(self, name: str) -> Gauge:
        return cast("Gauge", self._metrics[name])


def _made(metric: Metric, registry: CollectorRegistry) -> Counter | Gauge | Histogram:
    match metric.kind:
        case "counter":
            return Counter(metric.name, metric.help, metric.labels, registry=registry)
        case "gauge":
            return Gauge(metric.name, metric.help, metric.labels, registry=registry)
        case "histogram":
            return Histogram(metric.name, metric.help, metric.labels, buckets=BUCKETS_SECONDS, registry=registry)
