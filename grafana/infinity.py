"""Queries of the service's REST API, by Grafana's data source Infinity; it has the address and the token, not we."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.models.dashboard import DataSourceRef

from grafana.queries import Query

API = DataSourceRef(type_val="yesoreyeram-infinity-datasource", uid="${api}")


def api(path: str, columns: Mapping[str, str], *, root: str = ".") -> Query:
    """Return a query for the rows that `root`, an expression of jq, finds in an answer.

    `columns` has a title for each field; one whose title ends in ` at` is a time.
    """
    shown = [
        {"selector": field, "text": title, "type": "timestamp" if title.endswith(" at") else "string"}
        for field, title in columns.items()
    ]
    asked = {"type": "json", "parser": "jq-backend", "source": "url", "format": "table", "url": path}
    return Query(API, {**asked, "url_options": {"method": "GET", "data": ""}, "root_selector": root, "columns": shown})
