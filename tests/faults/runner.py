"""Runs rows: many services at once against one home under load, each with its own database, proxies and seed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.faults.committed import in_quarantine
from tests.faults.ledgers import told
from tests.faults.load import Home, Load
from tests.faults.matrix import Row
from tests.faults.outcome import Outcome, count
from tests.faults.situation import Situation, situation
from tests.servers.processes import wait_until

REFILL_SECONDS = 120
POLL_SECONDS = 0.25


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is run, and how: each row with each of the databases that it can happen with. `rate` is changes a second."""

    rows: Sequence[Row]
    databases: Collection[str]
    times: int
    seed: int
    rate: float
    together: int
    settings: dict[str, str]
    short: bool = False


@dataclass(frozen=True, kw_only=True)
class _Life:
    """One service and what it lives through."""

    row: Row
    database: str
    number: int
    times: int

    @property
    def name(self) -> str:
        """The name of the row, and of the database where that is not the usual one."""
        return self.row.name if self.database == self.row.databases[0] else f"{self.row.name} ({self.database})"


def run(plan: Plan, home: Home, directory: Path, tell: Callable[[str], None]) -> list[Outcome]:
    """Return the outcome of each row with each database, in their order."""
    load = Load(home, plan.rate, plan.seed)
    load.start()
    try:
        lives = [life for row in plan.rows for life in _lives(row, plan)]
        outcomes = {life.name: Outcome(life.name) for life in lives}
        for alone in (False, True):
            with ThreadPoolExecutor(1 if alone else plan.together) as pool:
                turn = [life for life in lives if life.row.alone == alone]
                for outcome in pool.map(lambda life: _lived(life, plan, home, load, directory, tell), turn):
                    outcomes[outcome.name].add(outcome)
    finally:
        load.stop()
    return list(outcomes.values())


def _lives(row: Row, plan: Plan) -> list[_Life]:
    times, repeats = min(plan.times, row.most), min(row.repeats, plan.times)
    return [
        _Life(row=row, database=database, number=number, times=min(repeats, times - begun))
        for database in row.databases
        if database in plan.databases
        for number, begun in enumerate(range(0, times, repeats))
    ]


def _lived(life: _Life, plan: Plan, home: Home, load: Load, directory: Path, tell: Callable[[str], None]) -> Outcome:
    own = directory / f"{re.sub(r'[^a-z0-9]+', '-', life.name.lower())}-{life.number}"
    random = Random(f"{plan.seed} {life.name} {life.number}")
    outcome = Outcome(life.name)
    held = situation(home, own, life.database, life.row.needs, random, short=plan.short, settings=plan.settings)
    try:
        with held as around:
            try:
                _live_through(life, around, outcome)
            except AssertionError as error:
                outcome.broken.append(str(error))
            _finish(life, around, load, outcome)
    except Exception as error:  # noqa: BLE001  whatever it was, the row is broken, and the others go on
        outcome.broken.append(f"{type(error).__name__}: {error}")
    for sentence in outcome.broken + outcome.examples:
        tell(f"{own.name}: {sentence}")
    tell(f"{own.name}: {dict(outcome.counts)} {[round(seconds, 1) for seconds in outcome.recoveries]}")
    return outcome


def _live_through(life: _Life, around: Situation, outcome: Outcome) -> None:
    for _ in range(life.times):
        around.wait(0.2, 3)
        life.row.act(around)
        outcome.recoveries.append(_recovered(life, around))
        outcome.times += 1


def _recovered(life: _Life, around: Situation) -> float:
    """Return how long it takes until something newer than now is stored: the spool keeps the order."""
    ended_ns = time.time_ns()
    wait_until(
        lambda: around.database.newest_ns() > ended_ns, "all is stored", life.row.recovers_within_seconds, POLL_SECONDS
    )
    return (time.time_ns() - ended_ns) / 1e9


def _finish(life: _Life, around: Situation, load: Load, outcome: Outcome) -> None:
    """Stop the service once all until now is stored, and count."""
    until_ns = time.time_ns()
    if around.service.exit_code is not None:
        around.service.start()
    try:
        _recovered(life, around)
        wait_until(lambda: not told(around.data_dir).open, "every gap is closed", REFILL_SECONDS, POLL_SECONDS)
        _recovered(life, around)
    except AssertionError as error:
        outcome.broken.append(f"at the end: {error}")
    outcome.peak_mebibytes = around.service.peak_mebibytes
    code = around.service.stop()
    if code not in life.row.exit_codes:
        outcome.broken.append(f"exit code {code}")
    rows = [row for row in around.database.rows() if row["home"] == "home"]
    first = min(row["time"] for row in rows if row["persons_home"] is not None)  # what is older came with a snapshot
    stored = [row for row in rows if row["time"] >= first]
    truth = load.truth(first)
    outcome.counts, outcome.examples = count(
        truth,
        stored,
        until_ns=until_ns,
        gaps=around.gaps,
        committed={key for key in around.committed if key[1] >= first},
        quarantined=in_quarantine(around.data_dir),
        known={row["entity_id"] for row in rows if row["time"] < first},
    )
    if not outcome.holds:
        outcome.examples += told(around.data_dir).gaps
