"""A real Prometheus that scrapes the service with the project's own configuration."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.servers.asking import CLIENT
from tests.servers.processes import Process, free_port, program, wait_until
from tests.servers.windows import shortened, shortened_rules

CONFIGURATION = Path(__file__).parents[2] / "metrics" / "prometheus"


class Prometheus:
    """One running Prometheus; only the targets and the intervals differ from what users run.

    `alertmanager` is whom it hands its alerts to; `factor` shortens every time of the rules; `rules` are added.
    With a `database`, by its address, it scrapes that, the Alertmanager and itself as users' does.
    """

    def __init__(
        self,
        directory: Path,
        target: str,
        alertmanager: str | None = None,
        factor: float = 1,
        *,
        database: str | None = None,
        rules: str = "",
    ) -> None:
        binary = program("prometheus", "prometheus")
        self.url = f"http://127.0.0.1:{free_port()}"
        configuration = yaml.safe_load((CONFIGURATION / "prometheus.yml").read_text())
        configuration["global"] = {"scrape_interval": "500ms", "evaluation_interval": "1s"}
        addresses = {"influxdb": database, "alertmanager": alertmanager, "prometheus": self.url.removeprefix("http://")}
        stack = [job for job in configuration["scrape_configs"] if job["job_name"] != "ingestor"] if database else []
        self._targets = directory / "targets.json"
        configuration["scrape_configs"] = [
            {"job_name": "ingestor", "file_sd_configs": [{"files": ["targets.json"]}]},
            *(
                {
                    "job_name": job["job_name"],
                    "scrape_interval": shortened(job["scrape_interval"], factor),
                    "static_configs": [{"targets": [addresses[job["job_name"]]]}],
                }
                for job in stack
            ),
        ]
        self.watch([target])
        managers = [{"targets": [alertmanager]}] if alertmanager else []
        configuration["alerting"]["alertmanagers"] = [{"static_configs": managers}]
        configuration["rule_files"] = ["rules.yml"]
        given = (CONFIGURATION / "rules.yml").read_text()
        (directory / "rules.yml").write_text(shortened_rules(given, factor) + rules)
        (directory / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        self._process = Process(
            [
                binary,
                "--config.file=prometheus.yml",
                "--rules.alert.resend-delay=2s",  # the first ones come before it has found the Alertmanager
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address={self.url.removeprefix('http://')}",
            ],
            directory,
        )

    def watch(self, targets: Iterable[str]) -> None:
        """Scrape these services, and no others."""
        made = self._targets.with_suffix(".new")
        made.write_text(json.dumps([{"targets": list(targets)}]))
        made.replace(self._targets)

    def query(self, expr: str) -> list[dict[str, Any]]:
        """Return the samples of an instant query; none while it does not answer."""
        try:
            answer = CLIENT.get(f"{self.url}/api/v1/query", params={"query": expr}, timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return []
        assert answer["status"] == "success", f"{expr}: {answer}"
        found: list[dict[str, Any]] = answer["data"]["result"]
        return found

    def wait_scraping(self, seconds: float = 30) -> None:
        """Wait until the service was scraped often enough for a rate."""
        wait_until(
            lambda: any(float(s["value"][1]) > 3 for s in self.query("count_over_time(up[30s])")), "scrapes", seconds
        )

    def stop(self) -> int:
        """Stop it."""
        return self._process.stop()
