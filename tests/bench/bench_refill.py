"""What refilling a long gap, and an audit of it, cost the live events: the service beside a real Home Assistant.

Live changes come all the time, 100 a second. They are timed before a gap, while it is refilled, after it, and while all
of it is compared with what is stored. Run it: `python -m tests.bench.bench_refill embedded` or `influxdb` (which one
that is, bench_cost tells); a second argument is how many changes are missed (360,000: an hour).
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import httpx
from msgspec import Struct

from tests.bench.ages import AgedIngestor
from tests.bench.bench_cost import Kind, database
from tests.faults.ledgers import told
from tests.servers.home_assistant import RealHome
from tests.servers.processes import wait_until

RATE = 100
MISSED_RATE = 2500  # what Home Assistant makes beside its recorder on two cores
QUIET_SECONDS = 60.0
LOADED_SECONDS = 7200
REFILLED_SECONDS = 3600.0


class Phase(Struct, frozen=True):
    """Live events of a time: how many, and how old they were at their commit, in seconds."""

    name: str
    seconds: float
    events: int
    p50: float
    p99: float


class Refilled(Struct, frozen=True):
    """The phases, how many changes were refilled, how many gaps or entities were not closed, and what an audit found.

    The peaks of memory are those up to the end of the refill, and of the audit.
    """

    phases: list[Phase]
    refilled: int
    unclosed: int
    audited: str
    peak_mebibytes: int
    audited_mebibytes: int

    @property
    def ratio(self) -> float:
        """The p99 while refilling, by that of the time before and after together."""
        before, during, after, _ = self.phases
        return during.p99 / ((before.p99 + after.p99) / 2)


def measure(kind: Kind, missed: int, quiet_seconds: float = QUIET_SECONDS) -> Refilled:
    """Run the service through one gap."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-refill-") as name,
        database(kind, Path(name) / "influxdb") as settings,
    ):
        directory = Path(name)
        load = {"count": RATE * LOADED_SECONDS, "rate": RATE, "burst": 0, "bursts": 0, "seed": 1}
        home = RealHome(directory / "home", load=load)
        service = AgedIngestor(directory / "run", HA_URL=home.url, HA_TOKEN=home.token, **settings)
        try:
            home.start()
            service.start()
            service.wait_connected()
            before = _quiet("before", service, quiet_seconds)
            service.stop()
            missed_from = datetime.now(UTC)
            home.run(count=missed, rate=MISSED_RATE, seed=2, prefix="missed_", wait_seconds=3600)
            began = time.time()
            service.start()
            service.wait_connected(60)
            time.sleep(2)  # the gap is noted with the first commit
            wait_until(lambda: told(service.directory).open == 0, "the gap is closed", REFILLED_SECONDS, 0.25)
            during = _phase("refilling", service, began, time.time())
            after = _quiet("after", service, quiet_seconds)
            ledger = told(service.directory)
            unclosed = len(ledger.listed) + len(ledger.unproven)
            peak_mebibytes, began = service.peak_mebibytes, time.time()
            audited = _audited(service, missed_from)
            phases = [before, during, after, _phase("auditing", service, began, time.time())]
            return Refilled(phases, ledger.refilled, unclosed, audited, peak_mebibytes, service.peak_mebibytes)
        finally:
            service.stop()
            home.stop()


def _audited(service: AgedIngestor, since: datetime) -> str:
    span = {"from": since.isoformat(), "to": datetime.now(UTC).isoformat()}
    httpx.post(f"{service.url}/api/audit", json=span, timeout=10).raise_for_status()
    wait_until(lambda: service.get("/api/audit")[0]["state"] != "running", "the audit ends", REFILLED_SECONDS, 0.25)
    return ", ".join(f"{name} {said}" for name, said in service.get("/api/audit")[0].items())


def _quiet(name: str, service: AgedIngestor, seconds: float) -> Phase:
    began = time.time()
    time.sleep(seconds)
    return _phase(name, service, began, time.time())


def _phase(name: str, service: AgedIngestor, began: float, ended: float) -> Phase:
    events = len(service.ages(began, ended))
    return Phase(name, ended - began, events, *service.age_quantiles(began, ended))


def main(kind: str = "embedded", missed: str = "360000") -> None:
    """Print the table."""
    found = measure(cast("Kind", kind), int(missed))
    lines = ["phase       seconds   live events   commit p50 s   p99 s"]
    lines += [
        f"{one.name:10} {one.seconds:8.0f} {one.events:13,} {one.p50:14.2f} {one.p99:7.2f}" for one in found.phases
    ]
    lines += [f"refilled {found.refilled:,}, not closed {found.unclosed}, p99 {found.ratio:.2f} times that without,"]
    lines += [f"peak memory {found.peak_mebibytes} MB; with the audit {found.audited_mebibytes} MB ({found.audited})"]
    print("\n".join(lines))  # noqa: T201  a bench prints


if __name__ == "__main__":
    main(*sys.argv[1:3])
