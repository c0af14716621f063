"""What a value says in a panel: its words or its number with a unit, and its colour, as Grafana shows them. Pure."""

from __future__ import annotations

import math
from typing import Any

COLOURS = {"green": "#73bf69", "yellow": "#fade2a", "orange": "#ff9830", "red": "#f2495c", "blue": "#5794f2"}
PALETTE = ("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0", "#37872d", "#fade2a")
WHITE, DIM = "#d8d9da", "#8e8e8e"
_STEPS_OF_TIME = ((60, "s", 1), (3600, "min", 60), (86_400, "hours", 3600), (math.inf, "days", 86_400))


def colour(name: str | None) -> str:
    """Return a colour of ours as one of SVG."""
    return COLOURS.get(name or "", name or WHITE)


def shown(defaults: dict[str, Any], value: float | None) -> tuple[str, str]:
    """Return the text and the colour of a value by the defaults of a panel's fields; `None` is none."""
    steps = defaults.get("thresholds", {}).get("steps", [{"color": "green", "value": None}])
    if value is None or math.isnan(value):
        return defaults.get("noValue", "No data"), colour(steps[0]["color"])
    mapped = mapping(defaults.get("mappings", []), f"{value:g}")
    if mapped:
        return mapped["text"], colour(mapped.get("color"))
    passed = [step for step in steps if step.get("value") is None or value >= step["value"]]
    return number(value, defaults.get("unit", "short"), defaults.get("decimals")), colour(passed[-1]["color"])


def mapping(mappings: list[dict[str, Any]], value: str) -> dict[str, Any]:
    """Return what stands for a value, if something does."""
    return next((one["options"][value] for one in mappings if value in one["options"]), {})


def number(value: float, unit: str, decimals: int | None = None) -> str:
    """Return a number with its unit."""
    match unit:
        case "percentunit":
            return f"{_rounded(100 * value, 1 if decimals is None else decimals)}%"
        case "s":
            if 0 < abs(value) < 1:
                return f"{_rounded(1000 * value, 0)} ms"
            _, name, size = next(step for step in _STEPS_OF_TIME if abs(value) < step[0])
            return f"{_rounded(value / size, 1 if decimals is None else decimals)} {name}"
        case "bytes" | "Bps":
            power = min(4, int(math.log(max(1, abs(value)), 1024)))
            tail = "/s" if unit == "Bps" else ""
            return f"{_rounded(value / 1024**power, 1)} {('B', 'KiB', 'MiB', 'GiB', 'TiB')[power]}{tail}"
    tail = " c/s" if unit == "cps" else ""
    if abs(value) >= 10_000:
        return f"{_rounded(value / 1000, 1)} K{tail}"
    return f"{_rounded(value, 1 if decimals is None else decimals)}{tail}"


def _rounded(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
