"""Which versions of Home Assistant were tried. Another one is served all the same, and warned of. Pure."""

from __future__ import annotations

import re

OLDEST = (2024, 3)
NEWEST = (2026, 11)


def doubt(version: str) -> str:
    """Return what there is to say of a version that was not tried, with what to do; nothing of one in between."""
    found = re.match(r"(\d+)\.(\d+)", version)
    number = (int(found[1]), int(found[2])) if found else NEWEST
    if number < OLDEST:
        return "{}.{} is the oldest that was tried: update it".format(*OLDEST)
    if number > NEWEST:
        return "{}.{} is the newest that was tried: is there a newer ingestor?".format(*NEWEST)
    return ""
