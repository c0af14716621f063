"""`python -m metrics` writes docs/metrics.md from the catalogue."""

from __future__ import annotations

from pathlib import Path

from metrics.catalogue import CATALOGUE

FILE = Path(__file__).parents[1] / "docs" / "metrics.md"
_HEAD = """# Metrics

`/metrics`, for Prometheus. Counters end in `_total`, times are in seconds, sizes in bytes. Labels are bounded: never an
entity. Made from `metrics/catalogue.py` by `make dashboard`.

| name | kind | labels | meaning |
|---|---|---|---|
"""


def rendered() -> str:
    """Return the page."""
    rows = [
        f"| `{metric.name}{'_total' if metric.kind == 'counter' else ''}` | {metric.kind} | "
        f"{', '.join(f'`{label}`' for label in metric.labels) or '-'} | {metric.help} |"
        for metric in CATALOGUE
    ]
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    FILE.write_text(rendered(), encoding="utf-8")
