"""Real faults, from the service through real Prometheus and a real Alertmanager to a real Home Assistant, and back."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import trio

from ingestor.homeassistant import services
from tests.faults.alarms.watch import SHOWS_ALERTS
from tests.servers.alertmanager import Alertmanager
from tests.servers.asking import CLIENT
from tests.servers.home_assistant import RealHome
from tests.servers.home_socket import endpoint_of, notifications
from tests.servers.ingestor import Ingestor
from tests.servers.processes import free_port, wait_until
from tests.servers.prometheus import Prometheus

FACTOR = 60  # a minute is a second
SINCE = "2026-03-02T02:14:15.123456789Z"  # a quarter past three in the home
TITLES = {
    "CredentialsRefused": "Home Assistant refuses the token.",
    "IngestorDown": "The ingestor does not answer.",
    "IngestorSelectsNothing": "No entity is selected.",
}


@pytest.mark.real
def test_a_fault_reaches_a_person_with_its_cause_alone_and_is_cleared(tmp_path: Path) -> None:
    home = RealHome(tmp_path / "home", more=SHOWS_ALERTS)
    home.start()
    port, token = free_port(), tmp_path / "token"
    token.write_text("a-token-that-is-none")
    given = {"HA_TOKEN": "", "HA_TOKEN_FILE": str(token), "INCLUDE": "", "API_PORT": str(port)}
    service = Ingestor(tmp_path / "data", HA_URL=home.url, **given)
    manager = Alertmanager(tmp_path / "alertmanager", home.url, FACTOR)
    prometheus = Prometheus(tmp_path, f"127.0.0.1:{port}", manager.address, FACTOR)

    def call(service: str, **data: str) -> None:
        trio.run(services.call, endpoint_of(home), "persistent_notification", [(service, data)])

    def shows(*alerts: str) -> None:
        told = {*alerts, "Watchdog"}
        wait_until(lambda: manager.alerts() == told, f"{alerts} are told", 40)
        wait_until(lambda: titles(home) == [TITLES[name] for name in alerts], f"{alerts} are shown", 20)

    try:
        call("create", notification_id="ingestor_home_database", title="as NOTIFY does", message="away")
        assert titles(home) == ["as NOTIFY does"]
        call("dismiss", notification_id="ingestor_home_database")
        tell(home, warning="firing", critical="firing")
        wait_until(lambda: titles(home) == ["It is critical. (and 1 more)"], "two are one notification", 20)
        [both] = notifications(home)
        assert re.findall(r"\*\*(.+?)\*\*|what (\w+) means", both["message"]) == [
            ("", "critical"),
            ("It is warning.", ""),
            ("", "warning"),
        ]
        assert both["message"].count("Since Monday, 03:14, at 127.0.0.1:8080.") == 2
        tell(home, warning="firing", critical="resolved")
        wait_until(lambda: titles(home) == ["It is warning."], "one of them stays", 20)
        tell(home, warning="resolved")
        wait_until(lambda: titles(home) == [], "none stays", 20)
        service.start()
        shows("CredentialsRefused")
        wait_until(
            lambda: "HomeAssistantDisconnected" in manager.alerts(inhibited=True), "the symptom is kept back", 20
        )
        token.write_text(home.token)
        service.wait_connected()
        shows()
        service.stop()
        shows("IngestorDown")
        service.change({"INCLUDE": "sensor.of_nobody"})
        service.start()
        shows("IngestorSelectsNothing")
    finally:
        prometheus.stop()
        manager.stop()
        service.stop()
        home.stop()


def tell(home: RealHome, **alerts: str) -> None:
    """Give a home what Alertmanager says of an instance: the state of an alert of each severity."""
    said = [
        {
            "status": status,
            "labels": {"severity": severity, "instance": "127.0.0.1:8080"},
            "startsAt": SINCE,
            "annotations": {
                "summary": f"It is {severity}.",
                "description": f"what {severity} means",
                "runbook_url": "",
            },
        }
        for severity, status in alerts.items()
    ]
    status = "firing" if "firing" in alerts.values() else "resolved"
    body = {"status": status, "groupKey": '{}:{instance="127.0.0.1:8080"}', "alerts": said}
    CLIENT.post(f"{home.url}/api/webhook/ingestor_alerts", json=body, timeout=20).raise_for_status()


def titles(home: RealHome) -> list[str]:
    """Return the titles of the notifications of ours that the home shows."""
    return sorted(one["title"] for one in notifications(home))
