"""The service as a user runs it: a process of its own, told by its environment, asked through its API."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.servers.asking import CLIENT
from tests.servers.loaded import ROOT, ended
from tests.servers.processes import Process, wait_until


class Ingestor:
    """One `ingestor run`. Its port is free to choose, its data directory is given."""

    module = "ingestor"

    def __init__(self, directory: Path, **settings: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._environment = {"DATA_DIR": str(directory), "API_PORT": "0", "LOG_FORMAT": "json"}
        self._environment |= {"WEATHER_PROVIDER": "none", **settings}  # nobody is asked but by who has a double
        self._environment["PYTHONPATH"] = str(ROOT)
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; none while it runs."""
        assert self._process
        return self._process.exit_code

    @property
    def runs(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.exit_code is None

    @property
    def peak_mebibytes(self) -> int:
        """The most memory that it has held so far."""
        [found] = re.findall(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        return int(found) // 1024

    @property
    def log(self) -> str:
        """What it logged so far."""
        return (self.directory / "process.log").read_text()

    @property
    def url(self) -> str:
        """Where its API listens."""
        found = re.findall(r'"api":"(http[^"]+)"', self.log)
        return str(found[-1]) if found else "http://127.0.0.1:9"

    def start(self, command: str = "run") -> None:
        """Start it."""
        (self.directory / "process.log").unlink(missing_ok=True)
        for name in [name for name in os.environ if name.startswith(("HA_", "INFLUXDB_", "WEATHER_"))]:
            self._environment.setdefault(name, "")
        self._process = Process([sys.executable, "-m", self.module, command], self.directory, self._environment)

    def change(self, settings: dict[str, str]) -> dict[str, str]:
        """Let the next start have other settings; return what these were."""
        before = {name: self._environment.get(name, "") for name in settings}
        self._environment |= settings
        return before

    def wait_for(self, what: str, seconds: float = 30, **expected: Any) -> None:
        """Wait until parts of `/api/health` are as expected, by their dotted names."""
        wait_until(lambda: all(_part(self.get("/api/health"), k) == v for k, v in expected.items()), what, seconds)

    def wait_connected(self, seconds: float = 30) -> None:
        """Wait until it is connected and subscribed."""
        self.wait_for("the service is connected", seconds, connection_status__connected=True)

    def get(self, path: str) -> Any:
        """Ask its API; none while it does not answer."""
        try:
            return CLIENT.get(self.url + path, timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return None

    def text(self, path: str) -> str:
        """Return what its API says, as text."""
        return CLIENT.get(self.url + path, timeout=5).text

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Signal it and return its exit code."""
        assert self._process
        return self._process.stop(number)

    @contextmanager
    def running(self) -> Generator[None]:
        """Hold it running; it ends in order, unless something else has failed already."""
        self.start()
        try:
            yield
        except BaseException:
            self.stop()
            raise
        assert self.stop() == 0

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command of its command line, in its environment, to the end."""
        command = [sys.executable, "-m", "ingestor", *arguments]
        environment = os.environ | self._environment
        return ended(command, self.directory, environment)

    def query(self, sql: str) -> list[dict[str, Any]]:
        """Return rows of its embedded database."""
        connection = sqlite3.connect(f"file:{self.directory / 'events.sqlite3'}?mode=ro", uri=True)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql)]
        finally:
            connection.close()


def _part(answer: Any, dotted: str) -> Any:
    for name in dotted.split("__"):
        answer = answer.get(name) if isinstance(answer, dict) else None
    return answer
