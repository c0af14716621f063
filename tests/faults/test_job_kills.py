"""Every kind of job is killed a few times; `make job-kills` does so a hundred times."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.faults.job_kills import KINDS, lived

pytestmark = pytest.mark.real
SEED = int(os.environ.get("SEED", "1"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_is_killed_goes_on_and_brings_everything_once(kind: str, tmp_path: Path) -> None:
    life = lived(kind, tmp_path / kind, SEED)
    assert life.holds, life
    assert life.met >= 1, "no kill met the job"
