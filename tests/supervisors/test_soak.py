from __future__ import annotations

import pytest

from tests.supervisors.soak import Figures, soak

OBJECTS_OF_NO_CONCERN = 500
"""The last few errors and events, more or less; a leak of one object per crash would be many more."""


def check(figures: Figures) -> None:
    assert (figures.missed_restarts, figures.leaked_tasks) == (0, 0)
    assert figures.grown_objects < OBJECTS_OF_NO_CONCERN


def test_5_000_random_crashes_leave_nothing_behind() -> None:
    figures = soak(5_000)
    assert figures.crashes >= 5_000
    check(figures)


@pytest.mark.slow
def test_100_000_random_crashes_leave_nothing_behind() -> None:
    figures = soak(100_000)
    assert figures.crashes >= 100_000
    check(figures)
    assert figures.grown_kib < 1024
