"""What a panel asks: a query has the fields of its own data source, and names that source.

The source is a variable of the dashboard, so that an imported dashboard asks whichever the user has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef

PROMETHEUS = DataSourceRef(type_val="prometheus", uid="${prometheus}")


@dataclass(frozen=True, slots=True)
class Query(Builder[Dataquery], Dataquery):
    """One target of a panel, as its data source wants it."""

    source: DataSourceRef
    fields: Mapping[str, object]
    ref_id: str = "A"

    def build(self) -> Query:
        """Return itself, as the builders of panels expect of a target."""
        return self

    def to_json(self) -> dict[str, object]:
        """Return what stands in the dashboard."""
        return {"datasource": self.source, "refId": self.ref_id, **self.fields}


def prometheus(expr: str, legend: str = "") -> Query:
    """Return a query over the time that the dashboard shows."""
    return Query(PROMETHEUS, {"expr": expr, "legendFormat": legend, "range": True})


def prometheus_now(expr: str, legend: str = "") -> Query:
    """Return a query of what holds at the end of that time."""
    return Query(PROMETHEUS, {"expr": expr, "legendFormat": legend, "instant": True, "range": False})


def prometheus_rows(expr: str) -> Query:
    """Return a query of what holds at the end of that time, a row for each series and a column for each label."""
    return Query(PROMETHEUS, {"expr": expr, "format": "table", "instant": True, "range": False})


def lettered(queries: tuple[Query, ...]) -> Iterator[Query]:
    """Yield the queries of a panel, each by its letter."""
    for number, query in enumerate(queries):
        yield replace(query, ref_id=chr(ord("A") + number))
