"""What `python -m` runs, begun in a fork of a process that has loaded the service already.

To start Python and to load the service takes a second of CPU, which some three hundred tests would pay. So one process
does that once, and forks for each that is asked for: a keeper, which forks the process itself and notes how it ended.
That is a process like any other, with a pid, an environment, a directory and an output of its own.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from threading import Lock

ROOT = Path(__file__).parents[2]
MOST_SECONDS = 120
_POLL_SECONDS = 0.02
_making = Lock()
_LOADED = """
import gc, json, os, runpy, signal, sys, time
import ingestor.assembly.service, ingestor.cli

gc.freeze()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for what keeps a process
for line in sys.stdin:
    asked = json.loads(line)
    if not os.fork():
        break
else:
    os._exit(0)
signal.signal(signal.SIGCHLD, signal.SIG_DFL)
process = os.fork()
if process:
    print(process, flush=True)
    os.closerange(0, 3)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    with open(asked["ended"] + ".new", "w") as file:
        file.write(str(code))
    os.rename(asked["ended"] + ".new", asked["ended"])
    os._exit(0)
os.chdir(asked["directory"])
os.environ.clear()
os.environ.update(asked["environment"])
time.tzset()
os.dup2(os.open(asked["output"], os.O_WRONLY | os.O_APPEND), 1)
os.dup2(os.open(asked["errors"], os.O_WRONLY | os.O_APPEND), 2)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
sys.argv = asked["words"]
runpy.run_module(asked["words"][0], run_name="__main__", alter_sys=True)
"""


def begin(
    command: Sequence[str], directory: Path, environment: Mapping[str, str], output: Path, errors: Path | None = None
) -> Forked | subprocess.Popen[bytes]:
    """Begin a process in a directory, with nothing in its environment but what is given.

    What it says is appended to `output`, what it says of errors too, unless there is a file for `errors`.
    """
    errors = errors or output
    python, option, *words = command
    is_of_us = (python, option, environment.get("PYTHONPATH")) == (sys.executable, "-m", str(ROOT))
    if is_of_us and "LD_PRELOAD" not in environment:  # which acts as a program begins
        return Forked(words, directory, environment, output, errors)
    with output.open("ab") as said, errors.open("ab") as wrong:
        return subprocess.Popen(command, cwd=directory, env=environment, stdout=said, stderr=wrong)


def ended(
    command: Sequence[str], directory: Path, environment: Mapping[str, str], seconds: float = MOST_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run a process to its end, as `subprocess.run` does. Raises `subprocess.TimeoutExpired` once it is killed."""
    with tempfile.TemporaryDirectory() as beside:
        said, wrong = Path(beside, "said"), Path(beside, "wrong")
        process = begin(command, directory, environment, said, wrong)
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess([*command], code, said.read_text(), wrong.read_text())


class Forked:
    """A process, as `subprocess.Popen` has one. The first of the words is the module that it runs."""

    def __init__(
        self, words: Sequence[str], directory: Path, environment: Mapping[str, str], output: Path, errors: Path
    ) -> None:
        self._code: int | None = None
        output.touch()
        errors.touch()
        asked = {"words": words, "environment": dict(environment), "directory": str(directory)}
        self.pid, self._ended = _loaded().fork({**asked, "output": str(output), "errors": str(errors)})

    def poll(self) -> int | None:
        """Return how it ended; none while it runs."""
        if self._code is None and self._ended.exists():
            self._code = int(self._ended.read_text())
        return self._code

    def wait(self, timeout: float) -> int:
        """Return how it ended. Raises `subprocess.TimeoutExpired`."""
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(_POLL_SECONDS)
        return code

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        with suppress(ProcessLookupError):  # until its keeper has noted that it ended
            if self.poll() is None:
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it."""
        self.send_signal(signal.SIGKILL)


class _Loaded:
    """The process that has loaded everything."""

    def __init__(self) -> None:
        self._alone = Lock()
        self._numbers = count()
        self._directory = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LOADED],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        atexit.register(self._directory.cleanup)
        atexit.register(self._process.communicate)

    def fork(self, asked: Mapping[str, object]) -> tuple[int, Path]:
        """Return the pid of a process, and the file that will say how it has ended."""
        assert self._process.stdin
        assert self._process.stdout
        with self._alone:
            ended = Path(self._directory.name, str(next(self._numbers)))
            print(json.dumps({**asked, "ended": str(ended)}), file=self._process.stdin, flush=True)
            return int(self._process.stdout.readline()), ended


@cache
def _made() -> _Loaded:
    return _Loaded()


def _loaded() -> _Loaded:
    with _making:  # two threads at once would make two
        return _made()
