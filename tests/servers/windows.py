"""Rules and routes with every time in them shortened by one factor, so that an hour's window is seen in minutes."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r'(?<![\w".])(\d+)(ms|s|m|h|d)\b')
"""As Prometheus and Alertmanager write one; what stands in quotes or in a name, like `window="1h"`, is a word."""
_SUM = re.compile(r"\b(\d+) \* (60|3600)\b")
"""A time that is a number, in seconds: how the rules write one."""


def shortened(text: str, factor: float) -> str:
    """Return expressions, rules or routes with every time divided by the factor."""
    text = _DURATION.sub(lambda one: f"{round(int(one[1]) * _SECONDS[one[2]] / factor * 1000)}ms", text)
    return _SUM.sub(lambda one: f"{int(one[1]) * int(one[2]) / factor:g}", text)


def shortened_rules(text: str, factor: float) -> str:
    """Return rules so; what they say to a person stays as it is."""
    said = re.compile(r"^ +(summary|description):", re.MULTILINE)
    return "\n".join(line if said.match(line) else shortened(line, factor) for line in text.split("\n"))
