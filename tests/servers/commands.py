"""A command of the command line, run as a user runs it: a process with nothing in its environment but what is given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ingestor.config import SECRETS, Settings
from tests.servers.ingestor import ROOT


def environment(**settings: str) -> dict[str, str]:
    """Return the environment of a command."""
    ours = [*Settings.model_fields, *(f"{name}_file" for name in SECRETS), "demo_seconds", "demo_rate"]
    clean = dict.fromkeys((name.upper() for name in ours), "")
    return clean | {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "COLUMNS": "300", **settings}


def command(directory: Path, *words: str, **settings: str) -> tuple[int, str]:
    """Run a command to its end; return its exit code and everything that it said."""
    ran = subprocess.run(
        [sys.executable, "-m", "ingestor", *words],
        cwd=directory,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr
