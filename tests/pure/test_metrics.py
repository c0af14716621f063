from __future__ import annotations

import io
import json
import logging
import re
from itertools import product
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import metrics
import supervisors
from ingestor.model.records import size_bytes
from metrics import facts, log
from metrics.__main__ import FILE as PAGE
from metrics.__main__ import LOGS, logs, rendered
from metrics.balance import CAME, UNACCOUNTED, WENT
from metrics.codes import BreakerState, DropReason, ErrorCode, Leaving, SkippedCode, Window
from metrics.exporter import PrometheusReporter
from metrics.facts import CATALOGUE, UPDATES
from metrics.facts.service import SUPERVISION
from tests.pure.test_stream import stream, text
from tests.servers.changes import change, frame_of

HOMES = ["cabin", "flat", "house"]


def exposition(reporter: PrometheusReporter) -> dict[str, float]:
    lines = reporter.render()[0].decode().splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def test_facts_become_metrics() -> None:
    reporter = PrometheusReporter(homes=("home",), store="sqlite", clock=lambda: 1000.0)
    for fact in (
        facts.ServiceStarted(at=930.0, version="1", api="", store="sqlite"),
        facts.SessionOpened(home="home", session=1, version="2025.4.4"),
        facts.FramesReceived(home="home", frames=2, size_bytes=100),
        facts.FramesReceived(home="home", frames=1, size_bytes=20),
        facts.ChangesReceived(home="home", changes=7, links=6, broken=2),
        facts.EventsReceived(home="home", events=7, newest_ns=1, restored=2),
        facts.CaptureMeasured(home="home", ratios={"1h": 0.5, "1d": 0.8, "7d": 0.9, "30d": 1.0}),
        facts.GapsHeld(states={"open": 1, "filled": 5}, listed=2),
        facts.RecordsSpooled(pending_events=3, pending_bytes=900, maximum_bytes=9000),
        facts.BatchCommitted(records=6, duration_seconds=0.02, ages_seconds=(0.3, 0.5, 7.0)),
        facts.BatchWritten(
            store="sqlite",
            records=5,
            events=4,
            newest_event_ns=990 * 10**9,
            duration_seconds=0.02,
            ages_seconds=(0.3, 70.0),
        ),
        facts.BatchWritten(
            store="sqlite", records=1, events=1, newest_event_ns=10**9, duration_seconds=0.1, ages_seconds=()
        ),
        facts.BatchWritten(
            store="sqlite", records=1, events=0, newest_event_ns=None, duration_seconds=0.1, ages_seconds=()
        ),
        facts.RecordsQuarantined(reason=ErrorCode.REJECTED, records=2, events=1, detail="bad"),
        facts.QuarantineHeld(records=3, size_bytes=1800, maximum_bytes=10**6),
        facts.HomePaused(home="home", code="disk_full", detail="the disk is full"),
        facts.WeatherUpdated(home="home", provider="p", observed_at=400, summary=""),
        facts.BreakerChanged(home="home", state=BreakerState.OPEN),
        supervisors.ChildStarting(path=("root", "api")),
        supervisors.ChildRestarting(path=("root", "storage", "writer"), delay_seconds=0.1),
    ):
        reporter(fact)
    seen = exposition(reporter)
    assert {
        "ingestor_uptime_seconds": 70.0,
        'ingestor_connected{home="home"}': 1.0,
        'ingestor_frames_received_total{home="home"}': 3.0,
        'ingestor_received_bytes_total{home="home"}': 120.0,
        'ingestor_events_received_total{home="home"}': 7.0,
        'ingestor_events_restored_total{home="home"}': 2.0,
        'ingestor_capture_ratio{home="home",window="1d"}': 0.8,
        'ingestor_gaps{state="open"}': 1.0,
        'ingestor_gaps{state="filled"}': 5.0,
        'ingestor_gaps{state="partly"}': 0.0,
        "ingestor_pending_events": 3.0,
        'ingestor_events_stored_total{store="sqlite"}': 5.0,
        'ingestor_records_stored_total{store="sqlite"}': 7.0,
        "ingestor_newest_stored_timestamp_seconds": 990.0,
        "ingestor_newest_stored_age_seconds": 10.0,
        "ingestor_records_committed_total": 6.0,
        'ingestor_commit_age_seconds_bucket{le="0.25"}': 0.0,
        'ingestor_commit_age_seconds_bucket{le="0.5"}': 2.0,
        'ingestor_commit_age_seconds_bucket{le="+Inf"}': 3.0,
        "ingestor_commit_age_seconds_sum": 7.8,
        "ingestor_commit_duration_seconds_count": 1.0,
        'ingestor_write_age_seconds_bucket{le="60.0",store="sqlite"}': 1.0,
        'ingestor_write_age_seconds_count{store="sqlite"}': 2.0,
        'ingestor_records_quarantined_total{reason="rejected"}': 2.0,
        'ingestor_events_quarantined_total{reason="rejected"}': 1.0,
        "ingestor_quarantine_records": 3.0,
        'ingestor_home_paused{home="home"}': 1.0,
        'ingestor_weather_age_seconds{home="home"}': 600.0,
        'ingestor_weather_breaker_state{home="home",state="open"}': 1.0,
        'ingestor_weather_breaker_state{home="home",state="closed"}': 0.0,
        'ingestor_actor_crashes_total{child="root/api"}': 0.0,
        'ingestor_actor_restarts_total{child="root/storage/writer"}': 1.0,
    }.items() <= seen.items()


def test_every_series_that_can_be_known_is_there_from_the_start() -> None:
    reporter = PrometheusReporter(homes=HOMES, store="sqlite")
    seen = exposition(reporter)
    given = {"home": HOMES, "store": ["sqlite"]}
    starts: dict[str, float] = {}
    for metric in CATALOGUE.values():
        if {label.name for label in metric.labels if not label.values} - given.keys():
            continue  # its series come with their facts
        name = metric.name + {"counter": "_total", "gauge": "", "histogram": "_count"}[metric.kind]
        for values in product(*(given.get(label.name, label.values) for label in metric.labels)):
            pairs = sorted(f'{label.name}="{value}"' for label, value in zip(metric.labels, values, strict=True))
            series = f"{name}{{{','.join(pairs)}}}" if pairs else name
            starts[series] = seen[series]
    assert {series: value for series, value in starts.items() if value} == {
        **{f'ingestor_weather_breaker_state{{home="{home}",state="closed"}}': 1 for home in HOMES},
        **{f'ingestor_weather_age_seconds{{home="{home}"}}': -1 for home in HOMES},
        "ingestor_newest_stored_age_seconds": -1,
        "ingestor_uptime_seconds": -1,
        **{f'ingestor_refill_up{{home="{home}"}}': 1 for home in HOMES},
        **{f'ingestor_capture_ratio{{home="{home}",window="{one}"}}': 1 for one in Window for home in HOMES},
    }


def test_the_alerts_ask_for_series_that_are_there_from_the_start() -> None:
    rules = (PAGE.parents[1] / "metrics" / "prometheus" / "rules.yml").read_text()
    asked = re.findall(r'(ingestor_\w+?)(?:_total)?\{(\w+)="(\w+)"\}', rules)
    declared = {
        (name, label.name, value) for name, one in CATALOGUE.items() for label in one.labels for value in label.values
    }
    assert asked
    assert set(asked) <= declared


def test_a_code_that_was_not_declared_is_counted_all_the_same() -> None:
    reporter = PrometheusReporter(homes=("home",), store="sqlite")
    code: Any = "of tomorrow"
    reporter(facts.StoreFailed(store="other", code=code, detail="", retry_seconds=1))
    assert exposition(reporter)['ingestor_store_failures_total{code="of tomorrow"}'] == 1


def drawn(kind: type[facts.Fact]) -> st.SearchStrategy[facts.Fact]:
    """Return facts of this kind, with any values that its types allow."""
    names = kind.__struct_fields__ if issubclass(kind, facts.ServiceEvent) else kind.__dataclass_fields__
    hints = get_type_hints(kind)
    return st.builds(kind, **{name: st.from_type(hints[name]) for name in names})


@pytest.mark.parametrize("kind", UPDATES)
@settings(max_examples=20)
@given(data=st.data())
def test_every_fact_can_be_counted_and_logged(kind: type[facts.Fact], data: st.DataObject) -> None:
    fact, reporter = data.draw(drawn(kind)), PrometheusReporter(homes=("home",), store="sqlite")
    reporter(fact)
    log.LogReporter()(fact)
    assert reporter.render()
    assert facts.level(fact) in {logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR}


def test_every_event_of_the_supervisors_is_declared() -> None:
    assert set(SUPERVISION) == set(get_args(supervisors.SupervisorEvent))


def test_a_name_is_one_metric() -> None:
    declared = {update.metric for updates in UPDATES.values() for update in updates} | {UNACCOUNTED}
    assert sorted(metric.name for metric in declared) == sorted(CATALOGUE)


def test_a_session_that_ends_with_the_service_is_no_warning() -> None:
    codes = (Leaving.SHUTDOWN, ErrorCode.CLOSED)
    closed = [facts.SessionClosed(home="home", session=1, code=code, detail="") for code in codes]
    assert [facts.level(fact) for fact in closed] == [logging.INFO, logging.WARNING]


@given(st.text(st.characters()))
def test_the_size_of_a_text_is_that_of_its_utf_8(text: str) -> None:
    assert size_bytes(text) == len(text.encode(errors="surrogatepass"))


def test_the_page_of_metrics_is_what_the_facts_declare() -> None:
    assert PAGE.read_text() == rendered()
    assert LOGS.read_text() == logs()


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
        report(facts.ConnectFailed(home="home", code=ErrorCode.TLS, detail="refused s3cret-token", retry_seconds=1))
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


def test_what_came_in_and_is_nowhere_is_unaccounted_to_the_event() -> None:
    reporter, held = PrometheusReporter(homes=("home",), store="sqlite"), 0
    reporter.measures.append(lambda: facts.EventsHeld(events=held))
    unaccounted: list[float] = []
    for fact in (
        facts.SpoolOpened(events=5),
        facts.RecordsSpooled(pending_events=5, pending_bytes=1, maximum_bytes=9),
        facts.ChangesReceived(home="home", changes=10),
        facts.EventSkipped(home="home", code=SkippedCode.NOT_INCLUDED, events=2),
        facts.EventSkipped(home="home", code=SkippedCode.REPEATED, events=1),
        facts.EventsReceived(home="home", events=8, newest_ns=1, restored=1),
        facts.RecordsSpooled(pending_events=13, pending_bytes=1, maximum_bytes=9),
        facts.EventsRefilled(home="home", events=3),
        facts.EventsReplayed(events=1),
        facts.BatchWritten(
            store="sqlite", records=9, events=8, newest_event_ns=1, duration_seconds=0.1, ages_seconds=()
        ),
        facts.RecordsQuarantined(reason=ErrorCode.REJECTED, records=2, events=2, detail=""),
        facts.RecordsExpired(records=2, events=1),
        facts.RecordsDropped(reason=DropReason.SHUTDOWN, records=3, events=2, detail=""),
        facts.RecordsSpooled(pending_events=4, pending_bytes=1, maximum_bytes=9),
    ):
        reporter(fact)
        unaccounted.append(exposition(reporter)["ingestor_events_unaccounted"])
    assert unaccounted == [5, 0, 10, 8, 7, 8, 0, 3, 4, -4, -6, -7, -9, 0]
    held = 7
    assert exposition(reporter)["ingestor_events_unaccounted"] == -7


def test_the_balance_is_made_of_metrics_that_there_are() -> None:
    assert {*CAME, *WENT} < CATALOGUE.keys()


def test_ten_thousand_entities_bring_no_series() -> None:
    reporter = PrometheusReporter(homes=("home",), store="sqlite")
    one = stream()
    counts: list[int] = []
    for entities in (1, 10_000):
        changes = [change(number, entity_id=f"sensor.number_{number}") for number in range(entities)]
        for fact in one.take([text(frame_of(*changes))]).reports:
            reporter(fact)
        one.accept()
        counts.append(len(exposition(reporter)))
    assert exposition(reporter)['ingestor_events_received_total{home="home"}'] == 10_001
    assert counts[0] == counts[1] < 600


def test_there_is_no_series_of_when_one_was_made() -> None:
    assert not [
        series for series in exposition(PrometheusReporter(homes=HOMES, store="sqlite")) if "_created" in series
    ]
