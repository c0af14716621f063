"""Make faults, and print what is told of each: `make alarms`, or `python -m tests.faults.alarms --help`.

A real Prometheus and Alertmanager with the rules and routes of this project tell a real Home Assistant; every time in
the rules and routes is shortened by one factor. A service that is well stands beside them from the first fault to the
last. What should not have been told, or not have stayed, makes the exit code 1.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from tests.faults.alarms.fault import LOAD
from tests.faults.alarms.faults import FAULTS
from tests.faults.alarms.judge import Outcome
from tests.faults.alarms.runner import run
from tests.faults.alarms.watch import SHOWS_ALERTS, watching
from tests.servers.home_assistant import RealHome


def main() -> int:
    """Return the exit code."""
    chosen = _arguments()
    named = [fault for fault in FAULTS if _is_chosen(fault.name, chosen.only)]
    faults = [fault for fault in named if fault.least_factor <= chosen.factor]
    for fault in named:
        if fault not in faults:
            _tell(f"left out, as it takes hours: {fault.name} (--factor {fault.least_factor:g})")
    with ExitStack() as stack:
        directory = chosen.directory or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="alarms-")))
        directory.mkdir(parents=True, exist_ok=True)
        home = RealHome(directory / "home", more=SHOWS_ALERTS, load=dict(LOAD))
        stack.callback(home.stop)
        home.start()
        watch = stack.enter_context(watching(directory / "watch", home, chosen.factor))
        outcomes = run(faults, watch, directory, chosen.together, _tell)
    print(table(outcomes))  # noqa: T201  the result
    return 1 if any(outcome.wrong for outcome in outcomes) else 0


def table(outcomes: list[Outcome]) -> str:
    """Return the outcomes as a table in Markdown."""
    lines = [["fault", "told", "at Alertmanager after", "in Home Assistant after", "cleared after", "anything else"]]
    lines += [[":--", ":--", "--:", "--:", "--:", ":--"]]
    lines += [
        [
            one.name,
            ", then ".join(one.stages) or "nothing",
            _seconds(one.at_alertmanager),
            _seconds(one.in_home),
            _seconds([one.cleared] if one.stages and one.cleared is not None else []),
            "; ".join(f"{what}{seen}" for what, seen in one.wrong.items()) or "none",
        ]
        for one in outcomes
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _seconds(times: list[float]) -> str:
    return ", ".join(f"{seconds:.0f} s" for seconds in times) or "-"


def _is_chosen(name: str, only: str) -> bool:
    return any(fnmatch.fnmatch(name, f"*{part}*") for part in only.split(","))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.alarms", description=__doc__)
    parser.add_argument("--only", default="", help="parts of the names of the faults to make, by commas")
    parser.add_argument("--factor", type=float, default=10, help="how much shorter every time in rules and routes is")
    parser.add_argument("--together", type=int, default=6, help="how many faults at once")
    parser.add_argument("--directory", type=Path, help="keep everything that the servers wrote and logged here")
    return parser.parse_args()


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201  how far it is


if __name__ == "__main__":
    sys.exit(main())
