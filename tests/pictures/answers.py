"""What a real Prometheus, and the real API, answer to the panels of a dashboard."""

from __future__ import annotations

import re
import time
from typing import Any

from msgspec import Struct

from tests.servers.asking import CLIENT

SHOWN_SECONDS = 80
_STEP_SECONDS = 1
_CHOSEN = {"$__rate_interval": "10s", "$instance": ".*", "$home": ".*"}


class Found(Struct):
    """What one query found of a series: its legend, its labels, its values by seconds since the picture, below 0."""

    name: str
    labels: dict[str, str]
    points: list[tuple[float, float]]

    @property
    def last(self) -> float:
        """The newest value."""
        return self.points[-1][1]


def answers(board: dict[str, Any], prometheus: str) -> dict[int, list[Found]]:
    """Return what the panels of a dashboard find over the last minute and a bit, by their ids."""
    now = time.time()
    shown = [panel for row in board["panels"] for panel in (row, *row.get("panels", []))]
    return {panel["id"]: [one for asked in _asked(panel) for one in _found(prometheus, asked, now)] for panel in shown}


def _asked(panel: dict[str, Any]) -> list[dict[str, Any]]:
    if panel["type"] == "alertlist":
        return [{"expr": "ALERTS" + panel["options"]["alertInstanceLabelFilter"], "instant": True, "legendFormat": ""}]
    return [target for target in panel.get("targets", []) if "expr" in target]


def _found(prometheus: str, asked: dict[str, Any], now: float) -> list[Found]:
    expr = re.sub(r"\$\w+", lambda name: _CHOSEN[name[0]], asked["expr"])
    times = {"time": now} if asked.get("instant") else {"start": now - SHOWN_SECONDS, "end": now, "step": _STEP_SECONDS}
    path = "query" if asked.get("instant") else "query_range"
    answer = CLIENT.get(f"{prometheus}/api/v1/{path}", params={"query": expr, **times}, timeout=30).json()
    assert answer["status"] == "success", answer
    return [_read(one, asked.get("legendFormat", ""), now) for one in answer["data"]["result"]]


def _read(one: dict[str, Any], legend: str, now: float) -> Found:
    labels = one["metric"]
    name = re.sub(r"\{\{(\w+)\}\}", lambda label: str(labels.get(label[1], "")), legend)
    return Found(name, labels, [(at - now, float(value)) for at, value in one.get("values") or [one["value"]]])
