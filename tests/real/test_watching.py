"""What watches the service is real: Prometheus scrapes it, every query of the dashboard and every rule is run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.__main__ import DASHBOARDS
from grafana.board import rendered
from ingestor.api.doors import Names
from tests.servers.absence import missing
from tests.servers.processes import Process, free_port, program, wait_until
from tests.servers.prometheus import CONFIGURATION, Prometheus

ROOT = Path(__file__).parents[2]
PANEL_TYPES = {"row", "stat", "timeseries", "state-timeline"}
RUNBOOKS = "https://ha-ingestor.example/docs/operations.md"
GROUPS: list[dict[str, Any]] = yaml.safe_load((CONFIGURATION / "rules.yml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ROOT / "grafana/dashboards/ingestor.json").read_text())["panels"]
    return found


def expressions() -> list[str]:
    found = [target["expr"] for panel in panels() for target in panel.get("targets", [])]
    return [expr.replace("$__rate_interval", "30s") for expr in found]


def test_the_dashboards_are_what_their_code_says() -> None:
    assert {file: file.read_text() for file in DASHBOARDS} == {
        file: rendered(build) for file, build in DASHBOARDS.items()
    }


def test_the_dashboard_can_be_provisioned() -> None:
    datasources = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    uids = {source["uid"] for source in datasources}
    ids = [panel["id"] for panel in panels()]
    assert sorted(ids) == sorted(set(ids))
    assert {panel["type"] for panel in panels()} <= PANEL_TYPES
    for panel in panels():
        for target in panel.get("targets", []):
            assert {panel["datasource"]["uid"], target["datasource"]["uid"]} <= {f"${{{uid}}}" for uid in uids}


@pytest.mark.real
def test_the_configuration_and_the_rules_pass_promtool() -> None:
    promtool = program("promtool", "prometheus")
    for arguments in (["check", "config", "prometheus.yml"], ["test", "rules", "rules_test.yml"]):
        done = subprocess.run([promtool, *arguments], cwd=CONFIGURATION, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_runbook_and_a_row_of_the_table() -> None:
    headings = re.findall(r"^### (\w+)$", (ROOT / "docs/operations.md").read_text(), re.MULTILINE)
    rows = re.findall(r"^\| \[(\w+)\]\(operations\.md#(\w+)\)", (ROOT / "docs/monitoring.md").read_text(), re.MULTILINE)
    assert rows == [(rule["alert"], rule["alert"].lower()) for rule in RULES]
    assert {name for name, _ in rows} <= set(headings)
    for rule in RULES:
        assert rule["annotations"]["runbook_url"] == f"{RUNBOOKS}#{rule['alert'].lower()}"


def test_an_alert_is_kept_back_only_by_one_that_there_is() -> None:
    routes = yaml.safe_load((ROOT / "metrics/alertmanager/routes.yml").read_text())
    named = {
        name
        for rule in routes["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
        if matcher.startswith("alertname")
        for name in re.findall(r"[A-Z]\w+", matcher)
    }
    assert named <= {rule["alert"] for rule in RULES}


@pytest.mark.real
def test_a_real_prometheus_scrapes_the_service_and_every_query_returns_data(tmp_path: Path) -> None:
    port = free_port()
    settings = {"API_PORT": str(port), "DEMO_RATE": "100", "DEMO_SECONDS": "120", "PYTHONPATH": str(ROOT)}
    demo_directory = tmp_path / "demo"
    demo_directory.mkdir()
    service = Process([sys.executable, "-m", "ingestor", "demo"], demo_directory, settings)
    prometheus = Prometheus(tmp_path, f"127.0.0.1:{port}")
    try:
        prometheus.wait_scraping()
        wait_until(lambda: bool(prometheus.query("ingestor_weather_age_seconds >= 0")), "the weather is there")
        silent = [expr for expr in expressions() if not numbers(prometheus, expr)]
        assert len(expressions()) > 20
        assert silent == []
        flows = "sum(rate(ingestor_events_stored_total[30s])) > 20"
        wait_until(lambda: bool(numbers(prometheus, flows)), "events are being stored")
        asked = {name for rule in RULES for name in re.findall(r"\b(?:ingestor|process)_\w+", rule["expr"])}
        assert [name for name in sorted(asked) if not prometheus.query(name)] == []
        assert {sample["metric"]["alertname"] for sample in prometheus.query("ALERTS")} == {"Watchdog"}
    finally:
        prometheus.stop()
        assert service.stop() == 0


def numbers(prometheus: Prometheus, expr: str) -> list[float]:
    return [float(sample["value"][1]) for sample in prometheus.query(expr) if sample["value"][1] != "NaN"]


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return found


def test_compose_deploys_pinned_services_that_are_checked_and_keep_their_data() -> None:
    services = compose()["services"]
    assert set(services) == {"ingestor", "influxdb", "prometheus", "alertmanager", "grafana"}
    for name, service in services.items():
        assert re.fullmatch(r".+:v?\d+\.\d+\.\d+", service["image"]), name
        assert service["healthcheck"]["test"], name
        assert service["restart"] == "unless-stopped", name
        assert set(service.get("secrets", [])) <= set(compose()["secrets"]), name
        assert all(re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_PORT:-(\d+)\}:\1", port) for port in service["ports"]), name
        bounds = ("mem_limit", "pids_limit", "read_only", "security_opt", "logging")
        assert all(service[bound] for bound in bounds), name
        assert service["cap_drop"] == ["ALL"], name
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert (ROOT / source).is_dir() if source.startswith(".") else source in compose()["volumes"], volume
    assert services["influxdb"]["image"] == "influxdb:2.7.12"
    assert "depends_on" not in services["ingestor"]  # it captures while the database starts
    scraped = yaml.safe_load((CONFIGURATION / "prometheus.yml").read_text())["scrape_configs"]
    assert {job["job_name"] for job in scraped} == set(services) - {"grafana"}
    [target] = scraped[0]["static_configs"]
    environment = services["ingestor"]["environment"]
    assert target["targets"] == [f"ingestor:{environment['API_PORT']}"]
    assert Names(environment["API_HOST"], environment["API_HOSTS"].split(",")).admit(target["targets"][0], None)
    assert environment["API_TOKEN_FILE"] == "/run/secrets/api_token"  # noqa: S105  a path
    assert "api_token" in services["ingestor"]["secrets"]


def test_the_image_installs_nothing_that_is_not_pinned() -> None:
    text = (ROOT / "Dockerfile").read_text()
    assert all(
        re.fullmatch(r"python:\d+\.\d+\.\d+-\S+", image) for image in re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    )
    installs = [words for words in re.findall(r"pip install ([^&\n]*)", text) if "/wheels/" not in words]
    assert installs
    assert all("--require-hashes" in words for words in installs)


def test_compose_accepts_the_file() -> None:
    for command in (["docker", "compose"], [os.environ.get("TEST_DOCKER_COMPOSE") or "docker-compose"]):
        if shutil.which(command[0]) and _is_version_2(command):
            done = subprocess.run(
                [*command, "-f", "compose.yaml", "config", "-q"], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert (done.returncode, done.stderr) == (0, "")
            return
    missing("docker compose of version 2 (put one on the PATH, or name it in TEST_DOCKER_COMPOSE)", required=False)


def _is_version_2(command: list[str]) -> bool:
    done = subprocess.run([*command, "version"], capture_output=True, text=True, check=False)
    return done.returncode == 0 and " v2." in f" {done.stdout}".replace(" 2.", " v2.")
