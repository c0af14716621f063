"""Who is told: a real Prometheus and Alertmanager with every time shortened, and a real home that shows it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from ingestor.model.errors import IngestorError
from tests.servers.alertmanager import Alertmanager
from tests.servers.home_assistant import RealHome
from tests.servers.home_socket import notifications
from tests.servers.processes import wait_until
from tests.servers.prometheus import Prometheus

PACKAGE = (Path(__file__).parents[3] / "homeassistant" / "ingestor_alerts.yaml").read_text()
SHOWS_ALERTS = f"webhook:\n{PACKAGE}"
"""What a home's configuration needs beside the default; webhooks are part of that in every home."""
POLL_SECONDS = 0.25
NOBODY = ""
"""The instance of an alert that is about none."""
_WATCHDOG = "Watchdog"
_RUNBOOK = re.compile(r"operations\.md#(\w+)")


@dataclass(frozen=True, kw_only=True)
class Moment:
    """What was told at a time: by instance the alerts at Alertmanager, and those that the home shows, with its words.

    `at` is in seconds of the clock that only rises; a name in the home is in small letters, as in its link.
    """

    at: float
    alerts: dict[str, set[str]] = field(default_factory=dict)
    shown: dict[str, dict[str, str]] = field(default_factory=dict)


class Watch:
    """Looks at what is told of every service that is watched, several times a second."""

    def __init__(self, directory: Path, home: RealHome, factor: float) -> None:
        directory.mkdir()
        self.moments: list[Moment] = []
        self.home = home
        self.factor = factor
        self._manager = Alertmanager(directory / "alertmanager", home.url, factor)
        self._targets: list[str] = []
        self._changing = threading.Lock()
        self._stopping = threading.Event()
        self._prometheus = Prometheus(directory, "127.0.0.1:9", self._manager.address, factor)
        self._prometheus.watch([])
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def add(self, target: str) -> None:
        """Scrape one more service."""
        with self._changing:
            self._targets.append(target)
            self._prometheus.watch(self._targets)

    def remove(self, target: str) -> None:
        """Scrape it no longer."""
        with self._changing:
            self._targets.remove(target)
            self._prometheus.watch(self._targets)

    def stop(self) -> None:
        """End all of it but the home."""
        self._stopping.set()
        self._thread.join()
        self._prometheus.stop()
        self._manager.stop()

    def _look(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            with suppress(httpx.HTTPError, IngestorError):
                self.moments.append(self._moment())

    def _moment(self) -> Moment:
        moment = Moment(at=time.monotonic())
        for labels in self._manager.labels():
            if labels["alertname"] != _WATCHDOG:
                moment.alerts.setdefault(labels.get("instance", NOBODY), set()).add(labels["alertname"])
        for one in notifications(self.home):
            words = f"{one['title']} {one['message']}"
            for anchor in _RUNBOOK.findall(words):
                moment.shown.setdefault(_instance(one["notification_id"]), {})[anchor] = words
        return moment


def _instance(notification_id: str) -> str:
    """Return which instance a notification is about, by the name that the package gives it."""
    found = re.search(r"instance_(\d+)_(\d+)_(\d+)_(\d+)_(\d+)$", notification_id)
    return "{}.{}.{}.{}:{}".format(*found.groups()) if found else NOBODY


@contextmanager
def watching(directory: Path, home: RealHome, factor: float) -> Generator[Watch]:
    """Hold a watch that has looked once."""
    watch = Watch(directory, home, factor)
    try:
        wait_until(lambda: bool(watch.moments), "the first look")
        yield watch
    finally:
        watch.stop()
