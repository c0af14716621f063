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
"""The instance of an alert that is about no service."""
ANYBODY = "*"
"""Stands for every instance, and for none."""
ITSELF = "itself: "
"""Begins the name of what the service tells by itself: the part of `/health` follows."""
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

    def alerts_of(self, instance: str) -> set[str]:
        """Return the names of those of an instance."""
        return set().union(*self.alerts.values()) if instance == ANYBODY else self.alerts.get(instance, set())

    def shown_of(self, instance: str) -> dict[str, str]:
        """Return those of an instance that the home shows, with its words."""
        every = {name: words for shown in self.shown.values() for name, words in shown.items()}
        return every if instance == ANYBODY else self.shown.get(instance, {})


class Watch:
    """Looks at what is told of every service that is watched, several times a second.

    With a `database`, by its address, what stands around the service is watched too, with these `rules` beside the
    project's own. `receivers` are those of Alertmanager beside the home.
    """

    def __init__(
        self, directory: Path, home: RealHome, factor: float, *, database: str = "", rules: str = "", **receivers: str
    ) -> None:
        directory.mkdir(parents=True)
        self.moments: list[Moment] = []
        self.home = home
        self.factor = factor
        self.manager = Alertmanager(directory / "alertmanager", home.url, factor, **receivers)
        self._targets: list[str] = []
        self._changing = threading.Lock()
        self._stopping = threading.Event()
        self.prometheus = Prometheus(
            directory, "127.0.0.1:9", self.manager.address, factor, database=database, rules=rules
        )
        self.prometheus.watch([])
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def add(self, target: str) -> None:
        """Scrape one more service."""
        with self._changing:
            self._targets.append(target)
            self.prometheus.watch(self._targets)

    def remove(self, target: str) -> None:
        """Scrape it no longer."""
        with self._changing:
            self._targets.remove(target)
            self.prometheus.watch(self._targets)

    def firing(self) -> set[str]:
        """Return the names of what fires at Prometheus, whoever is told."""
        return {one["metric"]["alertname"] for one in self.prometheus.query('ALERTS{alertstate="firing"}')}

    def stop(self) -> None:
        """End all of it but the home."""
        self._stopping.set()
        self._thread.join()
        self.prometheus.stop()
        self.manager.stop()

    def _look(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            with suppress(httpx.HTTPError, IngestorError):
                self.moments.append(self._moment())

    def _moment(self) -> Moment:
        moment = Moment(at=time.monotonic())
        for labels in self.manager.labels():
            if labels["alertname"] != _WATCHDOG:
                moment.alerts.setdefault(labels.get("instance", NOBODY), set()).add(labels["alertname"])
        for one in notifications(self.home):
            words = f"{one['title']} {one['message']}"
            port, part = _about(one["notification_id"])
            for name in [f"{ITSELF}{part}"] if part else _RUNBOOK.findall(words):
                moment.shown.setdefault(instance(port) if port else NOBODY, {})[name] = words
        return moment


def instance(port: int | str) -> str:
    """Return the label of the service whose API listens there."""
    return f"127.0.0.1:{port}"


def home_name(port: int) -> str:
    """Return the name by which a service calls its home, so that its own notifications are known."""
    return f"home_{port}"


def _about(notification_id: str) -> tuple[str, str]:
    """Return the port of the service that a notification is about, and the part if it tells that by itself."""
    found = re.search(r"_(?:home|instance_127_0_0_1)_(\d+)_?(\w*)$", notification_id)
    return (found[1], found[2]) if found else (NOBODY, "")


@contextmanager
def watching(directory: Path, home: RealHome, factor: float, **more: str) -> Generator[Watch]:
    """Hold a watch that has looked once; `more` is what `Watch` may have."""
    watch = Watch(directory, home, factor, **more)
    try:
        wait_until(lambda: bool(watch.moments), "the first look")
        yield watch
    finally:
        watch.stop()
