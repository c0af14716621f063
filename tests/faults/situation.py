"""One service in full flow, with everything that stands around it and can be made to fail."""

from __future__ import annotations

import signal
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

from tests.faults.clock import SteppedClock
from tests.faults.committed import committed
from tests.faults.crashing import CrashingIngestor
from tests.faults.databases import Database, Embedded, InfluxDB, influxdb
from tests.faults.load import Home
from tests.faults.proxy import Proxy
from tests.faults.small_disk import SmallDisk, small_disk
from tests.servers.asking import CLIENT
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.truth import Key

DISK_MEBIBYTES = 64
CONNECTED_SECONDS = 90
UNCOMMITTED_SECONDS = 5  # what a kill -9 may cost; of what was committed before it nothing
IN_TRANSIT_SECONDS = 1.0  # what a socket held when it ended


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a fault needs beside the service, the proxies and the database."""

    own_store: bool = False  # one that can be stopped, with files of its own
    small_store: bool = False
    small_data: bool = False
    clock: bool = False
    conflict: bool = False
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class Situation:
    """What a fault may act upon. `gaps` are the times (ns) in which the service could not hear the home.

    `link` stands between home and service, `front` between service and InfluxDB. What the spool or the store held when
    the service was killed is added to `committed`.
    """

    random: Random
    short: bool
    home: Home
    service: CrashingIngestor
    link: Proxy
    database: Database
    data_dir: Path
    store: InfluxDB | None = None
    front: Proxy | None = None
    disk: SmallDisk | None = None
    clock: SteppedClock | None = None
    gaps: list[tuple[int, int]] = field(default_factory=list)
    committed: set[Key] = field(default_factory=set)

    def wait(self, low: float, high: float) -> None:
        """Let time pass, of any length between two; in the short form no more than 3 seconds."""
        seconds = self.random.uniform(low, high)
        time.sleep(min(seconds, self.random.uniform(1, 3)) if self.short else seconds)

    def sessions(self) -> int:
        """Return how often the service has reconnected so far."""
        health = self.service.get("/api/health") or {}
        return int(health.get("connection_status", {}).get("reconnect_count", 0))

    def reconnected(self, gap_from_ns: int, sessions: int) -> None:
        """Wait until the service hears the home again in a later session; note the gap."""
        wait_until(lambda: self.sessions() > sessions, "the service reconnects", CONNECTED_SECONDS)
        self._hears_again(gap_from_ns)

    def kill(self) -> None:
        """Kill the service, and take down what it had committed."""
        killed_ns = time.time_ns()
        self.service.stop(signal.SIGKILL)
        self.committed |= committed(self.data_dir, self.database)
        self.gaps.append((killed_ns - int(UNCOMMITTED_SECONDS * 1e9), time.time_ns()))

    def start(self) -> None:
        """Start the service again; the gap lasts until it hears the home."""
        down_ns = self.gaps.pop()[0] if self.gaps else time.time_ns()
        self.service.start()
        self._hears_again(down_ns)

    def quarantined(self) -> set[Key]:
        """Return the identities of the events in quarantine."""
        found: set[Key] = set()
        after = 0
        while page := self.service.get(f"/api/quarantine?limit=1000&after={after}"):
            found |= {(one["entity_id"], one["record"].get("time_ns", 0)) for one in page}
            after = page[-1]["id"]
        return found

    def replay(self) -> None:
        """Write again what is in quarantine, as the user does after a repair, until nothing is left."""
        wait_until(lambda: self._replayed() == set(), "the quarantine is replayed", CONNECTED_SECONDS)

    def _replayed(self) -> set[Key]:
        CLIENT.post(f"{self.service.url}/api/quarantine/replay", json={}, timeout=60)
        return self.quarantined()

    def _hears_again(self, gap_from_ns: int) -> None:
        self.service.wait_connected(CONNECTED_SECONDS)
        self.gaps.append((gap_from_ns, time.time_ns()))


@contextmanager
def situation(
    home: Home, directory: Path, kind: str, needs: Needs, random: Random, *, short: bool, settings: dict[str, str],
    starts: bool = True,
) -> Generator[Situation]:  # fmt: skip
    """Hold a service in full flow: it has connected, and its first event is stored. Or one that has yet to start."""
    with ExitStack() as stack:
        directory.mkdir(parents=True)
        data_dir = directory / "data"
        disk = None
        if needs.small_data:
            disk = stack.enter_context(small_disk(data_dir, DISK_MEBIBYTES))
        clock = SteppedClock(directory / "clock") if needs.clock else None
        link = _started(stack, Proxy(_port(home.url)))
        store = front = None
        database: Database = Embedded(data_dir)
        chosen = {"DATA_DIR": str(data_dir), "HA_URL": link.url, "HA_TOKEN": home.token, **settings, **needs.settings}
        if kind == "influxdb":
            if needs.small_store:
                disk = stack.enter_context(small_disk(directory / "store", DISK_MEBIBYTES))
            database = store = influxdb(directory / "store")
            stack.callback(store.close)
            if needs.conflict:
                store.make_bucket()
                store.write('home_assistant_events,home=other removed="a text, where others have true"')
            front = _started(stack, Proxy(store.port, http=True))
            chosen |= store.settings(front.url)
        service = CrashingIngestor(directory / "run", **chosen, **(clock.environment if clock else {}))
        stack.callback(_end, service)
        if starts:
            service.start()
            service.wait_connected(CONNECTED_SECONDS)
            wait_until(lambda: database.newest_ns() > 0, "the first event is stored", CONNECTED_SECONDS)
        yield Situation(
            random=random, short=short, home=home, service=service, link=link, database=database, data_dir=data_dir,
            store=store, front=front, disk=disk, clock=clock,
        )  # fmt: skip


def _started(stack: ExitStack, proxy: Proxy) -> Proxy:
    proxy.start()
    stack.callback(proxy.stop)
    return proxy


def _port(url: str) -> int:
    return urlsplit(url).port or 80


def _end(service: Ingestor) -> None:
    if service.runs:
        service.stop(signal.SIGKILL)
