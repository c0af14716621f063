"""A real Alertmanager, started by the project's own script with the project's own routes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.servers.asking import CLIENT
from tests.servers.processes import Process, free_port, program, wait_until
from tests.servers.windows import shortened

DIRECTORY = Path(__file__).parents[2] / "metrics" / "alertmanager"


class Alertmanager:
    """One running Alertmanager, which tells `home_url`; `factor` shortens the times for which it gathers.

    `receivers` are variables of docs/monitoring.md.
    """

    def __init__(self, directory: Path, home_url: str, factor: float, **receivers: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.address = f"127.0.0.1:{free_port()}"
        routes = (DIRECTORY / "routes.yml").read_text()
        (directory / "routes.yml").write_text(shortened(routes, factor))
        environment = {
            "HA_URL": home_url,
            "ALERT_ROUTES": str(directory / "routes.yml"),
            "ALERT_CONFIGURATION": str(directory / "alertmanager.yml"),
            "ALERTMANAGER": program("prometheus-alertmanager", "prometheus-alertmanager"),
            **receivers,
        }
        options = [f"--storage.path={directory}", f"--web.listen-address={self.address}", "--cluster.listen-address="]
        self._command = ["/bin/sh", str(DIRECTORY / "start.sh"), *options], directory, environment
        self.start()

    def start(self) -> None:
        """Start it, at the same port and with what it knew."""
        self._process = Process(*self._command)
        wait_until(self._answers, "Alertmanager answers")

    def alerts(self, *, inhibited: bool = False) -> set[str]:
        """Return the names of the alerts that are told, or of those that are kept back."""
        return {labels["alertname"] for labels in self.labels(inhibited=inhibited)}

    def labels(self, *, inhibited: bool = False) -> list[dict[str, str]]:
        """Return the labels of these alerts."""
        shown = {"active": "true", "silenced": "false", "inhibited": str(inhibited).lower()}
        found: list[dict[str, Any]] = CLIENT.get(f"http://{self.address}/api/v2/alerts", params=shown).json()
        return [alert["labels"] for alert in found if bool(alert["status"]["inhibitedBy"]) == inhibited]

    def stop(self) -> int:
        """Stop it."""
        return self._process.stop()

    def _answers(self) -> bool:
        try:
            return CLIENT.get(f"http://{self.address}/-/ready").is_success
        except httpx.HTTPError:
            return False
