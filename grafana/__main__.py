"""Writes the dashboards as Grafana provisions them."""

from __future__ import annotations

from grafana.dashboard import FILE, rendered

if __name__ == "__main__":
    FILE.write_text(rendered(), encoding="utf-8")
