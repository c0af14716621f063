"""The releases of Home Assistant that are tried, each installed once, in the cache, with the Python that it needs.

The suite takes the newest. Where that cannot be had the one before stands in for it, which the end of the run names.
`TEST_HOME_ASSISTANT` chooses one of them, for which nothing stands in.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.servers.absence import Unobtainable, missing, output
from tests.servers.interpreters import interpreter
from tests.servers.processes import CACHE, alone, brought

_INSTALL_SECONDS = 3600
_NEEDED = [  # by what our configuration loads, and by the dialogue in which the first user is made
    "home-assistant-frontend", "SQLAlchemy", "fnv-hash-fast", "psutil-home-assistant",
    "hassil", "home-assistant-intents", "mutagen", "ha-ffmpeg", "Pillow", "janus", "securetar",
]  # fmt: skip

_DEMONSTRATING = [  # what `demo` and `kitchen_sink` load, some of it for platforms that nobody tries, and `rest`
    "gazetteer-matcher==1.1.0", "infrared-protocols==10.5.0", "rf-protocols==4.3.0", "PyTurboJPEG==1.8.3", "numpy",
    "jsonpath-python==1.1.6", "xmltodict==1.0.4",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One release, the Python that it needs, and what its own constraints forget to hold back."""

    version: str
    python: str
    held: tuple[str, ...] = ()

    @property
    def environment(self) -> Path:
        """The virtual environment that holds it once it is installed."""
        return CACHE / f"home-assistant-{self.version}"

    @property
    def interpreter(self) -> Path:
        """The Python of that environment."""
        return self.environment / "bin" / "python"

    @property
    def command(self) -> list[str]:
        """How it is started."""
        return [str(self.interpreter), str(self.interpreter.with_name("hass")), "--skip-pip"]

    def why_not(self) -> str:
        """Return why it cannot be had here; nothing once it is installed."""
        with alone(f"install-{self.version}"):
            try:
                if not (self.environment / "complete").exists() or not self.interpreter.exists():
                    self._install(interpreter(self.python, CACHE))
            except Unobtainable as error:
                return f"Home Assistant {self.version}, which needs Python {self.python} ({error})"
        return ""

    def demonstrations(self) -> Path:
        """Return where what `demo`, `kitchen_sink` and `rest` need is, installed once. Raises `Unobtainable`."""
        folder, needed = CACHE / f"demonstrations-{self.version}", " ".join(_DEMONSTRATING)
        with alone(f"install-{self.version}"):
            if not (folder / "complete").exists() or (folder / "complete").read_text() != needed:
                shutil.rmtree(folder, ignore_errors=True)
                install = [
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    "--no-compile",
                    "--no-deps",
                ]
                constrained = ["--constraint", str(self._constraints), "--target", str(folder)]
                output([str(self.interpreter), *install, *constrained, *_DEMONSTRATING], seconds=_INSTALL_SECONDS)
                (folder / "complete").write_text(needed)
        return folder

    @property
    def _constraints(self) -> Path:
        [packages] = self.environment.glob("lib/python3*/site-packages")
        return packages / "homeassistant" / "package_constraints.txt"

    def _install(self, python: Path) -> None:
        """Install it with a pip that ours installs: the Python may have none, or ours be too old to run under it."""
        if not brought("c++", "g++"):
            raise Unobtainable("no C++ compiler, by which some of its packages are built: install Debian's package g++")
        shutil.rmtree(self.environment, ignore_errors=True)
        output([str(python), "-m", "venv", "--without-pip", str(self.environment)])
        [packages] = self.environment.glob("lib/python3*/site-packages")
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]  # half of its time
        output([sys.executable, *install, "--target", str(packages), "pip"])
        pip = [str(self.interpreter), *install]
        itself = f"homeassistant=={self.version}"
        output([*pip, "--no-deps", itself])
        output([*pip, "--constraint", str(self._constraints), itself, *_NEEDED, *self.held], seconds=_INSTALL_SECONDS)
        (self.environment / "complete").touch()


NEWEST = Release(version="2026.11.0", python="3.14")
STAND_IN = Release(version="2025.4.4", python="3.13")
OLDEST = Release(version="2024.3.3", python="3.12", held=("josepy<2",))
RELEASES = {release.version: release for release in (NEWEST, STAND_IN, OLDEST)}


def installed() -> Release:
    """Return the release that is tried; else the test is left out."""
    release, reason = _chosen()
    if release is None:
        missing(reason)
    return release


def demonstrated() -> dict[str, Any]:
    """Return what a home with `demo` and `kitchen_sink` is made with; nothing where what they need cannot be had."""
    if installed() is not NEWEST:
        return {}
    try:
        return {"more": "demo:\nkitchen_sink:\n", "environment": {"PYTHONPATH": str(NEWEST.demonstrations())}}
    except Unobtainable:
        return {}


def why_not() -> str:
    """Return why no release can be had here; nothing once one is installed."""
    release, reason = _chosen()
    return "" if release else reason


def why_not_newest() -> str:
    """Return why an older release stands in for the newest; nothing if it does not."""
    release, reason = _chosen()
    return reason if release else ""


@cache
def _chosen() -> tuple[Release | None, str]:
    """Return what can be had, and why what is wanted cannot; a process tries that once."""
    named = os.environ.get("TEST_HOME_ASSISTANT")
    wanted = [RELEASES[named]] if named else [NEWEST, STAND_IN]
    reasons: list[str] = []
    for release in wanted:
        reason = release.why_not()
        if not reason:
            return release, "; ".join(reasons)
        reasons.append(reason)
    return None, "; ".join(reasons)
