"""A command of the command line, run as a user runs it: a process with nothing in its environment but what is given."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from ingestor.config import SECRETS, Settings
from tests.servers.loaded import ROOT, begin

MOST_SECONDS = 40


def environment(**settings: str) -> dict[str, str]:
    """Return the environment of a command."""
    ours = [*Settings.model_fields, *(f"{name}_file" for name in SECRETS), "demo_seconds", "demo_rate"]
    clean = dict.fromkeys((name.upper() for name in ours), "")
    clean["WEATHER_PROVIDER"] = "none"  # nobody is asked but by who has a double
    return clean | {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "COLUMNS": "300", **settings}


def command(directory: Path, *words: str, **settings: str) -> tuple[int, str]:
    """Run a command to its end; return its exit code and everything that it said."""
    with tempfile.TemporaryDirectory() as beside:
        output = Path(beside) / "output"
        process = begin([sys.executable, "-m", "ingestor", *words], directory, environment(**settings), output)
        try:
            return process.wait(MOST_SECONDS), output.read_text()
        except subprocess.TimeoutExpired:
            process.kill()
            raise
