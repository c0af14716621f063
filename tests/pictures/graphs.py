"""Lines, bars and states over time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from tests.pictures.answers import SHOWN_SECONDS, Found
from tests.pictures.shapes import Box, cut, rect, text, track
from tests.pictures.values import DIM, PALETTE, number, shown

_TICKS = 3


def lines(panel: dict[str, Any], found: list[Found], area: Box) -> Iterator[str]:
    """Yield the lines of a graph, or its bars on each other, with an axis and a legend."""
    defaults = panel["fieldConfig"]["defaults"]
    is_bars = defaults["custom"].get("drawStyle") == "bars"
    plot = Box(area.x + 55, area.y + 4, area.width - 60, area.height - 36)
    most = defaults.get("max") or max(
        [value for one in found for _, value in one.points if not math.isnan(value)] or [1]
    )
    most = most or 1
    for tick in range(_TICKS + 1):
        down = plot.y + plot.height * (1 - tick / _TICKS)
        yield rect(Box(plot.x, down, plot.width, 0.5), "#2c3235")
        words = number(most * tick / _TICKS, defaults.get("unit", "short"), defaults.get("decimals"))
        yield text(plot.x - 4, down + 4, words, 9, DIM, anchor="end")
    left = area.x
    for one, tint in zip(found, PALETTE * 9, strict=False):
        places = [
            (plot.x + plot.width * (1 + at / SHOWN_SECONDS), plot.y + plot.height * (1 - min(1, value / most)))
            for at, value in one.points
            if not math.isnan(value)
        ]
        if is_bars:
            for x, y in places:
                yield rect(Box(x - 2, y, 4, plot.y + plot.height - y), tint)
        else:
            yield track(places, tint)
        name = cut(one.name, 40)
        yield rect(Box(left, area.y + area.height - 12, 12, 3), tint)
        yield text(left + 16, area.y + area.height - 7, name, 10)
        left += 34 + 5.6 * len(name)


def timeline(panel: dict[str, Any], found: list[Found], area: Box) -> Iterator[str]:
    """Yield a bar for each series, in the words and colours of its values."""
    defaults = panel["fieldConfig"]["defaults"]
    names = area.width * 0.11
    each = min(40.0, area.height / len(found))
    for line, one in enumerate(found):
        down, thick = area.y + line * each, each * 0.8
        yield text(area.x, down + thick * 0.65, cut(one.name, names / 6), min(11, thick * 0.8), DIM)
        width = (area.width - names) / SHOWN_SECONDS
        for value, run in groupby(one.points, key=lambda point: point[1]):
            times = [at for at, _ in run]
            words, tint = shown(defaults, value)
            span = Box(
                area.x + area.width + width * times[0], down, width * min(times[-1] - times[0] + 1, -times[0]), thick
            )
            yield rect(span, tint)
            size = min(12, thick * 0.7)
            if len(words) * size * 0.56 < span.width:
                yield text(span.x + span.width / 2, down + thick * 0.65, words, size, "#111217", anchor="middle")
