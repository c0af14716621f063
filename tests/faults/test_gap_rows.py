"""Every row about what was missed in its short form: outages of seconds, all homes at once."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

import pytest

from tests.faults.clock import SteppedClock
from tests.faults.gap_matrix import GAP_ROWS, GapRow, permitted
from tests.faults.gap_runner import GapPlan, run
from tests.faults.outcome import GAP_COUNTS, Outcome, table

pytestmark = pytest.mark.real
SEED = int(os.environ.get("SEED", "1"))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Live through all of them, once, for all tests, each with the first database that it can happen with here."""
    directory = tmp_path_factory.mktemp("gaps")
    SteppedClock(directory / "clock")  # skips where there is none
    rows = [replace(row, databases=tuple(filter(partial(permitted, row), row.databases))[:1]) for row in GAP_ROWS]
    plan = GapPlan(rows=rows, databases=("embedded", "influxdb"), times=1, seed=SEED, rate=30, together=20, short=True)
    found = run(plan, directory, print)
    print(table(found, GAP_COUNTS))  # noqa: T201  shown when a row fails
    return {outcome.name: outcome for outcome in found}


@pytest.mark.parametrize("row", GAP_ROWS, ids=[row.name for row in GAP_ROWS])
def test_what_was_missed_is_refilled_or_told(row: GapRow, outcomes: dict[str, Outcome]) -> None:
    [outcome] = [one for name, one in outcomes.items() if name in {row.name, f"{row.name} (embedded)"}]
    assert outcome.holds, outcome
    assert outcome.times >= 1
