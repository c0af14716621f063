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
from urllib.parse import urlsplit

import pytest
import yaml

from grafana.prometheus import narrowed
from grafana.service.state import EXPR, STATES
from ingestor.api.doors import Names
from tests.servers.absence import missing
from tests.servers.asking import CLIENT
from tests.servers.processes import Process, free_port, program, wait_until
from tests.servers.prometheus import CONFIGURATION, Prometheus

ROOT = Path(__file__).parents[2]
RUNBOOKS = "https://ha-ingestor.example/docs/operations.md"
GROUPS: list[dict[str, Any]] = yaml.safe_load((CONFIGURATION / "rules.yml").read_text())["groups"]
RULES = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]


def targets(kind: str) -> list[dict[str, Any]]:
    """Return what every panel asks of a kind of data source."""
    board = json.loads((ROOT / "grafana/dashboards/ingestor.json").read_text())
    panels = [panel for row in board["panels"] for panel in (row, *row.get("panels", []))]
    found = [target for panel in panels for target in panel.get("targets", [])]
    return [target for target in found if target["datasource"]["type"] == kind]


def expressions() -> list[str]:
    """Return every expression, as Grafana asks it when nothing is chosen."""
    board = json.loads((ROOT / "grafana/dashboards/ingestor.json").read_text())
    found = [one["expr"] for one in (*targets("prometheus"), *board["annotations"]["list"])]
    chosen = {"$__rate_interval": "30s", "$instance": ".*", "$home": ".*"}
    return [re.sub(r"\$\w+", lambda name: chosen[name[0]], expr) for expr in found]


def test_what_a_dashboard_asks_is_provisioned_with_secrets_that_are_mounted() -> None:
    files = [yaml.safe_load(file.read_text()) for file in (ROOT / "grafana/provisioning/datasources").glob("*.yml")]
    sources = [source for file in files for source in file["datasources"]]
    grafana = compose()["services"]["grafana"]
    plugins = dict(plugin.split("@") for plugin in grafana["environment"]["GF_PLUGINS_PREINSTALL"].split(","))
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in plugins.values())
    boards = "".join(file.read_text() for file in (ROOT / "grafana/dashboards").glob("*.json"))
    asked = re.findall(r'"type": "([a-z-]+)",\s+"uid"', boards)
    assert set(asked) <= {source["type"] for source in sources}
    for source in sources:
        assert source["type"] in {"prometheus", "influxdb", *plugins}
        assert urlsplit(source["url"]).hostname in compose()["services"]
        bucket = compose()["services"]["ingestor"]["environment"]["INFLUXDB_BUCKET"]
        assert source["jsonData"].get("dbName", bucket) == bucket
        for secret in source.get("secureJsonData", {}).values():
            [mounted] = re.findall(r"^(?:Token )?\$__file\{/run/secrets/(\w+)\}$", secret)
            assert mounted in grafana["secrets"]


@pytest.mark.real
def test_the_configuration_and_the_rules_pass_promtool() -> None:
    promtool = program("promtool", "prometheus")
    for arguments in (["check", "config", "prometheus.yml"], ["test", "rules", "rules_test.yml"]):
        done = subprocess.run([promtool, *arguments], cwd=CONFIGURATION, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


UP = {"up": 1, "ingestor_home_paused": 0, "ingestor_connected": 1, "ingestor_store_up": 1}
SITUATIONS: dict[str, dict[str, int]] = {
    "All is well": {},
    "Something waits for you": {'ingestor_problem{part="quarantine",code="not_empty"}': 1},
    "Nothing is selected": {'ingestor_problem{part="selection",code="selects_nothing"}': 1},
    "Nothing is stored: most is refused": {'ingestor_problem{part="database",code="rejected"}': 1},
    "The database is away: events wait": {
        "ingestor_store_up": 0,
        'ingestor_problem{part="database",code="no_answer"}': 1,
    },
    "Not connected: nothing is captured": {"ingestor_connected": 0, "ingestor_store_up": 0},
    "The disk takes nothing: events are in memory": {'ingestor_problem{part="spool",code="disk_full"}': 1},
    "Paused: there is no room": {"ingestor_home_paused": 1, "ingestor_connected": 0},
    "Down: nothing is captured": {"up": 0},
}


@pytest.mark.real
def test_the_state_is_the_worst_that_is_true_of_an_instance_and_told_in_words(tmp_path: Path) -> None:
    promtool = program("promtool", "prometheus")
    expected = {state.words: len(STATES) - 1 - place for place, state in enumerate(STATES)}
    assert SITUATIONS.keys() == expected.keys()
    asked = narrowed(EXPR).replace("$instance", ".*").replace("$home", ".*")
    tests = [
        {
            "interval": "1m",
            "input_series": [
                {"series": series(name, number), "values": str(value)}
                for number, situation in enumerate(SITUATIONS.values())
                for name, value in (UP | situation).items()
            ],
            "promql_expr_test": [
                {
                    "expr": asked,
                    "eval_time": "0m",
                    "exp_samples": [
                        {"labels": f'{{instance="{number}"}}', "value": expected[words]}
                        for number, words in enumerate(SITUATIONS)
                    ],
                }
            ],
        },
        {
            "interval": "1m",
            "input_series": [{"series": "other", "values": "1"}],
            "promql_expr_test": [
                {
                    "expr": asked,
                    "eval_time": "0m",
                    "exp_samples": [{"labels": '{instance="no instance"}', "value": max(expected.values())}],
                }
            ],
        },
    ]
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"tests": tests}))
    done = subprocess.run(
        [promtool, "test", "rules", "tests.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def series(name: str, instance: int) -> str:
    """Return the series of a metric of an instance."""
    metric, _, labels = name.rstrip("}").partition("{")
    return f'{metric}{{{labels}{"," if labels else ""}job="ingestor",instance="{instance}"}}'


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
        assert len(expressions()) > 20
        assert [expr for expr in expressions() if not is_answered(prometheus, expr)] == []
        flows = "sum(rate(ingestor_events_stored_total[30s])) > 20"
        wait_until(lambda: bool(numbers(prometheus, flows)), "events are being stored")
        assert [asked["url"] for asked in targets("yesoreyeram-infinity-datasource") if not_told(port, asked)] == []
        asked = {name for rule in RULES for name in re.findall(r"\b(?:ingestor|process)_\w+", rule["expr"])}
        assert [name for name in sorted(asked) if not prometheus.query(name)] == []
        assert {sample["metric"]["alertname"] for sample in prometheus.query("ALERTS")} == {"Watchdog"}
    finally:
        prometheus.stop()
        assert service.stop() == 0


def is_answered(prometheus: Prometheus, expr: str) -> bool:
    """Return whether it finds something; of what a healthy service has none of, whether it could."""
    found = prometheus.query(expr)
    filters = re.search(r" (==|>|<|>=) -?\d+", expr)
    metrics = set(re.findall(r"\b(?:ingestor|process)_\w+", expr))
    return bool(found) or (filters is not None and all(prometheus.query(name) for name in metrics))


def not_told(port: int, asked: dict[str, Any]) -> set[str]:
    """Return the columns of a panel that the API's answer lacks; of an empty list, those that it promises lack."""
    url = f"http://127.0.0.1:{port}"
    answer = CLIENT.get(url + asked["url"]).raise_for_status().json()
    for step in asked["root_selector"].split(" | "):  # the part of jq that our panels are written in
        if step == "to_entries":
            answer = [{"key": key, "value": value} for key, value in answer.items()] or [{"key": "", "value": ""}]
        else:
            answer = answer[step.removeprefix(".")] if step != "." else answer
    if answer == []:
        pages = CLIENT.get(f"{url}/openapi.json").raise_for_status().json()
        shape = pages["paths"][urlsplit(asked["url"]).path]["get"]["responses"]["200"]["content"]["application/json"]
        answer = [pages["components"]["schemas"][shape["schema"]["items"]["$ref"].split("/")[-1]]["properties"]]
    first = answer[0] if isinstance(answer, list) else answer
    return {column["selector"] for column in asked["columns"] if not has(first, column["selector"])}


def has(row: Any, selector: str) -> bool:
    """Return whether a row has what a path of dots leads to; `#` is how many there are."""
    for name in selector.split("."):
        if name == "#":
            return isinstance(row, list)
        if name not in row:
            return False
        row = row[name]
    return True


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
