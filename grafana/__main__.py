"""Writes the dashboards as Grafana provisions them."""

from __future__ import annotations

from pathlib import Path

from grafana.board import Build, rendered
from grafana.home import dashboard as home
from grafana.service import dashboard as service

ROOT = Path(__file__).parent
DASHBOARDS: dict[Path, Build] = {
    ROOT / "dashboards" / "ingestor.json": service.build,
    ROOT / "dashboards" / "home.json": home.of_influxdb,
    ROOT / "embedded" / "home.json": home.of_sqlite,
}

if __name__ == "__main__":
    for file, build in DASHBOARDS.items():
        file.write_text(rendered(build), encoding="utf-8")
