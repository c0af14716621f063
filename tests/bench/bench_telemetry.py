"""What telemetry adds to the cost of an event, and what a scrape costs: `python -m tests.bench.bench_telemetry`.

Both ways in turns, commit by commit, so that the machine's mood meets both: facts heard by status, metrics and log, as
in the service, or by nobody.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

import metrics
from ingestor.api.status import StatusBoard
from ingestor.live.entities import Entities
from ingestor.live.frames import Frame
from ingestor.live.stream import Stream
from ingestor.model.records import Event, ages_seconds
from ingestor.storage.lines import LineEncoder
from metrics import facts
from metrics.exporter import PrometheusReporter
from metrics.log import LogReporter
from tests.bench.bench_pipeline import frames

TAKES_IN_A_COMMIT = 10  # frames gather for a tenth of a second, commits for COMMIT_SECONDS


class Pipeline:
    """From frames to lines, with what is reported on the way."""

    def __init__(self, report: facts.Report) -> None:
        self._report = report
        self._stream, self._encoder = Stream("home", Entities()), LineEncoder()

    def commit(self, texts: Sequence[str]) -> float:
        """Do what the service does with the frames of one commit; return the seconds."""
        began = time.thread_time()
        events: list[Event] = []
        for text in texts:
            taken = self._stream.take([Frame(session=1, received_at_ns=0, text=text)])
            self._stream.accept()
            events += [record for record in taken.records if isinstance(record, Event)]
            for fact in taken.reports:
                self._report(fact)
        self._encoder.encode(events)
        ages, number = ages_seconds(events, time.time_ns()), len(events)
        self._report(facts.BatchCommitted(records=number, duration_seconds=0.01, ages_seconds=ages))
        self._report(
            facts.BatchWritten(
                store="influxdb",
                records=number,
                events=number,
                newest_event_ns=events[-1].time_ns,
                duration_seconds=0.01,
                ages_seconds=ages,
            )
        )
        return time.thread_time() - began


def measure(events: int, per_frame: int, scrapes: int) -> tuple[float, float, float]:
    """Return microseconds per event without telemetry, those that it adds, and milliseconds of a scrape."""
    prometheus = PrometheusReporter(homes=("home",), store="influxdb")
    heard = metrics.fan_out(StatusBoard(["home"]), prometheus, LogReporter())
    without, with_ = Pipeline(lambda _fact: None), Pipeline(heard)
    texts, off, more = frames(events, per_frame), [], []
    for at in range(0, len(texts), TAKES_IN_A_COMMIT):
        part = texts[at : at + TAKES_IN_A_COMMIT]
        order = (without, with_) if at % (2 * TAKES_IN_A_COMMIT) else (with_, without)
        took = {one: one.commit(part) / per_frame / len(part) * 1e6 for one in order}
        off.append(took[without])
        more.append(took[with_] - took[without])
    scraped: list[float] = []
    for _ in range(scrapes):
        began = time.thread_time()
        prometheus.render()
        scraped.append(time.thread_time() - began)
    return median(off), median(more), median(scraped) * 1e3


def main(events: int = 40_000, scrapes: int = 100) -> None:
    """Print the figures."""
    for per_frame in (10, 100):
        off, more, scrape = measure(events, per_frame, scrapes)
        print(  # noqa: T201  a bench prints
            f"{per_frame:4} events per frame: {off:.1f} us an event, telemetry adds {more:.2f}: {more / off:.1%}; "
            f"a scrape takes {scrape:.1f} ms"
        )


if __name__ == "__main__":
    main()
