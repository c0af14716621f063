"""The vocabulary of panels: each is a title, what it asks, what it means, and how it looks.

A panel takes queries of any data source. Colours mean the same everywhere: green is well, yellow waits for somebody,
orange is a part that is away while nothing is lost, red is a loss or will be one, blue and grey judge nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, common, stat, statetimeline, table, text, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as choices
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.text import TextMode

from grafana.queries import Query, lettered

GREEN, YELLOW, ORANGE, RED = "green", "yellow", "orange", "red"
BLUE, GREY = "blue", "#8e8e8e"

_Panel = TypeVar("_Panel", stat.Panel, bargauge.Panel, timeseries.Panel, statetimeline.Panel, table.Panel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How a panel looks: its size in the grid of 24 columns, its unit, and what its values mean.

    `steps` has the colour from each value on; that of `None` is below the first, and where there is none. `words` has a
    text and a colour for a value; a solid tile has its colour behind it. `none` is said where nothing is found. `links`
    lead on, by name. Lines begin at `least`, or with the lowest of them.
    """

    width: int = 12
    height: int = 8
    unit: str = "short"
    decimals: int | None = None
    least: float | None = 0
    most: float | None = None
    steps: Mapping[float | None, str] = field(default_factory=lambda: {None: BLUE})
    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    solid: bool = False
    none: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a table: texts for its values, where its values lead, how wide it is, in pixels, its own unit."""

    words: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    url: str = ""
    width: int | None = None
    unit: str = ""
    is_coloured: bool = False
    wraps: bool = False

    def properties(self) -> Iterator[models.DynamicConfigValue]:
        """Yield what differs from other columns."""
        if self.words:
            yield models.DynamicConfigValue("mappings", [_mapped(self.words)])
        if self.is_coloured:
            yield models.DynamicConfigValue("custom.cellOptions", {"type": "color-text"})
        if self.wraps:
            yield models.DynamicConfigValue("custom.cellOptions", {"type": "auto", "wrapText": True})
        if self.url:
            yield models.DynamicConfigValue("links", [{"title": "", "url": self.url, "targetBlank": True}])
        if self.unit:
            yield models.DynamicConfigValue("unit", self.unit)
        if self.width is not None:
            yield models.DynamicConfigValue("custom.width", self.width)


def tile(title: str, *queries: Query, help_: str, look: Look) -> stat.Panel:
    """Return the last value in large letters."""
    mode = choices.BigValueColorMode.BACKGROUND_SOLID if look.solid else choices.BigValueColorMode.VALUE
    panel = (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(mode)
        .graph_mode(choices.BigValueGraphMode.NONE)
    )
    return _dressed(panel, title, queries, help_, look)


def shares(title: str, *queries: Query, help_: str, look: Look) -> bargauge.Panel:
    """Return bars that are filled as far as the last values say, each with its name."""
    panel = (
        bargauge.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .orientation(choices.VizOrientation.HORIZONTAL)
        .display_mode(choices.BarGaugeDisplayMode.BASIC)
        .min(0)
    )
    return _dressed(panel, title, queries, help_, look)


def graph(title: str, *queries: Query, help_: str, look: Look) -> timeseries.Panel:
    """Return lines over time."""
    panel = _over_time().fill_opacity(10).span_nulls(False)  # noqa: FBT003
    return _dressed(panel, title, queries, help_, look)


def bars(title: str, *queries: Query, help_: str, look: Look) -> timeseries.Panel:
    """Return counts over time as stacked bars."""
    panel = (
        _over_time()
        .draw_style(choices.GraphDrawStyle.BARS)
        .fill_opacity(80)
        .stacking(common.StackingConfig().mode(choices.StackingMode.NORMAL))
    )
    return _dressed(panel, title, queries, help_, look)


def timeline(title: str, *queries: Query, help_: str, look: Look) -> statetimeline.Panel:
    """Return a bar over time for each series, in the words and colours of its values."""
    panel = (
        statetimeline.Panel()
        .merge_values(True)  # noqa: FBT003
        .show_value(choices.VisibilityMode.AUTO)
        .row_height(0.8)
        .fill_opacity(80)
        .legend(common.VizLegendOptions().show_legend(False).display_mode(choices.LegendDisplayMode.LIST))  # noqa: FBT003
        .tooltip(common.VizTooltipOptions().mode(choices.TooltipDisplayMode.SINGLE))
    )
    return _dressed(panel, title, queries, help_, look)


def rows(
    title: str,
    *queries: Query,
    help_: str,
    look: Look,
    fields: Mapping[str, str] | None = None,
    columns: Mapping[str, Column] | None = None,
) -> table.Panel:
    """Return a table of what is found: of these `fields`, by these titles, or of all; `columns` are by title."""
    panel = _dressed(table.Panel().cell_height(choices.TableCellHeight.SM), title, queries, help_, look)
    for name, column in (columns or {}).items():
        panel.override_by_name(name, list(column.properties()))
    if fields:
        order = {name: place for place, name in enumerate(fields)}
        kept = models.DataTransformerConfig("filterFieldsByName", options={"include": {"names": list(fields)}})
        named = {"renameByName": dict(fields), "indexByName": order, "excludeByName": {}}
        panel.transformations([kept, models.DataTransformerConfig("organize", options=named)])
    return panel


def alerts(title: str, *, help_: str, look: Look, labels: str) -> builders.Panel:
    """Return the alerts that fire or are about to, of whichever sources there are; `labels` narrows them."""
    options = {
        "alertInstanceLabelFilter": labels,
        "alertName": "",
        "dashboardAlerts": False,
        "groupBy": [],
        "groupMode": "default",
        "maxItems": 20,
        "showInstances": False,
        "sortOrder": 3,  # by importance
        "stateFilter": {"error": True, "firing": True, "noData": False, "normal": False, "pending": True},
        "viewMode": "list",
    }
    panel = builders.Panel().type("alertlist").title(title).description(help_).options(options)
    return panel.span(look.width).height(look.height)


def note(title: str, markdown: str, *, look: Look) -> text.Panel:
    """Return a text."""
    return text.Panel().title(title).span(look.width).height(look.height).mode(TextMode.MARKDOWN).content(markdown)


def _over_time() -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(choices.LegendDisplayMode.LIST)
    return (
        timeseries.Panel()
        .legend(legend.placement(choices.LegendPlacement.BOTTOM).show_legend(True))  # noqa: FBT003
        .tooltip(common.VizTooltipOptions().mode(choices.TooltipDisplayMode.MULTI))
    )


def _dressed(panel: _Panel, title: str, queries: tuple[Query, ...], help_: str, look: Look) -> _Panel:
    panel.title(title).description(help_).span(look.width).height(look.height).unit(look.unit)
    panel.datasource(queries[0].source).targets([*lettered(queries)])
    steps = [models.Threshold(color=colour, value=value) for value, colour in look.steps.items()]
    panel.thresholds(builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
    if isinstance(panel, timeseries.Panel):
        if look.least is not None:
            panel.min(look.least)
    else:
        panel.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    if look.words:
        panel.mappings([_mapped(look.words)])
    if look.decimals is not None:
        panel.decimals(look.decimals)
    if look.most is not None:
        panel.max(look.most)
    if look.none is not None:
        panel.no_value(look.none)
    if look.links:
        panel.links([builders.DashboardLink(name).url(url).target_blank(True) for name, url in look.links.items()])  # noqa: FBT003
    return panel


def _mapped(words: Mapping[str, tuple[str, str]]) -> models.ValueMap:
    results = {
        value: models.ValueMappingResult(text=word, color=colour or None, index=place)
        for place, (value, (word, colour)) in enumerate(words.items())
    }
    return models.ValueMap(options=results)
