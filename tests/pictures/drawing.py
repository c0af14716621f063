"""A dashboard as SVG: every panel where its `gridPos` puts it, with what its queries found, from the standard library.

It is drawn to be looked at, not to be Grafana: what is said, in which size and colour, and what is empty, is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from html import escape
from textwrap import wrap
from typing import Any

from tests.pictures import graphs
from tests.pictures.answers import Found
from tests.pictures.shapes import Box, cut, rect, text
from tests.pictures.values import DIM, WHITE, colour, mapping, shown

COLUMN, LINE, GAP = 50, 30, 4
_LETTER = 0.56  # of the size of the letters, on average
_ROW, _SIZE = 34, 11  # of a table: a line is high enough for two of text


def drawn(board: dict[str, Any], answers: dict[int, list[Found]], title: str) -> str:
    """Return the open part of a dashboard, with what its panels found."""
    panels = board["panels"]
    bottom = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    width, height = 24 * COLUMN, (bottom + 1) * LINE
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="Inter,sans-serif">'
    parts = [
        head,
        f"<title>{escape(title)}</title>",
        rect(Box(0, 0, width, height), "#111217"),
        text(10, 20, title, 14),
    ]
    for panel in panels:
        parts += _panel(panel, answers.get(panel["id"], []))
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel: dict[str, Any], found: list[Found]) -> Iterator[str]:
    place = panel["gridPos"]
    outer = Box(place["x"] * COLUMN, (place["y"] + 1) * LINE, place["w"] * COLUMN - GAP, place["h"] * LINE - GAP)
    if panel["type"] == "row":
        yield text(outer.x + 8, outer.y + 18, ("▸ " if panel["collapsed"] else "▾ ") + panel["title"], 13, WHITE)
        return
    yield rect(outer, "#181b1f")
    yield text(outer.x + 8, outer.y + 16, panel["title"], 11, WHITE)
    inner = Box(outer.x + 8, outer.y + 22, outer.width - 16, outer.height - 28)
    yield from _KINDS[panel["type"]](panel, found, inner)


def _stat(panel: dict[str, Any], found: list[Found], area: Box) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    told = [shown(defaults, one.last) for one in found] or [shown(defaults, None)]
    each = area.height / len(told)
    for line, (words, tint) in enumerate(told):
        tile = Box(area.x, area.y + line * each, area.width, each)
        size = min(each * 0.6, area.width / max(1, len(words)) / _LETTER, 34)
        is_solid = panel["options"].get("colorMode", "").startswith("background")
        if is_solid:
            yield rect(tile, tint)
        across, down = tile.x + tile.width / 2, tile.y + tile.height / 2 + size / 3
        yield text(across, down, words, size, "#111217" if is_solid else tint, anchor="middle")


def _bars(panel: dict[str, Any], found: list[Found], area: Box) -> Iterator[str]:
    defaults = panel["fieldConfig"]["defaults"]
    if not found:
        yield _empty(panel, area)
    most = defaults.get("max") or max([one.last for one in found], default=1) or 1
    each = area.height / max(1, len(found))
    for line, one in enumerate(found):
        words, tint = shown(defaults, one.last)
        down, thick = area.y + line * each, each * 0.7
        left = area.x + area.width * 0.3
        yield text(area.x, down + thick * 0.75, one.name, 11, WHITE)
        yield rect(Box(left, down, area.width * 0.5, thick), "#2a2d33")
        yield rect(Box(left, down, area.width * 0.5 * min(1, one.last / most), thick), tint)
        yield text(area.x + area.width, down + thick * 0.75, words, 12, tint, anchor="end")


def _table(panel: dict[str, Any], found: list[Found], area: Box) -> Iterator[str]:
    organised = next((one["options"] for one in panel.get("transformations", []) if one["id"] == "organize"), None)
    if not found or organised is None:
        yield _empty(panel, area)
        return
    looks = {
        one["matcher"]["options"]: {property_["id"]: property_.get("value") for property_ in one["properties"]}
        for one in panel["fieldConfig"]["overrides"]
    }
    titles = {
        label: organised["renameByName"][label]
        for label in sorted(organised["indexByName"], key=organised["indexByName"].get)
    }
    given = {label: looks.get(title, {}).get("custom.width") for label, title in titles.items()}
    rest = (area.width - sum(width or 0 for width in given.values())) / max(1, list(given.values()).count(None))
    left = area.x
    for label, title in titles.items():
        column = Box(left, area.y, given[label] or rest, area.height)
        yield from _column(title, [one.labels.get(label, "") for one in found], looks.get(title, {}), column)
        left += column.width


def _column(title: str, values: list[str], look: dict[str, Any], area: Box) -> Iterator[str]:
    yield text(area.x, area.y + 10, title, 10, "#6e9fff")
    options = look.get("custom.cellOptions", {})
    letters = int(area.width / _SIZE / _LETTER)
    for row, value in enumerate(values[: int(area.height / _ROW)]):
        mapped = mapping(look.get("mappings", []), value)
        words = mapped.get("text", value)
        tint = colour(mapped.get("color")) if options.get("type") == "color-text" else WHITE
        for line, part in enumerate(wrap(words, letters) if options.get("wrapText") else [cut(words, letters)]):
            yield text(area.x, area.y + 28 + row * _ROW + line * _SIZE * 1.3, part, _SIZE, tint)


def _alerts(panel: dict[str, Any], found: list[Found], area: Box) -> Iterator[str]:
    del panel
    if not found:
        yield text(
            area.x + area.width / 2, area.y + area.height / 2, "No alerts matching filters", 12, DIM, anchor="middle"
        )
    firing = sorted(found, key=lambda one: (one.labels["alertstate"], one.labels["severity"], one.labels["alertname"]))
    told = {(one.labels["alertname"], one.labels["alertstate"], one.labels["severity"]): None for one in firing}
    for line, (name, state, severity) in enumerate(told):
        down = area.y + 12 + line * 19
        tint = colour("orange" if state == "pending" else "red" if severity == "critical" else "yellow")
        yield text(area.x, down, name, 12, WHITE)
        yield text(area.x + area.width, down, f"{severity}, {state}", 11, tint, anchor="end")


def _empty(panel: dict[str, Any], area: Box) -> str:
    words = panel["fieldConfig"]["defaults"].get("noValue", "No data")
    return text(area.x + area.width / 2, area.y + area.height / 2, words, 13, DIM, anchor="middle")


def _graph(panel: dict[str, Any], found: list[Found], area: Box) -> Iterator[str]:
    if not found:
        yield _empty(panel, area)
    elif panel["type"] == "state-timeline":
        yield from graphs.timeline(panel, found, area)
    else:
        yield from graphs.lines(panel, found, area)


def _note(panel: dict[str, Any], found: list[Found], area: Box) -> Iterator[str]:
    del found
    for line, words in enumerate(panel["options"]["content"].strip().splitlines()):
        yield text(area.x, area.y + 12 + line * 16, words, 10, WHITE)


_KINDS: dict[str, Callable[[dict[str, Any], list[Found], Box], Iterator[str]]] = {
    "stat": _stat,
    "bargauge": _bars,
    "table": _table,
    "alertlist": _alerts,
    "state-timeline": _graph,
    "timeseries": _graph,
    "text": _note,
}
