"""How a user says which entities are meant, in `INCLUDE` and `EXCLUDE`. Pure.

A rule is an id (`light.kitchen`), a glob (`sensor.*_power`), or what an entity has, behind the name of that: `label:`,
`area:`, `device_class:`, `integration:` or `domain:`; `light.*` is a domain, too. A long-term statistic that is no
entity's is meant by `statistic:` alone. `live/selection.py` has what follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

LEVELS = ("entity", "label", "glob", "area", "device_class", "integration", "domain", "statistic")
"""The most specific first."""
NAMED = tuple(level for level in LEVELS if level not in {"entity", "glob"})

Rules: TypeAlias = Mapping[str, tuple[str, ...]]
"""Patterns by level."""


def by_level(rules: Iterable[str]) -> Rules:
    """Return the patterns of rules. Raises `ValueError`, with a sentence, for anything that is not a rule."""
    found: dict[str, tuple[str, ...]] = {}
    for rule in rules:
        level, pattern = _read(rule)
        found[level] = (*found.get(level, ()), pattern)
    return found


def _read(rule: str) -> tuple[str, str]:
    level, colon, pattern = (part.strip() for part in rule.partition(":"))
    if colon:
        if level.lower() not in NAMED or not pattern:
            raise ValueError(
                f"{rule} is no rule: before a colon stands one of {', '.join(NAMED)}, and a name behind it"
            )
        return level.lower(), pattern.lower()
    if not re.fullmatch(r"(\[!?[^]\s]+\]|[^][\s;])+", rule):
        raise ValueError(
            "must be entities or globs, separated by commas, like sensor.*,light.kitchen_*, or what they have, like"
            " label:no_history,area:Kitchen,device_class:battery,integration:mqtt"
        )
    domain, _, name = rule.partition(".")
    if name == "*" and not _is_glob(domain):
        return "domain", domain
    return ("glob" if _is_glob(rule) else "entity"), rule


def _is_glob(text: str) -> bool:
    return any(sign in text for sign in "*?[")
