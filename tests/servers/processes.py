"""Servers of tests: on loopback, in directories of their own, stopped by their own pid by who started them."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.absence import missing
from tests.servers.loaded import begin

CACHE = Path(os.environ.get("TEST_CACHE_DIR", Path.home() / ".cache" / "ha-ingestor-tests"))


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def alone(what: str) -> Generator[None]:
    """Keep other processes of tests from doing the same at once."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def program(name: str, package: str) -> str:
    """Return the path of a program, brought if need be; else the test is left out."""
    found = brought(name, package)
    if found is None:
        missing(f"{name} (install Debian's package {package})")
    return found


def brought(name: str, package: str) -> str | None:
    """Return the path of a program if it can be had: root installs the Debian package that has it."""
    with alone("packages"):
        if shutil.which(name) is None and os.geteuid() == 0 and shutil.which("apt-get"):
            _apt_get("update")
            _apt_get("install", "--yes", "--no-install-recommends", package)
    return shutil.which(name)


def _apt_get(*arguments: str) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}  # starts no service
    subprocess.run(["apt-get", *arguments], env=environment, capture_output=True, timeout=300, check=False)


def wait_until(true: Callable[[], bool], what: str, seconds: float = 60, every_seconds: float = 0.05) -> None:
    """Wait until something is true, or fail saying what never was."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(every_seconds)


class Process:
    """A server's process; its output goes to a file."""

    def __init__(self, command: list[str], directory: Path, environment: dict[str, str] | None = None) -> None:
        self.log = directory / "process.log"
        self._process = begin(command, directory, os.environ | (environment or {}), self.log)

    @property
    def pid(self) -> int:
        """Whom to signal."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; none while it runs."""
        return self._process.poll()

    def wait(self, seconds: float) -> int:
        """Return the exit code."""
        return self._process.wait(seconds)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 20) -> int:
        """Signal it and wait for its end; after the time it is killed."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait(5)
