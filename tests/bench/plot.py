"""A line chart as SVG, from the standard library alone: points with whiskers, a legend, linear or logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from msgspec import Struct

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 70, 24, 84, 56
COLOURS = ("#1f6fb4", "#d1622b", "#3b8f4d")
_TICKS = 6


class Point(Struct, frozen=True):
    """A value at an x, and the range in which it was found."""

    x: float
    y: float
    least: float
    most: float


class Axis(Struct, frozen=True):
    """An axis from the lowest value to the highest one; a linear one begins at 0."""

    title: str
    values: tuple[float, ...]
    logarithmic: bool = False

    @property
    def ticks(self) -> list[float]:
        """Round values that surround all of the axis's."""
        low, high = min(self.values), max(self.values)
        if self.logarithmic:
            powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            marks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
            first = max((mark for mark in marks if mark <= low), default=marks[0])
            return [mark for mark in marks if first <= mark < high] + [min(mark for mark in marks if mark >= high)]
        step = 10.0 ** math.floor(math.log10(high / _TICKS))
        step *= next(factor for factor in (1, 2, 5, 10) if high / (factor * step) <= _TICKS)
        return [number * step for number in range(math.ceil(high / step) + 1)]

    def place(self, value: float) -> float:
        """Return where a value stands between the first tick, 0, and the last one, 1."""
        first, last = self.ticks[0], self.ticks[-1]
        if self.logarithmic:
            return math.log(value / first) / math.log(last / first)
        return (value - first) / (last - first)


def chart(title: str, x: Axis, y: Axis, lines: Mapping[str, Sequence[Point]]) -> str:
    """Return the chart of the lines by their names."""
    parts = [*_frame(title, x, y)]
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number]
        places = [(_x(x, one.x), _y(y, one.y)) for one in points]
        track = " ".join(f"{across:.1f},{down:.1f}" for across, down in places)
        parts.append(f'<polyline points="{track}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for (across, down), one in zip(places, points, strict=True):
            ends = f'y1="{_y(y, one.least):.1f}" y2="{_y(y, one.most):.1f}"'
            parts.append(f'<line x1="{across:.1f}" x2="{across:.1f}" {ends} stroke="{colour}"/>')
            parts.append(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3.5" fill="{colour}"/>')
        down = 44 + 17 * number
        parts.append(f'<rect x="{LEFT + 180}" y="{down - 6}" width="16" height="4" fill="{colour}"/>')
        parts.append(_text(LEFT + 202, down, name, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _frame(title: str, x: Axis, y: Axis) -> list[str]:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
    parts = [f'{head} font-size="13">', f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>']
    grid = 'stroke="#ddd"'
    for tick in x.ticks:
        parts.append(f'<path d="M{_x(x, tick):.1f} {TOP}V{HEIGHT - BOTTOM}" {grid}/>')
        parts.append(_text(_x(x, tick), HEIGHT - BOTTOM + 18, f"{tick:,g}"))
    for tick in y.ticks:
        parts.append(f'<path d="M{LEFT} {_y(y, tick):.1f}H{WIDTH - RIGHT}" {grid}/>')
        parts.append(_text(LEFT - 8, _y(y, tick) + 4, f"{tick:,g}", "end"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts += [_text(middle, 22, title), _text(middle, HEIGHT - 14, x.title)]
    return [*parts, _text(LEFT - 52, TOP - 10, y.title, "start")]


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _x(axis: Axis, value: float) -> float:
    return LEFT + axis.place(value) * (WIDTH - LEFT - RIGHT)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - axis.place(value) * (HEIGHT - TOP - BOTTOM)
