"""Jobs whose service is killed with -9 at random moments: each goes on, and brings everything that is missing, once.

`make job-kills TIMES=100`, or `python -m tests.faults.job_kills --help`. The life of a job: something is missing, it
begins, the service is killed a few times while it runs, and misses changes each time; then it may end. What the home
said is compared with what is stored, by entity and time.
"""

from __future__ import annotations

import argparse
import random
import secrets
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import trio

from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until
from tests.servers.simulated_home import SimHome
from tests.servers.truth import expected, since_start

CHANGES = 3000
MISSED = 20
KILLS = 3
LONGEST_SECONDS = {"audit": 0.5, "backfill": 3.0, "loss": 3.0, "clock": 3.0}  # of a kill's wait: as a job takes here
BACK_SECONDS = 20.0
PATIENCE_SECONDS = 120.0
UNDERWAY_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Life:
    """What became of one: changes that were made, that are missing, or stored twice; how often a kill met the job."""

    kind: str
    made: int
    lost: int
    doubled: int
    met: int
    ends: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether it is as promised."""
        return self.lost == self.doubled == 0 and "done" in self.ends and not {"failed"} & {*self.ends}


class Story:
    """A home, a service beside it, and what goes wrong."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.home = SimHome(entities=40, seed=seed)
        self.home.start()
        self.service = Ingestor(directory, HA_URL=self.home.url, HA_TOKEN=self.home.token, COMMIT_SECONDS="0.2")

    def audit(self) -> None:
        """Lose some of what is stored, and let a user ask for it."""
        began = datetime.now(UTC)
        self._capture()
        self._lose_rows()
        self._start()
        self.service.wait_connected()
        self._ask("audit", began)

    def backfill(self) -> None:
        """Let the home live before the service does, and let a user ask for that."""
        began = datetime.now(UTC) - timedelta(seconds=1)
        self.home.run(count=CHANGES, rate=CHANGES)
        self._start()
        self.service.wait_connected()
        self._ask("backfill", began)

    def loss(self) -> None:
        """Lose our state, and some of what is stored."""
        self._capture()
        self._lose_rows()
        for tail in ("", "-wal", "-shm"):
            (self.service.directory / f"state.sqlite3{tail}").unlink(missing_ok=True)
        self._start()

    def clock(self) -> None:
        """Set the home's clock back while the service is away."""
        self._capture()
        home = self.home.server.home
        trio.from_thread.run_sync(home.step_clock, -BACK_SECONDS, trio_token=self.home._token)
        self.home.run(count=CHANGES // 3, rate=CHANGES)
        self._start()
        self.service.wait_connected()
        self.home.run(count=MISSED, rate=1000)  # by which the clock is read

    def live(self, kind: str) -> Life:
        """Begin a job, kill the service while it runs, and let it end."""
        began: Callable[[], None] = getattr(self, kind)
        try:
            began()
            met = sum(self._kill(kind) for _ in range(KILLS))
            self.service.wait_connected(60)
            wait_until(self._has_ended, f"the {kind} ends, and no gap is open", PATIENCE_SECONDS, 0.1)
            ends = tuple(end for of, end in self._jobs() if of == kind)
            self.service.stop()
            return self._judged(kind, met, ends)
        finally:
            self.service.stop(signal.SIGKILL)
            self.home.stop()

    def _start(self) -> None:
        self._started_ns = time.time_ns()
        self.service.start()

    def _capture(self) -> None:
        self._start()
        self.service.wait_connected()
        self.home.run(count=CHANGES, rate=CHANGES)
        wait_until(lambda: len(self._stored()) >= CHANGES, "it is stored", 30)
        self.service.stop()

    def _lose_rows(self) -> None:
        """Delete one of three, but for those of the first start, by which the first change is known."""
        with closing(sqlite3.connect(self.service.directory / "events.sqlite3")) as connection, connection:
            rows = connection.execute("SELECT series_id, time FROM events WHERE persons_home NOTNULL ORDER BY time")
            lost = [row for row in rows.fetchall()[1:] if self.random.random() < 1 / 3]
            connection.executemany("DELETE FROM events WHERE series_id = ? AND time = ?", lost)

    def _ask(self, kind: str, since: datetime) -> None:
        wait_until(self._is_settled, "no gap is open", 60)
        time.sleep(UNDERWAY_SECONDS)  # nothing younger is audited
        asked = httpx.post(f"{self.service.url}/api/{kind}", json={"from": since.isoformat()}, timeout=10)
        asked.raise_for_status()

    def _kill(self, kind: str) -> bool:
        """Kill it while the job runs, let it miss something, and start it; return whether the job had to go on."""
        wait_until(lambda: any(of == kind for of, _ in self._jobs()), f"there is the {kind}", 30, 0.01)
        time.sleep(self.random.uniform(0, LONGEST_SECONDS[kind]))
        self.service.stop(signal.SIGKILL)
        is_met = any(of == kind and end not in {"done", "cancelled"} for of, end in self._jobs())
        self.home.run(count=MISSED, rate=1000)
        self._start()
        return is_met

    def _has_ended(self) -> bool:
        return self._is_settled() and not {"waiting", "running"} & {end for _, end in self._jobs()}

    def _jobs(self) -> list[tuple[str, str]]:
        return [(kind, state) for kind, state in self._state("SELECT kind, state FROM jobs ORDER BY id")]

    def _is_settled(self) -> bool:
        """Return whether the gap of the last start is noted, and none is open."""
        gaps = self._state("SELECT state, found_ns FROM gaps")
        return max((at_ns for _, at_ns in gaps), default=0) > self._started_ns and "open" not in dict(gaps)

    def _state(self, query: str) -> list[Any]:
        file = self.service.directory / "state.sqlite3"
        try:
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as connection:
                return connection.execute(query).fetchall()
        except sqlite3.OperationalError:  # not made yet
            return []

    def _stored(self) -> list[dict[str, Any]]:
        return self.service.query("SELECT entity_id, time, persons_home FROM home_assistant_events")

    def _judged(self, kind: str, met: int, ends: tuple[str, ...]) -> Life:
        stored, heard = self._stored(), self.home.truth()
        truth = expected(heard) if kind == "backfill" else since_start(heard, stored)[0]
        keys = Counter((row["entity_id"], row["time"]) for row in stored)
        doubled = sum(keys.values()) - len(keys)
        return Life(
            kind=kind, made=len(truth), lost=len(truth.keys() - keys.keys()), doubled=doubled, met=met, ends=ends
        )


KINDS = tuple(LONGEST_SECONDS)


def lived(kind: str, directory: Path, seed: int) -> Life:
    """Return what became of a life."""
    directory.mkdir(parents=True)
    return Story(directory / "run", seed).live(kind)


def main() -> int:
    """Print each life, and the sums; the exit code is 1 when one does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.job_kills", description=__doc__)
    parser.add_argument("--times", type=int, default=100, help="kills of each kind of job")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    chosen = parser.parse_args()
    found: list[Life] = []
    with tempfile.TemporaryDirectory(prefix="job-kills-") as name:
        for number in range(-(-chosen.times // KILLS)):
            for kind in chosen.kinds:
                life = lived(kind, Path(name) / f"{kind}-{number}", chosen.seed + number)
                found.append(life)
                sys.stderr.write(f"seed {chosen.seed + number}: {life}\n")
    for kind in chosen.kinds:
        lives = [one for one in found if one.kind == kind]
        made, lost, doubled, met = (sum(getattr(one, of) for one in lives) for of in ("made", "lost", "doubled", "met"))
        sys.stdout.write(
            f"{kind:9} kills {len(lives) * KILLS:4}, of which met {met:4}; changes {made:8,}, lost {lost}, "
            f"doubled {doubled}, not as promised {sum(not one.holds for one in lives)}\n"
        )
    return 0 if all(one.holds for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
