"""Queries of Prometheus: every metric of ours in an expression is narrowed to the instances and homes that are chosen.

A metric that the service does not have is a mistake here, not an empty panel.
"""

from __future__ import annotations

import re

from grafana_foundation_sdk.models.dashboard import DataSourceRef

from grafana.queries import Query
from metrics.facts import CATALOGUE

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${prometheus}")

_METRIC = re.compile(r'(?<![\w:"])(up|process_\w+|ingestor_\w+)\b(\{?)')
_SUFFIX = {"counter": "_total", "gauge": "", "histogram": "_bucket"}
_HOMES = {
    metric.name + _SUFFIX[metric.kind]: any(label.name == "home" for label in metric.labels)
    for metric in CATALOGUE.values()
}


def over_time(expr: str, legend: str = "{{instance}}") -> Query:
    """Return a query over the time that the dashboard shows."""
    return _query(expr, legendFormat=legend, range=True)


def now(expr: str, legend: str = "{{instance}}") -> Query:
    """Return a query of what holds at the end of that time."""
    return _query(expr, legendFormat=legend, instant=True, range=False)


def table(expr: str) -> Query:
    """Return a query of what holds at the end of that time, a row for each series and a column for each label."""
    return _query(expr, format="table", instant=True, range=False)


def known(gauge: str, within: str = "1d") -> str:
    """Return an expression of what was known last of a gauge, also when the service is down."""
    return f"last_over_time({gauge}[{within}])"


def narrowed(expr: str) -> str:
    """Return an expression that asks of the chosen instances and homes only."""

    def narrow(found: re.Match[str]) -> str:
        name, more = found.groups()
        chosen = ['instance=~"$instance"']
        if not name.startswith("ingestor_"):
            chosen.insert(0, 'job="ingestor"')
        elif _HOMES[name]:
            chosen.append('home=~"$home"')
        return f"{name}{{{','.join(chosen)}{',' if more else '}'}"

    return _METRIC.sub(narrow, expr)


def _query(expr: str, **fields: object) -> Query:
    return Query(PROMETHEUS, {"expr": narrowed(expr), **fields})
