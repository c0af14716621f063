"""Home Assistant's own `influxdb` integration and the service, side by side through the same outage of the database.

`python -m tests.faults.peer`: one real Home Assistant, which both listen to, and one InfluxDB, in which each has a
bucket of its own. It refuses connections for two minutes. The integration has its defaults, but for one measurement for
all, by which its points can be read back.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.faults.databases import InfluxDB, influxdb
from tests.faults.proxy import Proxy
from tests.servers.home_assistant import RealHome
from tests.servers.ingestor import Ingestor
from tests.servers.processes import CACHE, wait_until
from tests.servers.releases import installed
from tests.servers.truth import Key, Row, expected

CONFIGURATION = """
influxdb:
  api_version: 2
  ssl: false
  host: 127.0.0.1
  port: {port}
  token: {token}
  organization: {org}
  bucket: {bucket}
  override_measurement: home_assistant_events
"""
NOT_BY_DESIGN = {"unknown", "unavailable", "", None}
PATIENCE_SECONDS = 90


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of the changes with one of the two."""

    name: str
    made: int
    not_by_design: int
    lost: int
    logged: int

    def __str__(self) -> str:
        """Return a line of the table."""
        share = 100 * self.lost / self.made
        return (
            f"| {self.name} | {self.made:,} | {self.not_by_design:,} | {self.lost:,} ({share:.1f}%) | {self.logged} |"
        )


def compare(*, rate: float, seconds: float, outage: tuple[float, float], directory: Path) -> list[Result]:
    """Return the results of both."""
    with ExitStack() as stack:
        ours = influxdb(directory / "store")
        stack.callback(ours.close)
        theirs = InfluxDB(ours.port, org=ours.org, root=ours._root)
        theirs.make_bucket()
        front = Proxy(ours.port, http=True)
        front.start()
        stack.callback(front.stop)
        names = {"token": theirs.token, "org": theirs.org, "bucket": theirs.bucket}
        more = CONFIGURATION.format(port=front.port, **names)
        home = RealHome(directory / "home", more=more, environment={"PYTHONPATH": str(_integration())})
        home.start()
        stack.callback(home.stop)
        service = Ingestor(
            directory / "data",
            HA_URL=home.url,
            HA_TOKEN=home.token,
            WEATHER_PROVIDER="none",
            **ours.settings(front.url),
        )
        service.start()
        stack.callback(service.stop)
        service.wait_connected()
        home.news()
        _live_through(home, front, rate, seconds, outage)
        heard = home.truth()
        last_ns = max(key[1] for key in expected(heard))
        wait_until(lambda: ours.newest_ns() >= last_ns, "ours is stored", PATIENCE_SECONDS)
        _wait_patiently(theirs, last_ns)
        home_log = (home.directory / "home-assistant.log").read_text().splitlines()
        told = sum("influx" in line.lower() for line in home_log)
        return [
            _result("its own integration", expected(heard), theirs, logged=told, by_design=True),
            _result("the ingestor", expected(heard), ours, logged=service.log.count("StoreFailed"), by_design=False),
        ]


def _live_through(home: RealHome, front: Proxy, rate: float, seconds: float, outage: tuple[float, float]) -> None:
    options = {"count": int(rate * seconds), "rate": rate, "wait_seconds": 2 * seconds}
    load = threading.Thread(target=home.run, kwargs=options, daemon=True)
    began = time.monotonic()
    load.start()
    for moment, act in zip(outage, (front.refuse, front.accept), strict=True):
        time.sleep(max(0.0, began + moment - time.monotonic()))
        act()
    load.join()


def _wait_patiently(database: InfluxDB, last_ns: int) -> None:
    """Give the integration the time that it wants; what it has lost does not come."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and database.newest_ns() < last_ns:
        time.sleep(1)


def _result(name: str, truth: dict[Key, Row], database: InfluxDB, *, logged: int, by_design: bool) -> Result:
    stored = {(_entity(row), row["time"]) for row in database.rows()}
    skipped = {key for key, row in truth.items() if by_design and row["state"] in NOT_BY_DESIGN}
    lost = truth.keys() - stored - skipped
    return Result(name=name, made=len(truth), not_by_design=len(skipped), lost=len(lost), logged=logged)


def _entity(row: Row) -> str:
    entity_id = str(row["entity_id"])
    return entity_id if "." in entity_id else f"{row['domain']}.{entity_id}"


def _integration() -> Path:
    """Return a folder with the packages that the integration's manifest names; it is filled once, in the cache."""
    release = installed()
    target = CACHE / f"influxdb-integration-{release.version}"
    [core] = release.environment.glob("lib/python3*/site-packages/homeassistant")
    if not (target / "complete").exists():
        wanted = json.loads((core / "components/influxdb/manifest.json").read_text())["requirements"]
        constraints = ["--constraint", str(core / "package_constraints.txt")]
        pip = [str(release.interpreter), "-m", "pip", "install", "--quiet", "--target", str(target)]
        subprocess.run([*pip, *constraints, *wanted], check=True)
        (target / "complete").touch()
    return target


def main() -> None:
    """Print both as a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.peer", description=__doc__)
    parser.add_argument("--rate", type=float, default=50, help="changes a second")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument(
        "--outage", type=float, nargs=2, default=(60, 180), help="when the database refuses, in seconds"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="peer-") as directory:
        results = compare(
            rate=chosen.rate, seconds=chosen.seconds, outage=tuple(chosen.outage), directory=Path(directory)
        )
    heading = "| | made | never written by design | lost | lines in its log about it |"
    print(heading, "| :-- | --: | --: | --: | --: |", *results, sep="\n")  # noqa: T201  the result


if __name__ == "__main__":
    main()
