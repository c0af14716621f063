"""What a real Alertmanager tells with the project's routes: what is kept back, what comes together, and its end."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers.alertmanager import Alertmanager
from tests.servers.asking import CLIENT
from tests.servers.processes import wait_until
from tests.servers.prometheus import CONFIGURATION
from tests.servers.receiver import Receiver, receiving

STACK = {"Watchdog", "StackDown", "AlertmanagerUnreachable", "NotificationsFail", "RulesFail"}
GROUPS = yaml.safe_load((CONFIGURATION / "rules.yml").read_text())["groups"]
ALERTS = {rule["alert"] for group in GROUPS for rule in group["rules"] if "alert" in rule}
OWN = ALERTS - STACK
"""The alerts of one instance of the ingestor."""
LATE = {"WrittenLate", "WrittenLateSlowly"}
LITTLE = {"CapturedTooLittle", "CapturedTooLittleSlowly"}
UNHEARD = LITTLE | {
    "HomeSilent",
    "ConnectionFlaps",
    "GapStaysOpen",
    "RecorderRefuses",
    "WeatherMissing",
    "WeatherStale",
}
UNSTORED = LATE | {"DataIsStale", "NothingStored"}
UNWRITTEN = UNSTORED | {"BacklogGrows", "RecordsQuarantined"}
NO_ROOM = UNSTORED | {"DiskFullIn4h", "DiskNearlyFull"}
KEPT_BACK = {
    "IngestorDown": OWN - {"IngestorDown"},
    "CredentialsRefused": UNHEARD | {"HomeAssistantDisconnected"},
    "HomeAssistantDisconnected": UNHEARD,
    "IngestorRestarts": UNHEARD,
    "HomePaused": UNHEARD
    | NO_ROOM
    | {"HomeAssistantDisconnected", "SpoolFilling", "SpoolFullSoon", "QuarantineFilling"},
    "CommitsFail": NO_ROOM,
    "DatabaseDown": UNWRITTEN,
    "MostIsQuarantined": UNWRITTEN | LITTLE | {"GapStaysOpen"},
    "RecorderRefuses": LITTLE | {"GapStaysOpen"},
    "DataIsStale": LATE | {"BacklogGrows"},
    "WrittenLate": {"WrittenLateSlowly"},
    "CapturedTooLittle": {"CapturedTooLittleSlowly"},
}
"""What an alert keeps back of the same instance, and of no other."""
PERSON, SWITCH = "/person", "/switch"


@pytest.mark.real
def test_an_alert_keeps_back_what_it_explains_of_its_instance_and_nothing_else(tmp_path: Path) -> None:
    with running(tmp_path, factor=0.01) as (manager, _):  # nothing is sent meanwhile
        pairs = [(source, target) for source, target in product(sorted(OWN), sorted(OWN)) if source != target]
        for source, target in pairs:
            post(manager, alert(source, f"{source} {target}"), alert(target, f"{source} {target}"))
        post(manager, *(alert(name, f"only {name}") for name in OWN))
        expected = {(target, f"{source} {target}") for source, targets in KEPT_BACK.items() for target in targets} | {
            (source, f"{source} {target}") for target, sources in KEPT_BACK.items() for source in sources
        }
        wait_until(lambda: kept_back(manager) >= expected, "all is kept back that should be", 20)
        assert kept_back(manager) == expected


@pytest.mark.real
def test_an_alert_of_the_stack_is_kept_back_by_no_instance(tmp_path: Path) -> None:
    with running(tmp_path, factor=0.01) as (manager, _):
        jobs = ("influxdb", "alertmanager", "prometheus")
        post(manager, *(alert(name, "i") for name in OWN), *(alert("StackDown", job, job=job) for job in jobs))
        post(manager, *(alert(name, "", job="prometheus") for name in STACK))
        expected = {(name, "i") for name in OWN - {"IngestorDown"}}
        wait_until(lambda: kept_back(manager) >= expected, "those of the instance are kept back", 20)
        assert kept_back(manager) == expected


@pytest.mark.real
def test_what_is_wrong_with_an_instance_comes_together_with_its_end_and_without_what_is_kept_back(
    tmp_path: Path,
) -> None:
    with running(tmp_path, factor=60) as (manager, receiver):
        down, refuses, late = (alert(name, "i") for name in ("DatabaseDown", "RecorderRefuses", "WrittenLate"))
        watchdog = alert("Watchdog", "")
        post(manager, down, refuses, late, alert("DataIsStale", "j"), watchdog)
        wait_until(
            lambda: said(receiver, "i", DatabaseDown="firing", RecorderRefuses="firing"), "both come together", 20
        )
        wait_until(lambda: said(receiver, "j", DataIsStale="firing"), "another instance has its own", 20)
        assert not any("WrittenLate" in told for told in messages(receiver, "i"))
        post(manager, ended(down))
        wait_until(
            lambda: said(receiver, "i", DatabaseDown="resolved", RecorderRefuses="firing", WrittenLate="firing"),
            "the end comes with what goes on, and with what is explained no longer",
            20,
        )
        post(manager, ended(refuses), ended(late))
        wait_until(
            lambda: said(receiver, "i", RecorderRefuses="resolved", WrittenLate="resolved"), "the end of all", 20
        )
        wait_until(lambda: receiver.count(SWITCH) > 2, "the dead man's switch is called again and again", 20)
        assert messages(receiver, "j") == [{"DataIsStale": "firing"}]
        assert messages(receiver, "") == []
        assert all(told["status"] == "firing" for told in receiver.told[SWITCH])


@contextmanager
def running(directory: Path, factor: float) -> Generator[tuple[Alertmanager, Receiver]]:
    """Hold an Alertmanager, and whom it tells; every time in the routes is divided by the factor."""
    with receiving() as receiver:
        ways = {"ALERT_WEBHOOK_URL": receiver.url + PERSON, "ALERT_WATCHDOG_URL": receiver.url + SWITCH}
        manager = Alertmanager(directory, "http://127.0.0.1:9", factor, **ways)
        try:
            yield manager, receiver
        finally:
            manager.stop()


def alert(name: str, instance: str, job: str = "ingestor") -> dict[str, Any]:
    """Return an alert as Prometheus hands it over; an empty instance is none."""
    return {"labels": {"alertname": name, "job": job} | ({"instance": instance} if instance else {})}


def ended(one: dict[str, Any]) -> dict[str, Any]:
    """Return the end of an alert."""
    return one | {"endsAt": datetime.now(UTC).isoformat()}


def post(manager: Alertmanager, *alerts: dict[str, Any]) -> None:
    """Hand alerts over."""
    CLIENT.post(f"http://{manager.address}/api/v2/alerts", json=alerts, timeout=30).raise_for_status()


def kept_back(manager: Alertmanager) -> set[tuple[str, str]]:
    """Return what is kept back: its name and its instance."""
    return {(labels["alertname"], labels.get("instance", "")) for labels in manager.labels(inhibited=True)}


def said(receiver: Receiver, instance: str, **alerts: str) -> bool:
    """Return whether a message about an instance had exactly these alerts, firing or resolved."""
    return alerts in messages(receiver, instance)


def messages(receiver: Receiver, instance: str) -> list[dict[str, str]]:
    """Return the messages about an instance: of each alert whether it fires or has ended."""
    return [
        {one["labels"]["alertname"]: one["status"] for one in message["alerts"]}
        for message in receiver.told.get(PERSON, ())
        if message["groupLabels"].get("instance", "") == instance
    ]
