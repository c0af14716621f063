"""A command of the command line, run as a user runs it: a process with nothing in its environment but what is given.

To start Python and to load the service takes a second of CPU. So one process does that once, and each command is a
fork of it, which begins where `python -m ingestor` comes to when everything is loaded.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from threading import Lock

from ingestor.config import SECRETS, Settings
from tests.servers.ingestor import ROOT

MOST_SECONDS = 40
_LOADED = f"""
import json, os, signal, sys, time
from ingestor.__main__ import main

for line in sys.stdin:
    asked = json.loads(line)
    process = os.fork()
    if not process:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)
else:
    os._exit(0)
signal.alarm({MOST_SECONDS})
os.chdir(asked["directory"])
os.environ.clear()
os.environ.update(asked["environment"])
time.tzset()
output = os.open(asked["output"], os.O_WRONLY | os.O_APPEND)
for number in (1, 2):
    os.dup2(output, number)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
sys.argv = ["ingestor", *asked["words"]]
main()
"""


def environment(**settings: str) -> dict[str, str]:
    """Return the environment of a command."""
    ours = [*Settings.model_fields, *(f"{name}_file" for name in SECRETS), "demo_seconds", "demo_rate"]
    clean = dict.fromkeys((name.upper() for name in ours), "")
    clean["WEATHER_PROVIDER"] = "none"  # nobody is asked but by who has a double
    return clean | {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "COLUMNS": "300", **settings}


def command(directory: Path, *words: str, **settings: str) -> tuple[int, str]:
    """Run a command to its end; return its exit code and everything that it said."""
    if "LD_PRELOAD" in settings:  # which takes effect as a program begins
        alone = [sys.executable, "-m", "ingestor", *words]
        done = subprocess.run(
            alone, cwd=directory, env=environment(**settings), timeout=MOST_SECONDS, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        return done.returncode, done.stdout
    with tempfile.NamedTemporaryFile() as output:
        asked = {"directory": str(directory), "environment": environment(**settings), "words": words}
        code = _loaded().ends(asked | {"output": output.name})
        return code, Path(output.name).read_text()


class _Loaded:
    """The process that has loaded everything."""

    def __init__(self) -> None:
        self._alone = Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LOADED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=environment(),
        )
        atexit.register(self._process.communicate)

    def ends(self, asked: Mapping[str, object]) -> int:
        """Return the exit code of a command; that of one that takes too long is negative."""
        assert self._process.stdin
        assert self._process.stdout
        with self._alone:
            print(json.dumps(asked), file=self._process.stdin, flush=True)
            return int(self._process.stdout.readline())


_loaded = cache(_Loaded)
