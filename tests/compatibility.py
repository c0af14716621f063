"""Every Home Assistant and every Python that is supported, tried: `make compatibility` prints what passed on which.

A release of Home Assistant is tried with tests/real and the short rows about what was missed, a Python with everything
that needs no real server. Each line stands for a run of pytest of its own; what failed is named on the way.

    python -m tests.compatibility              # all of them, in about half an hour
    python -m tests.compatibility 2024.3.3 3.14
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from tests.servers.absence import Unobtainable, output
from tests.servers.interpreters import interpreter
from tests.servers.processes import CACHE
from tests.servers.releases import RELEASES, Release

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")
AT_HOMES = {
    "`tests/real`": ["tests/real", "-k", "not simulated and not in_influxdb"],
    "what was missed": ["tests/faults/test_gap_rows.py"],
}
BY_PYTHONS = {f"`tests/{room}`": [f"tests/{room}"] for room in ("supervisors", "pure", "actors", "wire")}


def main(chosen: Sequence[str]) -> int:
    """Print the tables of what is chosen, or of everything; return 1 if a test failed."""
    tables = []
    releases = [release for version, release in RELEASES.items() if not chosen or version in chosen]
    if releases:
        lines = [f"| {one.version} | {one.python} | {' | '.join(_with_home(one))} |" for one in releases]
        tables.append(_table(["Home Assistant", "on Python", *AT_HOMES], lines))
    pythons = [version for version in PYTHONS if not chosen or version in chosen]
    if pythons:
        lines = [f"| {version} | {' | '.join(_with_python(version))} |" for version in pythons]
        tables.append(_table(["Python", *BY_PYTHONS], lines))
    print("\n\n".join(tables))  # noqa: T201  the result
    return int(any("failed" in table for table in tables))


def _table(heading: Sequence[str], lines: Sequence[str]) -> str:
    return "\n".join([f"| {' | '.join(heading)} |", "|---" * len(heading) + "|", *lines])


def _with_home(release: Release) -> list[str]:
    if reason := release.why_not():
        return [f"not tried: {reason}"] * len(AT_HOMES)
    environment = {"TEST_HOME_ASSISTANT": release.version}
    return [_tried(Path(sys.executable), arguments, environment) for arguments in AT_HOMES.values()]


def _with_python(version: str) -> list[str]:
    try:
        python = _environment(version)
    except Unobtainable as error:
        return [f"not tried: {error}"] * len(BY_PYTHONS)
    return [_tried(python, arguments, {}) for arguments in BY_PYTHONS.values()]


def _environment(version: str) -> Path:
    """Return the Python of a virtual environment with what the suite requires; it is made once, in the cache."""
    digest = hashlib.sha256(b"".join((ROOT / name).read_bytes() for name in REQUIREMENTS)).hexdigest()[:12]
    made = CACHE / f"python{version}-{digest}"
    python = made / "bin" / "python"
    if not (made / "complete").exists():
        shutil.rmtree(made, ignore_errors=True)
        output([str(interpreter(version, CACHE)), "-m", "venv", "--without-pip", str(made)])
        [packages] = made.glob("lib/python3*/site-packages")
        output([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(packages), "pip"])
        for name in REQUIREMENTS:
            output([str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r", name])
        (made / "complete").touch()
    return python


def _tried(python: Path, arguments: Sequence[str], environment: dict[str, str]) -> str:
    """Return how many tests passed of those that were run, and name those that failed."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        pytest = [
            str(python),
            "-m",
            "pytest",
            "--numprocesses=2",
            "--dist=loadscope",
            f"--junitxml={report}",
            *arguments,
        ]
        given = os.environ | {"PYTHONPATH": str(ROOT)} | environment
        subprocess.run(pytest, cwd=ROOT, env=given, stdout=sys.stderr, check=False)
        cases = list(ET.parse(report).iter("testcase")) if report.exists() else []  # noqa: S314  pytest wrote it
    ran = [case for case in cases if case.find("skipped") is None]
    failed = [case for case in ran if case.find("failure") is not None or case.find("error") is not None]
    return f"{len(ran)} passed" if ran and not failed else f"{len(failed)} of {len(ran)} failed"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
