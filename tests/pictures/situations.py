"""What the pictures show, made for real: a service in a good or a bad hour, watched by a real Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL

import trio

from tests.faults.small_disk import SmallDisk, small_disk
from tests.servers.influxdb2.server import ORG, ROOT, InfluxDB2
from tests.servers.influxdb2.storage import Answer
from tests.servers.ingestor import Ingestor
from tests.servers.processes import free_port
from tests.servers.prometheus import Prometheus
from tests.servers.simulated_home import SimHome

NO_ALERTMANAGER = "127.0.0.1:9"  # alerts are shown, and handed over to nobody
CHANGES_PER_SECOND = 20
FACTOR = 60  # by which every time of an alert is shorter
_CONFLICT = 'partial write: field type conflict: input field "value" is type float, already exists as type string'


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """A service with all that it needs."""

    home: SimHome
    service: Ingestor
    database: InfluxDB2
    disk: SmallDisk
    prometheus: Prometheus


def healthy(_: Situation) -> None:
    """Let all be well."""


def database_down(situation: Situation) -> None:
    """Stop the database."""
    situation.database.stop()


def everything_refused(situation: Situation) -> None:
    """Let the database refuse every write."""
    situation.database.fault = lambda _: Answer(422, "unprocessable entity", _CONFLICT)


def service_down(situation: Situation) -> None:
    """Kill the service."""
    situation.service.stop(SIGKILL)


def disk_full(situation: Situation) -> None:
    """Leave no room on the disk, with the database away, so that nothing is freed."""
    situation.database.stop()
    situation.disk.fill()


SITUATIONS: dict[str, Callable[[Situation], None]] = {
    "healthy": healthy,
    "database-down": database_down,
    "everything-refused": everything_refused,
    "service-down": service_down,
    "disk-full": disk_full,
}


@contextmanager
def watched(directory: Path) -> Generator[Situation]:
    """Hold a service that is well, among changes that do not end."""
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(directory / "data", 64))
        home, database, port = SimHome(), InfluxDB2(), free_port()
        home.start()
        stack.callback(home.stop)
        stack.callback(database.stop)
        given = {"INFLUXDB_URL": database.url, "INFLUXDB_TOKEN": ROOT, "INFLUXDB_ORG": ORG}
        given |= {"HA_URL": home.url, "HA_TOKEN": home.token, "API_PORT": str(port)}
        service = Ingestor(directory / "data", **given)
        service.start()
        stack.callback(service.stop)
        service.wait_connected(120)
        prometheus = Prometheus(directory, f"127.0.0.1:{port}", NO_ALERTMANAGER, FACTOR)
        stack.callback(prometheus.stop)
        prometheus.wait_scraping()
        threading.Thread(target=_change, args=(home,), daemon=True).start()
        yield Situation(home=home, service=service, database=database, disk=disk, prometheus=prometheus)


def _change(home: SimHome) -> None:
    with suppress(trio.Cancelled):  # the home stops before its changes end
        home.run(count=1_000_000, rate=CHANGES_PER_SECOND)
