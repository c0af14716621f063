"""What an outage of the database costs Home Assistant's own integration, it does not cost us."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.peer import compare


@pytest.mark.slow
def test_an_outage_that_costs_the_integration_its_events_costs_us_nothing(tmp_path: Path) -> None:
    theirs, ours = compare(rate=50, seconds=40, outage=(8, 24), directory=tmp_path)
    assert (theirs.lost > 0, ours.lost) == (True, 0)
