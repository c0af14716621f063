"""The demo, run as a user runs it: a process of its own, stopped by a signal."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

ENVIRONMENT = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}


def test_the_demo_stores_every_change_it_made_and_ends_well(tmp_path: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-m", "ingestor", "demo"],
        cwd=tmp_path,
        env=ENVIRONMENT | {"DEMO_SECONDS": "4", "DEMO_RATE": "500"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")
    last = outcome.stdout.splitlines()[-1]
    received, stored = (int(last.split(f"{word}: ")[1].split()[0]) for word in ("in", "stored"))
    connection = sqlite3.connect(tmp_path / ".demo" / "events.sqlite3")
    [(rows, enriched)] = connection.execute(
        "SELECT count(*), count(weather_temperature) FROM home_assistant_events"
    ).fetchall()
    connection.close()
    assert received == stored == rows > 100
    assert enriched > 0.9 * rows


def test_a_signal_ends_a_demo_orderly(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "ingestor", "demo"], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert "metrics: http://127.0.0.1:" in process.stdout.readline()
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=12) == 0
