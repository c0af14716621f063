"""Writes the dashboards as Grafana provisions them."""

from __future__ import annotations

from pathlib import Path

from grafana.board import Build, rendered
from grafana.service import dashboard as service

DASHBOARDS: dict[Path, Build] = {
    Path(__file__).parent / "dashboards" / "ingestor.json": service.build,
}

if __name__ == "__main__":
    for file, build in DASHBOARDS.items():
        file.write_text(rendered(build), encoding="utf-8")
