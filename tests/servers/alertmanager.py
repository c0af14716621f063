"""A real Alertmanager, started by the project's own script with the project's own routes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.servers.asking import CLIENT
from tests.servers.processes import Process, free_port, program, wait_until

DIRECTORY = Path(__file__).parents[2] / "metrics" / "alertmanager"


class Alertmanager:
    """One running Alertmanager, which tells `home_url`; only the times for which it gathers are shorter."""

    def __init__(self, directory: Path, home_url: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.address = f"127.0.0.1:{free_port()}"
        routes = (DIRECTORY / "routes.yml").read_text().replace("group_wait: 10s", "group_wait: 1s")
        (directory / "routes.yml").write_text(routes.replace("group_interval: 1m", "group_interval: 1s"))
        environment = {
            "HA_URL": home_url,
            "ALERT_ROUTES": str(directory / "routes.yml"),
            "ALERT_CONFIGURATION": str(directory / "alertmanager.yml"),
            "ALERTMANAGER": program("prometheus-alertmanager", "prometheus-alertmanager"),
        }
        options = [f"--storage.path={directory}", f"--web.listen-address={self.address}", "--cluster.listen-address="]
        self._process = Process(["/bin/sh", str(DIRECTORY / "start.sh"), *options], directory, environment)
        wait_until(self._answers, "Alertmanager answers")

    def alerts(self, *, inhibited: bool = False) -> set[str]:
        """Return the names of the alerts that are told, or of those that are kept back."""
        shown = {"active": "true", "silenced": "false", "inhibited": str(inhibited).lower()}
        found: list[dict[str, Any]] = CLIENT.get(f"http://{self.address}/api/v2/alerts", params=shown).json()
        return {alert["labels"]["alertname"] for alert in found if bool(alert["status"]["inhibitedBy"]) == inhibited}

    def stop(self) -> int:
        """Stop it."""
        return self._process.stop()

    def _answers(self) -> bool:
        try:
            return CLIENT.get(f"http://{self.address}/-/ready").is_success
        except httpx.HTTPError:
            return False
