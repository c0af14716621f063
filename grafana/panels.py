"""The kinds of panels that the dashboard is built of; each asks the provisioned Prometheus."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import common, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models import dashboard as models

DATASOURCE = models.DataSourceRef(type_val="prometheus", uid="prometheus")
STAT_WIDTH, STAT_HEIGHT = 4, 4
GRAPH_WIDTH, GRAPH_HEIGHT = 12, 8


def number(title: str, expr: str, *, unit: str, help_: str, bad_from: float | None = None) -> stat.Panel:
    """Return one large number, red from `bad_from` on."""
    panel = (
        stat.Panel()
        .title(title)
        .description(help_)
        .datasource(DATASOURCE)
        .unit(unit)
        .span(STAT_WIDTH)
        .height(STAT_HEIGHT)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .with_target(_query(expr, title).instant())
    )
    return panel if bad_from is None else panel.thresholds(_red("green", bad_from))


def light(title: str, expr: str, *, help_: str) -> stat.Panel:
    """Return a lamp: green for 1, red for 0."""
    return (
        number(title, expr, unit="none", help_=help_)
        .mappings(
            [
                models.ValueMap(
                    options={
                        "0": models.ValueMappingResult(text="down", color="red"),
                        "1": models.ValueMappingResult(text="up", color="green"),
                    }
                )
            ]
        )
        .color_mode(words.BigValueColorMode.BACKGROUND)
    )


def graph(title: str, queries: Mapping[str, str], *, unit: str, help_: str) -> timeseries.Panel:
    """Return lines over time, one or more for each legend and its expression."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(help_)
        .datasource(DATASOURCE)
        .unit(unit)
        .min(0)
        .span(GRAPH_WIDTH)
        .height(GRAPH_HEIGHT)
        .fill_opacity(10)
        .legend(common.VizLegendOptions().display_mode(words.LegendDisplayMode.LIST).show_legend(True))  # noqa: FBT003
        .tooltip(common.VizTooltipOptions().mode(words.TooltipDisplayMode.MULTI))
    )
    for number_, (legend, expr) in enumerate(queries.items()):
        panel = panel.with_target(_query(expr, legend).ref_id(chr(ord("A") + number_)))
    return panel


def states(title: str, queries: Mapping[str, str], *, help_: str) -> statetimeline.Panel:
    """Return bars over time that are green for 1 and red for 0, one for each legend and its expression."""
    panel = (
        statetimeline.Panel()
        .title(title)
        .description(help_)
        .datasource(DATASOURCE)
        .span(GRAPH_WIDTH)
        .height(GRAPH_HEIGHT)
        .thresholds(_red("red", 1, then="green"))
        .color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    )
    for number_, (legend, expr) in enumerate(queries.items()):
        panel = panel.with_target(_query(expr, legend).ref_id(chr(ord("A") + number_)))
    return panel


def _query(expr: str, legend: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().expr(expr).legend_format(legend).datasource(DATASOURCE)


def _red(first: str, value: float, then: str = "red") -> builders.ThresholdsConfig:
    steps = [models.Threshold(color=first), models.Threshold(color=then, value=value)]
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)
