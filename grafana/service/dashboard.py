"""The dashboard "Ingestor": its sections, what may be chosen at its top, and what is marked in every graph."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, VariableOption, VariableRefresh

from grafana.board import Mark, board
from grafana.panels import BLUE, ORANGE, YELLOW
from grafana.prometheus import PROMETHEUS, narrowed
from grafana.service.admin import ADMIN
from grafana.service.flow import BALANCE, DATABASE, FLOW
from grafana.service.missed import HOME, MISSED
from grafana.service.process import PROCESS
from grafana.service.runbooks import PAGES
from grafana.service.safe import SAFE

UID = "ha-ingestor"
_LINKS = {
    "Operations": "operations.md",
    "Monitoring": "monitoring.md",
    "Metrics": "metrics.md",
    "Balance": "balance.md",
}
_MARKS: Mapping[str, tuple[str, str, str]] = {
    "Starts": (BLUE, "changes(process_start_time_seconds[1m]) > 0", "The service was started"),
    "Gaps": (YELLOW, "sum by (instance, home, cause) (increase(ingestor_gaps_found_total[1m])) > 0", "Gap: {{cause}}"),
    "Warnings": (ORANGE, "sum by (instance, code) (increase(ingestor_warnings_total[1m])) > 0", "Warning: {{code}}"),
}


def build() -> dashboard.Dashboard:
    """Return the dashboard's builder."""
    made = board("Ingestor", UID, [SAFE, FLOW, MISSED, HOME, DATABASE, BALANCE, PROCESS, ADMIN])
    return (
        made.variables(
            [
                dashboard.DatasourceVariable("prometheus").label("Prometheus").type("prometheus"),
                dashboard.DatasourceVariable("api").label("API").type("yesoreyeram-infinity-datasource"),
                _choice("instance", 'label_values(up{job="ingestor"}, instance)'),
                _choice("home", 'label_values(ingestor_connected{instance=~"$instance"}, home)'),
            ]
        )
        .annotations(
            [Mark(name, PROMETHEUS, colour, narrowed(expr), title) for name, (colour, expr, title) in _MARKS.items()]
        )
        .links(
            [
                dashboard.DashboardLink(name)
                .type(DashboardLinkType.LINK)
                .icon("doc")
                .url(f"{PAGES}/{page}")
                .target_blank(True)  # noqa: FBT003
                for name, page in _LINKS.items()
            ]
        )
    )


def _choice(name: str, values: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(PROMETHEUS)
        .query({"query": values, "refId": name})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)  # noqa: FBT003
        .include_all(True)  # noqa: FBT003
        .all_value(".*")
        .current(VariableOption(text="All", value="$__all"))
    )
