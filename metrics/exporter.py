"""Facts as Prometheus metrics, in a registry of their own: a loop over what the facts declare."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, product

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import (
    Metric as Family,
)
from prometheus_client.registry import Collector

from metrics.balance import UNACCOUNTED, unaccounted
from metrics.declarations import BUCKETS_SECONDS, Cell, Key, Metric
from metrics.facts import CATALOGUE, UPDATES, Fact

_BOUNDS = (*map(str, BUCKETS_SECONDS), "+Inf")


class PrometheusReporter(Collector):
    """A `Report` that counts. Series whose labels are known beforehand exist from the start, so that 0 shows.

    Each of the `measures` is asked for its fact whenever the metrics are: what is measured then costs nothing between.
    """

    def __init__(self, *, homes: Sequence[str], store: str, clock: Callable[[], float] = time.time) -> None:
        self.measures: list[Callable[[], Fact]] = []
        self._clock = clock
        given = {"home": homes, "store": (store,)}
        self._series = {name: _Series(metric, given) for name, metric in CATALOGUE.items()}
        self._moves = {
            kind: [(update.move, self._series[update.metric.name]) for update in updates]
            for kind, updates in UPDATES.items()
        }
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)

    def __call__(self, fact: Fact) -> None:
        """Count a fact."""
        for move, series in self._moves.get(type(fact), ()):
            move(series, fact)

    def render(self) -> tuple[bytes, str]:
        """Return the exposition and its content type."""
        for measure in self.measures:
            self(measure())
        self._series[UNACCOUNTED.name][()] = unaccounted(lambda name: self._series[name].values())
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def collect(self) -> Iterator[Family]:
        """Yield every metric with its series, as Prometheus' client wants them."""
        now = self._clock()
        for series in self._series.values():
            yield _family(series, now)


class _Series(dict[Key, Cell]):
    """The series of a metric: those known beforehand, and any that a fact brings later."""

    def __init__(self, metric: Metric, given: dict[str, Sequence[str]]) -> None:
        super().__init__()
        self.metric = metric
        for values in product(*(given.get(label.name, label.values) for label in metric.labels)):
            self[values[0] if len(values) == 1 else values]  # makes it

    def __missing__(self, key: Key) -> Cell:
        cell = self[key] = self.metric.first(key)
        return cell


def _family(series: _Series, now: float) -> Family:
    metric, labels = series.metric, [label.name for label in series.metric.labels]
    rows = [([key] if isinstance(key, str) else key, cell) for key, cell in series.items()]
    match metric.kind:
        case "histogram":
            histogram = HistogramMetricFamily(metric.name, metric.help, labels=labels)
            for values, (*counts, total) in rows:
                histogram.add_metric(values, list(zip(_BOUNDS, accumulate(counts), strict=True)), total)
            return histogram
        case "counter":
            family: CounterMetricFamily | GaugeMetricFamily = CounterMetricFamily(
                metric.name, metric.help, labels=labels
            )
        case "gauge":
            family = GaugeMetricFamily(metric.name, metric.help, labels=labels)
    for values, cell in rows:
        family.add_metric(values, metric.shown(cell, now))
    return family
