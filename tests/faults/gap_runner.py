"""Runs the rows about what was missed: every place is a real home, all at once, each with its own load and truth."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.clock import SteppedClock
from tests.faults.gap_count import Frame, count
from tests.faults.gap_matrix import GapRow, Place, permitted
from tests.faults.home_truth import Truth
from tests.faults.ledgers import told
from tests.faults.outcome import Outcome
from tests.faults.situation import Situation, situation
from tests.faults.strike import Strike
from tests.servers.home_assistant import RealHome

LOAD_SECONDS = 10
BURST = 50
QUICK_COMMIT = "  commit_interval: 1\n"
SETTINGS = {"WEATHER_PROVIDER": "none"}  # the weather while we were away is not known


@dataclass(frozen=True, kw_only=True)
class GapPlan:
    """What is run: each row with each of the databases that it can happen with. `rate` is changes a second."""

    rows: Sequence[GapRow]
    databases: Collection[str]
    times: int
    seed: int
    rate: float
    together: int
    short: bool = False


@dataclass(frozen=True, kw_only=True)
class _Life:
    """Some services, and what they live through in one place."""

    row: GapRow
    database: str
    number: int
    times: int
    services: int

    @property
    def name(self) -> str:
        """The name of the row, and of the database where that is not the usual one."""
        return self.row.name if self.database == self.row.databases[0] else f"{self.row.name} ({self.database})"

    @property
    def folder(self) -> str:
        """A name of its own."""
        return f"{re.sub(r'[^a-z0-9]+', '-', self.name.lower())}-{self.number}"


@dataclass(frozen=True, kw_only=True)
class _World:
    """A home that runs."""

    home: RealHome
    truth: Truth
    clock: SteppedClock | None
    directory: Path


def run(plan: GapPlan, directory: Path, tell: Callable[[str], None]) -> list[Outcome]:
    """Return the outcome of each row with each database, in their order."""
    lives = [life for row in plan.rows for life in _lives(row, plan)]
    outcomes = {life.name: Outcome(life.name, may_list=life.row.lists) for life in lives}
    in_turn = Counter(life.row.place for life in lives if not life.row.place.shared)
    # The longest come first.
    places = sorted({life.row.place for life in lives}, key=lambda place: (-in_turn[place], place.name))
    booting = threading.Lock()  # one home after the other: each wants a processor of its own

    def visited(place: Place) -> list[Outcome]:
        with ExitStack() as stack:
            with booting:
                world = _world(place, plan, directory / place.name, stack)
            with ThreadPoolExecutor(plan.together if place.shared else 1) as pool:
                here = [life for life in lives if life.row.place == place]
                return list(pool.map(lambda life: _lived(life, plan, world, tell), here))

    with ThreadPoolExecutor(max(1, len(places))) as pool:
        for found in pool.map(visited, places):
            for outcome in found:
                outcomes[outcome.name].add(outcome)
    return list(outcomes.values())


def _lives(row: GapRow, plan: GapPlan) -> list[_Life]:
    services = min(row.services, plan.times)
    strikes = -(-plan.times // services)
    repeats = min(row.repeats, strikes)
    return [
        _Life(row=row, database=database, number=number, times=min(repeats, strikes - begun), services=services)
        for database in row.databases
        if database in plan.databases and permitted(row, database)
        for number, begun in enumerate(range(0, strikes, repeats))
    ]


def _world(place: Place, plan: GapPlan, directory: Path, stack: ExitStack) -> _World:
    """Let a home of this kind run, until the stack is closed."""
    directory.mkdir(parents=True)
    clock = SteppedClock(directory / "clock") if place.stepped else None
    load: dict[str, Any] = {
        "count": int(plan.rate * LOAD_SECONDS) + BURST, "rate": plan.rate, "burst": BURST, "bursts": 1,
        "seed": plan.seed,
    }  # fmt: skip
    environment = clock.environment if clock else None
    recorder = place.recorder + (QUICK_COMMIT if plan.short and "commit" not in place.recorder else "")
    home = RealHome(directory / "home", recorder=recorder, environment=environment, load=load)
    stack.callback(home.stop)
    home.start()
    return _World(home=home, truth=Truth(home), clock=clock, directory=directory)


def _lived(life: _Life, plan: GapPlan, world: _World, tell: Callable[[str], None]) -> Outcome:
    random = Random(f"{plan.seed} {life.name} {life.number}")
    outcome = Outcome(life.name)
    own = world.directory / life.folder
    try:
        with ExitStack() as stack:
            services = [
                stack.enter_context(
                    situation(
                        world.home, own / str(number), life.database, life.row.needs, random,
                        short=plan.short, settings=SETTINGS,
                    )
                )
                for number in range(life.services)
            ]  # fmt: skip
            _live_through(life, services, world, plan, random, outcome)
    except Exception as error:  # noqa: BLE001  whatever it was, the row is broken, and the others go on
        outcome.broken.append(f"{type(error).__name__}: {error}")
    for line in outcome.broken + outcome.examples:
        tell(f"{own.name}: {line}")
    tell(f"{own.name}: {dict(outcome.counts)} {[round(seconds, 1) for seconds in outcome.recoveries]}")
    return outcome


def _live_through(
    life: _Life, services: Sequence[Situation], world: _World, plan: GapPlan, random: Random, outcome: Outcome
) -> None:
    from_ns = until_ns = time.time_ns()
    strike = Strike(random=random, short=plan.short, home=world.home, services=services, clock=world.clock)
    try:
        for _ in range(life.times):
            strike.wait(0.2, 3)
            life.row.act(strike)
            until_ns = time.time_ns()
            outcome.recoveries += strike.recovered(life.row.recovers_within_seconds)
            outcome.times += len(services)
    except Exception as error:  # noqa: BLE001  what is stored is counted all the same
        outcome.broken.append(f"{type(error).__name__}: {error}")
    for one in services:
        _count(one, world, (from_ns, until_ns), outcome)


def _count(one: Situation, world: _World, span: tuple[int, int], outcome: Outcome) -> None:
    """Stop a service, and count."""
    quarantined = one.quarantined()
    outcome.peak_mebibytes = max(outcome.peak_mebibytes, one.service.peak_mebibytes)
    code = one.service.stop()
    if code != 0:
        outcome.broken.append(f"exit code {code}")
    stored = [row for row in one.database.rows() if row["home"] == "home"]
    ledger = told(one.data_dir)
    frame = Frame(
        from_ns=span[0], until_ns=span[1], told=ledger, quarantined=quarantined,
        areas=world.truth.areas, today=world.truth.today,
    )  # fmt: skip
    counts, examples = count(world.truth.read(), stored, frame)
    outcome.counts += counts
    outcome.examples += examples + [f"gap: {gap}" for gap in ledger.gaps] + [f"{one}" for one in ledger.listed[:3]]
