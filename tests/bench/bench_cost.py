"""What the service costs beside the least that a client can do, both connected to one real Home Assistant at once.

The least is `parse_only`: aiohttp, and `json.loads` on each frame. Windows of every load are taken in turns; the CPU of
a window, user and system, is that of the whole process from before the first change until everything is stored. A
window counts only if both have received every change that Home Assistant has made. Weather is on.

Run it: `python -m tests.bench.bench_cost`, or with the argument `influxdb` for the database that TEST_INFLUXDB_COMMAND
starts, or that runs at TEST_INFLUXDB_URL with TEST_INFLUXDB_TOKEN and TEST_INFLUXDB_ORG; without either, for a double.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal, cast

from msgspec import Struct

from tests.faults.databases import influxdb
from tests.servers.home_assistant import RealHome
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.releases import installed
from tests.servers.simulated_weather import SimWeather

Kind = Literal["embedded", "influxdb"]
PARSE_ONLY = Path(__file__).with_name("parse_only.py")
SETTLED_SECONDS = 2.5  # COMMIT_SECONDS, then the write
STEP_SECONDS = 0.01


class Load(Struct, frozen=True):
    """So many changes a second, made every `step_seconds`: those of one step are one frame. With 0 each is alone."""

    rate: float
    step_seconds: float = STEP_SECONDS


LOADS: dict[Kind, list[Load]] = {
    "embedded": [Load(rate) for rate in (100, 300, 1000, 2000, 3000)],
    "influxdb": [Load(2000)],
}
FRAMES = [Load(1000, step_seconds) for step_seconds in (0, 0.003, 0.03, 0.1)]  # beside the one of LOADS


class Spread(Struct, frozen=True):
    """A figure over several windows."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: Iterable[float]) -> Spread:
        """Return their spread."""
        ordered = sorted(figures)
        return cls(median(ordered), ordered[0], ordered[-1])

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.least:.3g} to {self.most:.3g})"


class Cost(Struct, frozen=True):
    """Microseconds of CPU per event under one load, of the service and of the client, and their ratio by window."""

    load: Load
    events: int
    events_per_frame: float
    service_us: Spread
    client_us: Spread
    ratio: Spread


class _Window(Struct, frozen=True):
    events: int
    frames: int
    service_seconds: float
    client_seconds: float


class ParseOnly:
    """The client, in a process of Home Assistant's own Python."""

    def __init__(self, home: RealHome) -> None:
        command = [str(installed().interpreter), str(PARSE_ONLY), home.url, home.token]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        self.received()

    def received(self) -> dict[str, int]:
        """Return how many `events` and `frames` it has received."""
        assert self._process.stdin
        assert self._process.stdout
        assert self._process.poll() is None, "Home Assistant has cut the client off: too much load for this machine"
        print(file=self._process.stdin, flush=True)
        return dict(json.loads(self._process.stdout.readline()))

    def stop(self) -> None:
        """Stop it."""
        with suppress(BrokenPipeError), self._process:
            self._process.terminate()


@dataclass(slots=True)
class Both:
    """The service and the client at one home. `made` are the changes that the home has made so far."""

    home: RealHome
    service: Ingestor
    client: ParseOnly
    made: int = 0

    def window(self, load: Load, seconds: float, seed: int) -> _Window:
        """Take one window; it fails when one of the two has missed a change."""
        before, stored = self.client.received(), _stored(self.service)
        began = self._spent()
        self.home.run(count=round(load.rate * seconds), rate=load.rate, step=load.step_seconds, seed=seed)
        time.sleep(SETTLED_SECONDS)
        ended = self._spent()
        made = 0

        def has_all() -> bool:
            nonlocal made
            made += len(self.home.news())
            return made == self.client.received()["events"] - before["events"] == _stored(self.service) - stored

        wait_until(has_all, "the service and the client have every change that was made", 30, 0.5)
        frames = self.client.received()["frames"] - before["frames"]
        return _Window(made, frames, ended[0] - began[0], ended[1] - began[1])

    def _spent(self) -> tuple[float, float]:
        return cpu_seconds(self.service.pid), cpu_seconds(self.client.pid)


@contextmanager
def database(kind: Kind, directory: Path) -> Generator[dict[str, str]]:
    """Hold a database of the kind; return the settings of a service that writes into it."""
    if kind == "embedded":
        yield {}
        return
    held = influxdb(directory)
    try:
        yield held.settings(f"http://127.0.0.1:{held.port}")
    finally:
        held.close()


@contextmanager
def both(kind: Kind, service_class: type[Ingestor] = Ingestor) -> Generator[Both]:
    """Hold a real Home Assistant to which both are connected; a second of changes has made every entity known."""
    with tempfile.TemporaryDirectory(prefix="bench-cost-") as name, ExitStack() as stack:
        directory, weather = Path(name), SimWeather()
        home = RealHome(directory / "home")
        weather.start()
        stack.callback(weather.stop)
        stack.callback(home.stop)
        home.start()
        settings = weather.settings | stack.enter_context(database(kind, directory / "influxdb"))
        service = service_class(directory / "run", HA_URL=home.url, HA_TOKEN=home.token, **settings)
        service.start()
        stack.callback(service.stop)
        service.wait_connected()
        client = ParseOnly(home)
        stack.callback(client.stop)
        home.run(count=1000, rate=1000)
        time.sleep(SETTLED_SECONDS)
        home.news()
        yield Both(home, service, client)


def measure(pair: Both, loads: Sequence[Load], seconds: float, rounds: int) -> list[Cost]:
    """Return what each load costs, over a window of so many seconds in each round."""
    taken = [[pair.window(load, seconds, seed) for load in loads] for seed in range(rounds)]
    return [_cost(load, windows) for load, windows in zip(loads, zip(*taken, strict=True), strict=True)]


def cpu_seconds(pid: int) -> float:
    """Return the CPU that a process has used, user and system, of all its threads; exact, where ticks are 10 ms."""
    return time.clock_gettime(~pid << 3 | 2)  # what clock_getcpuclockid(3) returns on Linux


def _cost(load: Load, windows: Sequence[_Window]) -> Cost:
    events = sum(one.events for one in windows)
    return Cost(
        load=load,
        events=events,
        events_per_frame=events / sum(one.frames for one in windows),
        service_us=Spread.of(one.service_seconds / one.events * 1e6 for one in windows),
        client_us=Spread.of(one.client_seconds / one.events * 1e6 for one in windows),
        ratio=Spread.of(one.service_seconds / one.client_seconds for one in windows),
    )


def _stored(service: Ingestor) -> int:
    found = re.search(r"^ingestor_events_stored_total\S* (\S+)", service.text("/metrics"), re.MULTILINE)
    return int(float(found[1])) if found else 0


def table(found: Sequence[Cost]) -> str:
    """Return the figures as lines."""
    lines = ["changes/s   events a frame   service us an event       client us an event        ratio"]
    lines += [
        f"{one.load.rate:9g} {one.events_per_frame:16.1f}   {one.service_us!s:23}   {one.client_us!s:23}   {one.ratio}"
        for one in found
    ]
    return "\n".join(lines)


def main(kind: Kind = "embedded", seconds: float = 10, rounds: int = 5) -> None:
    """Print the table."""
    with both(kind) as pair:
        print(table(measure(pair, LOADS[kind], seconds, rounds)))  # noqa: T201  a bench prints


if __name__ == "__main__":
    main(cast("Kind", (sys.argv[1:2] or ["embedded"])[0]))
