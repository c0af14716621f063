"""Run the fault matrix and print its table: `make faults`, or `python -m tests.faults --help`.

The rows of the table are in matrix.py; those about what was missed, which need real homes of their own, in
gap_matrix.py. Each is lived through at random moments under load, by several services at once; the same seed brings the
same faults. What is lost, doubled or invented has to be 0, else the exit code is 1.
"""

from __future__ import annotations

import argparse
import fnmatch
import secrets
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.faults import gap_runner
from tests.faults.gap_matrix import GAP_ROWS
from tests.faults.load import Home
from tests.faults.matrix import ROWS, Row
from tests.faults.outcome import GAP_COUNTS, Outcome, table
from tests.faults.runner import Plan, run
from tests.servers.home_assistant import RealHome
from tests.servers.simulated_home import SimHome
from tests.servers.simulated_weather import SimWeather

DATABASES = {"both": ("influxdb", "embedded"), "influxdb": ("influxdb",), "embedded": ("embedded",)}


def main() -> int:
    """Return the exit code."""
    chosen = _arguments()
    rows = [row for row in ROWS if _is_chosen(row.name, chosen)]
    gaps = [row for row in GAP_ROWS if _is_chosen(row.name, chosen)] if chosen.home == "real" else []
    count = len(rows) + len(gaps)
    _tell(f"seed {chosen.seed}, home {chosen.home}, database {chosen.database}, {count} rows, {chosen.times} times")
    with ExitStack() as stack:
        directory = chosen.directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="faults-")))
        directory.mkdir(parents=True, exist_ok=True)
        outcomes = _lived(rows, chosen, directory) if rows else []
        gap_plan = gap_runner.GapPlan(
            rows=gaps, databases=DATABASES[chosen.database], times=chosen.times, seed=chosen.seed, rate=chosen.rate,
            together=chosen.together, short=chosen.short,
        )  # fmt: skip
        missed = gap_runner.run(gap_plan, directory, _tell)
    for told in ([table(outcomes)] if rows else []) + ([table(missed, GAP_COUNTS)] if gaps else []):
        print(told)  # noqa: T201  the result
    return 0 if all(outcome.holds for outcome in outcomes + missed) else 1


def _is_chosen(name: str, chosen: argparse.Namespace) -> bool:
    return fnmatch.fnmatch(name, f"*{chosen.rows}*")


def _lived(rows: Sequence[Row], chosen: argparse.Namespace, directory: Path) -> list[Outcome]:
    with ExitStack() as stack:
        weather = SimWeather()
        home: Home = SimHome() if chosen.home == "simulated" else RealHome(directory / "home")
        for server in (weather, home):
            server.start()
            stack.callback(server.stop)
        plan = Plan(
            rows=rows, databases=DATABASES[chosen.database], times=chosen.times, seed=chosen.seed, rate=chosen.rate,
            together=chosen.together, settings=weather.settings, short=chosen.short,
        )  # fmt: skip
        return run(plan, home, directory, _tell)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rows", default="", help="part of the names of the rows to run, or a pattern")
    parser.add_argument("--times", type=int, default=20, help="how often each row is repeated")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--home", choices=("real", "simulated"), default="real")
    parser.add_argument("--database", choices=DATABASES, default="both")
    parser.add_argument("--rate", type=float, default=100, help="changes a second")
    parser.add_argument("--together", type=int, default=10, help="how many services at once")
    parser.add_argument("--short", action="store_true", help="outages of seconds")
    parser.add_argument("--directory", type=Path, help="keep everything that the services wrote and logged here")
    return parser.parse_args()


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  how far it is


if __name__ == "__main__":
    sys.exit(main())
