"""What could not be had is named once, at the end of a run, with what it cost; under CI the run has then failed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.absence import left_out

ROOT = Path(__file__).parents[2]
SUITE = """
import pytest
from tests.servers.absence import missing

@pytest.fixture(scope="module")
def home():
    missing("a home")

@pytest.mark.parametrize("number", range(3))
def test_in_a_home(home, number): pass

def test_with_an_extra(): missing("an extra", required=False)

def test_that_does_not_apply(): pytest.skip("not here")

def test_of_all_else(): pass
"""
LINE = "left out: 3 for want of a home; 1 for want of an extra"


def suite(directory: Path, *options: str, **environment: str) -> tuple[int, list[str]]:
    """Run a suite that lacks something, and return its exit code and its last lines."""
    (directory / "test_it.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", f"--rootdir={directory}", *options]
    kept = {name: text for name, text in os.environ.items() if name != "CI" and not name.startswith("PYTEST")}
    done = subprocess.run(
        [*command, "test_it.py"], cwd=directory, capture_output=True, text=True, check=False,
        env=kept | {"PYTHONPATH": str(ROOT)} | environment,
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines()[-2:]


@pytest.mark.parametrize("options", [(), ("--numprocesses=2",)], ids=["alone", "in two workers"])
def test_it_is_one_line_at_the_end_with_the_number_of_tests(options: tuple[str, ...], tmp_path: Path) -> None:
    code, [line, counts] = suite(tmp_path, *options)
    assert (code, line) == (0, LINE)
    assert counts.startswith("1 passed, 5 skipped")


def test_under_ci_what_is_required_fails_the_run_although_every_other_test_is_run(tmp_path: Path) -> None:
    code, [line, counts] = suite(tmp_path, CI="true")
    assert (code, line) == (1, LINE)
    assert counts.startswith("1 passed, 5 skipped")


def test_under_ci_what_is_only_welcome_fails_nothing(tmp_path: Path) -> None:
    code, [line, _] = suite(tmp_path, "--deselect=test_it.py::test_in_a_home", CI="true")
    assert (code, line) == (0, "left out: 1 for want of an extra")


def test_a_test_that_does_not_apply_is_not_left_out() -> None:
    assert left_out(["Skipped: not here"]) == ("", False)
