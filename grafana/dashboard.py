"""The dashboard answers: is every change captured and stored, and if not, where does it wait."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import dashboard

from grafana import panels
from grafana.board import Section, board
from grafana.panels import GREEN, RED, Look
from grafana.queries import Query, prometheus, prometheus_now

RATE = "[$__rate_interval]"


def build() -> dashboard.Dashboard:
    """Return the dashboard's builder."""
    variable = dashboard.DatasourceVariable("prometheus").label("Prometheus").type("prometheus")
    sections = [Section(title, made) for title, made in _rows().items()]
    return board("Home Assistant ingestor", "ha-ingestor", sections).with_variable(variable)


def _rows() -> dict[str, list[Any]]:
    return {
        "At a glance": _glance(),
        "Flow": _flow(),
        "Home Assistant": _home(),
        "What was missed": _missed(),
        "Database and weather": _remotes(),
        "Actors and process": _inside(),
    }


def _glance() -> list[Any]:
    return [
        _light("Home Assistant", "min(ingestor_connected)", help_="Connected and subscribed."),
        _light("Database", "min(ingestor_store_up)", help_="The store takes writes."),
        _number(
            "Age of the newest event stored",
            "ingestor_newest_stored_age_seconds",
            unit="s",
            help_="A quiet home makes it grow too.",
        ),
        _number(
            "Waiting for the database",
            "ingestor_pending_events",
            unit="short",
            help_="Events that the store has not confirmed.",
            bad_from=10_000,
        ),
        _number(
            "Capture rate",
            'min(ingestor_capture_ratio{window="1d"})',
            unit="percentunit",
            help_="Share of the last day's changes that are captured, live or refilled; docs/balance.md says how.",
        ),
        _number(
            "Quarantined",
            "ingestor_quarantine_records",
            unit="short",
            help_="Records that could not be stored: `ingestor quarantine list` tells why.",
            bad_from=1,
        ),
        _number(
            "Dropped",
            "sum(ingestor_records_dropped_total)",
            unit="short",
            help_="Records gone for good since the start, each with a reason. Should be 0.",
            bad_from=1,
        ),
        _number(
            "Crashes",
            "sum(ingestor_actor_crashes_total)",
            unit="short",
            help_="Crashes of actors since the start; each was repaired by a restart.",
            bad_from=1,
        ),
    ]


def _flow() -> list[Any]:
    return [
        _graph(
            "State changes",
            {
                "received": f"sum(rate(ingestor_events_received_total{RATE}))",
                "stored": f"sum(rate(ingestor_events_stored_total{RATE}))",
                "skipped, {{code}}": f"sum by (code) (rate(ingestor_events_skipped_total{RATE}))",
            },
            unit="cps",
            help_="What comes in and what the database has confirmed.",
        ),
        _graph(
            "Waiting for the database",
            {"events": "ingestor_pending_events"},
            unit="short",
            help_="Grows while the database is away, drains afterwards.",
        ),
        _graph(
            "From a change to its commit and to its confirmed write",
            {
                "commit p50": _quantile(0.5, "ingestor_commit_age_seconds"),
                "commit p99": _quantile(0.99, "ingestor_commit_age_seconds"),
                "write p50": _quantile(0.5, "ingestor_write_age_seconds"),
                "write p99": _quantile(0.99, "ingestor_write_age_seconds"),
            },
            unit="s",
            help_="How long an event is at risk, and how long until it can be queried.",
        ),
        _graph(
            "Not stored",
            {
                "dropped, {{reason}}": f"sum by (reason) (rate(ingestor_records_dropped_total{RATE}))",
                "quarantined, {{reason}}": f"sum by (reason) (rate(ingestor_records_quarantined_total{RATE}))",
                "too old": f"rate(ingestor_records_expired_total{RATE})",
                "attributes too long": f"rate(ingestor_attributes_omitted_total{RATE})",
            },
            unit="cps",
            help_="Dropped is gone for good; quarantined waits for you; too old or too long is left out.",
        ),
        _graph(
            "Traffic from Home Assistant",
            {"{{home}}": f"sum by (home) (rate(ingestor_received_bytes_total{RATE}))"},
            unit="Bps",
            help_="Size of the frames received.",
        ),
    ]


def _home() -> list[Any]:
    return [
        _states("Connected", {"{{home}}": "ingestor_connected"}, help_="Connected and subscribed."),
        _states("Paused", {"{{home}}": "ingestor_home_paused"}, help_="Left alone while there is no room to capture."),
        _graph(
            "Entities",
            {"in the home": "sum(ingestor_entities)", "selected": "sum(ingestor_entities_selected)"},
            unit="short",
            help_="Selected are those that INCLUDE and EXCLUDE leave to be stored.",
        ),
        _graph(
            "Sessions that ended",
            {"{{code}}": f"sum by (code) (increase(ingestor_sessions_closed_total{RATE}))"},
            unit="short",
            help_="Why the socket was lost.",
        ),
        _graph(
            "Tries that failed",
            {"{{code}}": f"sum by (code) (increase(ingestor_connect_failures_total{RATE}))"},
            unit="short",
            help_="Why there is no connection.",
        ),
        _graph(
            "Messages that were not understood",
            {"{{code}}": f"sum by (code) (increase(ingestor_messages_ignored_total{RATE}))"},
            unit="short",
            help_="Counted and survived.",
        ),
    ]


def _missed() -> list[Any]:
    return [
        _graph(
            "Gaps",
            {"{{state}}": "ingestor_gaps"},
            unit="short",
            help_="The ledger: open ones wait for the recorder, partly filled ones list what is gone.",
        ),
        _graph(
            "Refilled",
            {"{{home}}": f"sum by (home) (rate(ingestor_events_refilled_total{RATE}))"},
            unit="cps",
            help_="Missed changes that came out of Home Assistant's recorder.",
        ),
        _graph(
            "Links",
            {
                "checked": f"sum(rate(ingestor_links_total{RATE}))",
                "broken": f"sum(rate(ingestor_links_broken_total{RATE}))",
            },
            unit="cps",
            help_="Every change names its predecessor; a broken link is a change that was missed.",
        ),
        _states("Recorder", {"{{home}}": "ingestor_refill_up"}, help_="Down: gaps wait, capture goes on."),
    ]


def _remotes() -> list[Any]:
    return [
        _states("Database takes writes", {"{{store}}": "ingestor_store_up"}, help_="Down: events wait, none is lost."),
        _graph(
            "Time of a write",
            {
                "p50": _quantile(0.5, "ingestor_write_duration_seconds"),
                "p99": _quantile(0.99, "ingestor_write_duration_seconds"),
            },
            unit="s",
            help_="From handing a batch over to its confirmation, retries included.",
        ),
        _graph(
            "Spool and quarantine",
            {
                "pending": "ingestor_pending_bytes",
                "quarantined": "ingestor_quarantine_bytes",
                "maximum of each": "ingestor_quarantine_maximum_bytes",
            },
            unit="bytes",
            help_="What the database has not confirmed, and what it refused; at the maximum homes pause.",
        ),
        _graph(
            "Time of a commit",
            {
                "p50": _quantile(0.5, "ingestor_commit_duration_seconds"),
                "p99": _quantile(0.99, "ingestor_commit_duration_seconds"),
            },
            unit="s",
            help_="One fsync each; slow ones come from the disk.",
        ),
        _graph(
            "Commits that failed",
            {"{{code}}": f"sum by (code) (increase(ingestor_commit_failures_total{RATE}))"},
            unit="short",
            help_="Each is tried again; what comes meanwhile is held in memory.",
        ),
        _graph(
            "Writes that failed",
            {"{{code}}": f"sum by (code) (increase(ingestor_store_failures_total{RATE}))"},
            unit="short",
            help_="Each is tried again.",
        ),
        _graph(
            "Age of the weather",
            {"{{home}}": "ingestor_weather_age_seconds"},
            unit="s",
            help_="Of the observation in use; below 0 while there is none.",
        ),
        _states(
            "Weather circuit breaker",
            {"{{home}} {{state}}": "ingestor_weather_breaker_state"},
            help_="Its present state.",
        ),
        _graph(
            "Weather requests that failed",
            {"{{code}}": f"sum by (code) (increase(ingestor_weather_failures_total{RATE}))"},
            unit="short",
            help_="The cached observation serves on.",
        ),
    ]


def _inside() -> list[Any]:
    return [
        _graph(
            "Crashes",
            {"{{child}}": f"sum by (child) (increase(ingestor_actor_crashes_total{RATE}))"},
            unit="short",
            help_="By actor or supervisor.",
        ),
        _graph(
            "Restarts",
            {"{{child}}": f"sum by (child) (increase(ingestor_actor_restarts_total{RATE}))"},
            unit="short",
            help_="Siblings that go down with a crashed one restart as well.",
        ),
        _graph("Memory", {"resident": "process_resident_memory_bytes"}, unit="bytes", help_="Resident set size."),
        _graph("CPU", {"cores": f"rate(process_cpu_seconds_total{RATE})"}, unit="short", help_="Cores in use."),
    ]


def _quantile(share: float, histogram: str) -> str:
    return f"histogram_quantile({share}, sum by (le) (rate({histogram}_bucket{RATE})))"


def _number(title: str, expr: str, *, unit: str, help_: str, bad_from: float | None = None) -> Any:  # noqa: ANN401
    steps: dict[float | None, str] = {None: GREEN} if bad_from is None else {None: GREEN, bad_from: RED}
    look = Look(width=4, height=4, unit=unit, steps=steps)
    return panels.tile(title, prometheus_now(expr, title), help_=help_, look=look)


def _light(title: str, expr: str, *, help_: str) -> Any:  # noqa: ANN401
    look = Look(width=4, height=4, unit="none", words={"0": ("down", RED), "1": ("up", GREEN)})
    return panels.tile(title, prometheus_now(expr, title), help_=help_, look=look)


def _graph(title: str, queries: dict[str, str], *, unit: str, help_: str) -> Any:  # noqa: ANN401
    return panels.graph(title, *_asked(queries), help_=help_, look=Look(unit=unit))


def _states(title: str, queries: dict[str, str], *, help_: str) -> Any:  # noqa: ANN401
    return panels.timeline(title, *_asked(queries), help_=help_, look=Look(steps={None: RED, 1: GREEN}))


def _asked(queries: dict[str, str]) -> list[Query]:
    return [prometheus(expr, legend) for legend, expr in queries.items()]
