"""Where the pages of docs/ are; docs/monitoring.md says how to put your own address in."""

from __future__ import annotations

PAGES = "https://ha-ingestor.example/docs"


def runbook(alert: str) -> dict[str, str]:
    """Return the link to what to do about an alert."""
    return {f"What to do: {alert}": f"{PAGES}/operations.md#{alert.lower()}"}
