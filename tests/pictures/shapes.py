"""The few shapes of SVG that a picture is made of."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from tests.pictures.values import WHITE


class Box(NamedTuple):
    """A rectangle, in pixels."""

    x: float
    y: float
    width: float
    height: float


def rect(area: Box, fill: str) -> str:
    """Return a filled rectangle."""
    return (
        f'<rect x="{area.x:.1f}" y="{area.y:.1f}" width="{area.width:.1f}" height="{area.height:.1f}" fill="{fill}"/>'
    )


def text(x: float, y: float, words: str, size: float, fill: str = WHITE, anchor: str = "start") -> str:
    """Return words, at the left end of their line or where the anchor says."""
    where = f'x="{x:.1f}" y="{y:.1f}" font-size="{size:.0f}" fill="{fill}"'
    return f'<text {where} text-anchor="{anchor}">{escape(words)}</text>'


def track(points: list[tuple[float, float]], stroke: str) -> str:
    """Return a line through points."""
    through = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
    return f'<polyline points="{through}" fill="none" stroke="{stroke}" stroke-width="1.5"/>'


def cut(words: str, letters: float) -> str:
    """Return words, cut off where there is no room for more letters."""
    return words if len(words) <= letters else words[: int(letters) - 1] + "…"
