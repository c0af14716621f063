"""What a panel asks: a query has the fields of its own data source, and names that source.

The source is a variable of the dashboard, so that an imported dashboard asks whichever the user has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.dashboard import DataSourceRef


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


def lettered(queries: Sequence[Query]) -> Iterator[Query]:
    """Yield the queries of a panel, each by its letter."""
    for number, query in enumerate(queries):
        yield replace(query, ref_id=chr(ord("A") + number))
