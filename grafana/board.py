"""A dashboard is a list of sections; each has panels, which fill the grid from the left and from above.

What a user looks for only when something is wrong stands in a section that is closed, one line high.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, Panel

Build = Callable[[], dashboard.Dashboard]


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under a title; one without a title stands at the top."""

    title: str
    panels: Sequence[Builder[Panel]]
    closed: bool = False


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
    ids = count(1)
    for section in sections:
        row = dashboard.Row(section.title).id(next(ids)).collapsed(section.closed)
        panels = [_Numbered(panel, next(ids)) for panel in section.panels]
        if section.closed:
            for panel in panels:
                row = row.with_panel(panel)
        if section.title:
            made = made.with_row(row)
        if not section.closed:
            for panel in panels:
                made = made.with_panel(panel)
    return made


def rendered(build: Build) -> str:
    """Return a dashboard as the JSON that Grafana provisions."""
    return json.dumps(build().build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


class _Numbered(Builder[Panel]):
    """A panel with its id."""

    def __init__(self, panel: Builder[Panel], number: int) -> None:
        self._made = panel.build()
        self._made.id_val = number

    def build(self) -> Panel:
        return self._made
