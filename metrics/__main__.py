"""`python -m metrics` writes docs/metrics.md and docs/logs.md from what the facts declare."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from inspect import getdoc
from pathlib import Path

from metrics.declarations import Metric
from metrics.facts import CATALOGUE, UPDATES, Fact, ServiceEvent, level_of

FILE = Path(__file__).parents[1] / "docs" / "metrics.md"
LOGS = FILE.with_name("logs.md")
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
_LOGS = """# Log lines

One event a line, on standard error: JSON, or words on a terminal (`LOG_FORMAT`). `event` is one of these names, which
stay; `level` and `timestamp` stand beside the fields. At `info` a start has ten lines at most, a stop three; `debug`
shows every batch. No field holds a secret. A crash has its traceback in `exception`; what only the user
can mend ends the service, and has its sentence in `detail`. Made from `metrics/facts/` by `make dashboard`.

| event | level | fields | meaning |
|---|---|---|---|
"""


def logs() -> str:
    """Return the page of log lines."""
    return _LOGS + "".join(_line(kind) for kind in sorted(UPDATES, key=lambda kind: kind.__name__))


def _line(kind: type[Fact]) -> str:
    if issubclass(kind, ServiceEvent):
        fields: Iterable[str] = kind.__struct_fields__
    else:
        fields = (name for name, of in kind.__dataclass_fields__.items() if name != "error" and of.repr)
    number = level_of(kind)
    level = "as it is" if number is None else logging.getLevelName(number).lower()
    shown = ("oldest_seconds" if name == "ages_seconds" else name for name in fields)
    meaning = (getdoc(kind) or "").partition("\n\n")[0].replace("\n", " ")
    return f"| `{kind.__name__}` | {level} | {', '.join(f'`{name}`' for name in shown) or '-'} | {meaning} |\n"


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
    LOGS.write_text(logs(), encoding="utf-8")
