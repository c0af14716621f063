"""A dashboard is a list of sections; each has panels, which fill the grid from the left and from above.

What a user looks for only when something is wrong stands in a section that is closed, one line high.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import count

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery, DashboardCursorSync, DataSourceRef, GridPos, Panel

COLUMNS = 24
Build = Callable[[], dashboard.Dashboard]


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under a title; one without a title stands at the top."""

    title: str
    panels: Sequence[Builder[Panel]]
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Mark(Builder[AnnotationQuery], AnnotationQuery):
    """What is marked in every graph: the moments at which an expression of Prometheus finds something."""

    name: str
    source: DataSourceRef
    colour: str
    expr: str
    title: str

    def build(self) -> AnnotationQuery:
        """Return itself."""
        return self

    def to_json(self) -> dict[str, object]:
        """Return what stands in the dashboard."""
        shown = {"name": self.name, "datasource": self.source, "enable": True, "iconColor": self.colour}
        return {**shown, "expr": self.expr, "titleFormat": self.title, "step": "60s"}


def board(title: str, uid: str, sections: Sequence[Section]) -> dashboard.Dashboard:
    """Return a dashboard of these sections; its `uid` stays, for links and bookmarks lead to it."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .tags(["home-assistant"])
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
    )
    ids, top = count(1), 0
    for section in sections:
        if section.title:
            row = dashboard.Row(section.title).id(next(ids)).collapsed(section.closed)
            row.grid_pos(GridPos(h=1, w=COLUMNS, x=0, y=top))
            top += 1
        placed = [_Placed(panel, next(ids)) for panel in section.panels]
        bottom = _fill(placed, top)
        if section.closed:
            for panel in placed:
                row.with_panel(panel)
        if section.title:
            made.with_row(row)
        if not section.closed:
            for panel in placed:
                made.with_panel(panel)
            top = bottom
    return made


def rendered(build: Build) -> str:
    """Return a dashboard as the JSON that Grafana provisions."""
    return json.dumps(build().build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


class _Placed(Builder[Panel]):
    """A panel with its number and its place."""

    def __init__(self, panel: Builder[Panel], number: int) -> None:
        self._made = deepcopy(panel.build())
        self._made.id_val = number

    @property
    def place(self) -> GridPos:
        """Where it is, in the grid."""
        if self._made.grid_pos is None:
            raise ValueError(f"{self._made.title} has no size")
        return self._made.grid_pos

    def build(self) -> Panel:
        return self._made


def _fill(panels: Sequence[_Placed], top: int) -> int:
    """Place panels in lines, from a height on; return where the last line ends."""
    left = height = 0
    for panel in panels:
        if left + panel.place.w > COLUMNS:
            left, top, height = 0, top + height, 0
        panel.place.x, panel.place.y = left, top
        left, height = left + panel.place.w, max(height, panel.place.h)
    return top + height
