from __future__ import annotations

import io
import json
import logging

import pytest

import metrics
import supervisors
from metrics import facts, log
from metrics.__main__ import FILE as PAGE
from metrics.__main__ import rendered
from metrics.catalogue import CATALOGUE
from metrics.exporter import PrometheusReporter


def exposition(reporter: PrometheusReporter) -> dict[str, float]:
    lines = reporter.render()[0].decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def test_facts_become_metrics() -> None:
    reporter = PrometheusReporter(homes=("home",), store="sqlite", clock=lambda: 1000.0)
    for fact in (
        facts.SessionOpened(home="home", session=1, version="2025.4.4"),
        facts.EventsReceived(home="home", events=7, newest_ns=1),
        facts.RecordsSpooled(pending_events=3, pending_bytes=900, maximum_bytes=9000),
        facts.BatchCommitted(records=6, duration_seconds=0.02, ages_seconds=(0.3, 7.0)),
        facts.BatchWritten(
            store="sqlite",
            records=5,
            events=4,
            newest_event_ns=990 * 10**9,
            duration_seconds=0.02,
            ages_seconds=(0.3, 7.0),
        ),
        facts.RecordsQuarantined(reason="rejected", records=1, detail="bad"),
        facts.QuarantineHeld(records=3),
        facts.HomePaused(home="home", code="disk_full", detail="the disk is full"),
        facts.WeatherUpdated(provider="p", observed_at=400, summary=""),
        facts.BreakerChanged(state="open"),
        supervisors.ChildRestarting(path=("root", "storage", "writer"), delay_seconds=0.1),
    ):
        reporter(fact)
    seen = exposition(reporter)
    assert {
        'ingestor_connected{home="home"}': 1.0,
        'ingestor_events_received_total{home="home"}': 7.0,
        "ingestor_pending_events": 3.0,
        'ingestor_events_stored_total{store="sqlite"}': 4.0,
        'ingestor_records_stored_total{store="sqlite"}': 5.0,
        "ingestor_newest_stored_age_seconds": 10.0,
        "ingestor_records_committed_total": 6.0,
        'ingestor_commit_age_seconds_bucket{le="0.5"}': 1.0,
        'ingestor_write_age_seconds_count{store="sqlite"}': 2.0,
        'ingestor_records_quarantined_total{reason="rejected"}': 1.0,
        "ingestor_quarantine_records": 3.0,
        'ingestor_home_paused{home="home"}': 1.0,
        'ingestor_records_dropped_total{reason="shutdown"}': 0.0,
        "ingestor_weather_age_seconds": 600.0,
        'ingestor_weather_breaker_state{state="open"}': 1.0,
        'ingestor_weather_breaker_state{state="closed"}': 0.0,
        'ingestor_actor_restarts_total{child="root/storage/writer"}': 1.0,
    }.items() <= seen.items()


def test_every_metric_of_the_catalogue_is_exposed() -> None:
    text = PrometheusReporter(homes=("home",), store="sqlite").render()[0].decode()
    assert [metric.name for metric in CATALOGUE if f"# HELP {metric.name}" not in text] == []


def test_the_page_of_metrics_is_what_the_catalogue_says() -> None:
    assert PAGE.read_text() == rendered()


def test_a_failing_report_harms_neither_the_others_nor_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[facts.Fact] = []

    def broken(_: facts.Fact) -> None:
        raise ZeroDivisionError

    report = metrics.fan_out(broken, heard.append)
    fact = facts.ServiceStopping(cause="SIGTERM")
    report(fact)
    report(fact)
    assert heard == [fact, fact]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("style", ["json", "console"])
def test_no_secret_passes_the_log(style: str) -> None:
    stream = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        log.configure(level="debug", style=style, secrets=["s3cret-token"], stream=stream)  # type: ignore[arg-type]
        report = log.LogReporter()
        report(facts.ConnectFailed(home="home", code="x", detail="refused s3cret-token", retry_seconds=1))
        report(supervisors.ChildFailed(path=("root", "a"), error=RuntimeError("s3cret-token in a crash")))
        logging.getLogger("library").error("said %s", "s3cret-token")
    finally:
        logging.getLogger().handlers[:], _ = before
        logging.getLogger().setLevel(before[1])
    lines = stream.getvalue()
    assert "s3cret" not in lines
    assert "ConnectFailed" in lines
    assert "in a crash" in lines
    if style == "json":
        first = json.loads(lines.splitlines()[0])
        assert (first["event"], first["level"], first["retry_seconds"]) == ("ConnectFailed", "warning", 1)
