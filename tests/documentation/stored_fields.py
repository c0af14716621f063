"""The tables of `home_assistant_events` and of units in docs/schema.md, written from those of fields and quantities.

`python -m tests.documentation.stored_fields` writes it anew.
"""

from __future__ import annotations

import re
from pathlib import Path

from ingestor.enrichment.units import QUANTITIES
from ingestor.model.fields import FIELDS, TAGS

PAGE = Path(__file__).parents[2] / "docs" / "schema.md"
TABLE = re.compile(r"(<!-- written from the (\w+): make schema -->\n)(.*?)(?=\n\n)", re.DOTALL)


def derived() -> dict[str, str]:
    """Return the tables as the code says them."""
    return {"fields": _fields(), "quantities": _quantities()}


def written() -> dict[str, str]:
    """Return the tables as they are in the page."""
    return {found[2]: found[3] for found in TABLE.finditer(PAGE.read_text(encoding="utf-8"))}


def _fields() -> str:
    rows = [("tag", field) for field in TAGS] + [("field", field) for field in FIELDS]
    lines = [f"| {kind} | `{one.name}` | {one.type} | {one.unit} | {one.meaning} |" for kind, one in rows]
    return "\n".join(["| | name | type | unit | |", "|---|---|---|---|---|", *lines])


def _quantities() -> str:
    lines = ["| device classes | unit | converted from |", "|---|---|---|"]
    for one in QUANTITIES:
        classes = ", ".join(f"`{name}`" for name in one.classes)
        others = ", ".join(name or "none" for name in one.conversions() if name != one.unit)
        lines.append(f"| {classes} | {one.unit} | {others} |")
    return "\n".join(lines)


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda found: found[1] + derived()[found[2]], page), encoding="utf-8")
