"""The table of `home_assistant_events` in docs/schema.md, written from the table of fields.

`python -m tests.documentation.stored_fields` writes it anew.
"""

from __future__ import annotations

import re
from pathlib import Path

from ingestor.model.fields import FIELDS, TAGS

PAGE = Path(__file__).parents[2] / "docs" / "schema.md"
TABLE = re.compile(r"(?<=<!-- written from the fields: make schema -->\n).*?(?=\n\n)", re.DOTALL)


def derived() -> str:
    """Return the table as the records say it."""
    rows = [("tag", field) for field in TAGS] + [("field", field) for field in FIELDS]
    lines = [f"| {kind} | `{one.name}` | {one.type} | {one.unit} | {one.meaning} |" for kind, one in rows]
    return "\n".join(["| | name | type | unit | |", "|---|---|---|---|---|", *lines])


def written() -> str:
    """Return the table as it is in the page."""
    found = TABLE.search(PAGE.read_text(encoding="utf-8"))
    assert found is not None
    return found.group()


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(TABLE.sub(lambda _: derived(), page), encoding="utf-8")
