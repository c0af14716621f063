"""The dashboard of the service as typed code; `python -m grafana` writes `dashboards/`."""
