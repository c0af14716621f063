"""`python -m metrics` writes docs/metrics.md from what the facts declare."""

from __future__ import annotations

from pathlib import Path

from metrics.declarations import Metric
from metrics.facts import CATALOGUE

FILE = Path(__file__).parents[1] / "docs" / "metrics.md"
_HEAD = """# Metrics

`/metrics`, for Prometheus. Counters end in `_total`, times are in seconds, sizes in bytes. Labels are bounded: never an
entity. Made from `metrics/facts/` by `make dashboard`.

| name | kind | labels | meaning |
|---|---|---|---|
"""
_VALUES = """
## Values of labels

Every series with one of these values is there from the start, at 0, so that `increase()` sees the first failure.
Homes and the store are those of the configuration; a `child` comes when it starts.

| name | label | values |
|---|---|---|
"""


def rendered() -> str:
    """Return the page."""
    metrics = [CATALOGUE[name] for name in sorted(CATALOGUE)]
    return _HEAD + "".join(map(_row, metrics)) + _VALUES + "".join(map(_values, metrics))


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label.name}`" for label in metric.labels) or "-"
    return f"| `{_name(metric)}` | {metric.kind} | {labels} | {metric.help} |\n"


def _values(metric: Metric) -> str:
    return "".join(
        f"| `{_name(metric)}` | `{label.name}` | {', '.join(f'`{value}`' for value in label.values)} |\n"
        for label in metric.labels
        if label.values
    )


def _name(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.kind == "counter" else metric.name


if __name__ == "__main__":
    FILE.write_text(rendered(), encoding="utf-8")
