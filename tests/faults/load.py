"""A home under load, and the truth about it: every change that its bus told, kept for as long as services compare."""

from __future__ import annotations

import threading
import time
from random import Random
from typing import TypeAlias

from tests.servers.home_assistant import RealHome
from tests.servers.simulated_home import SimHome
from tests.servers.truth import Key, Row, expected

Home: TypeAlias = RealHome | SimHome
STEP_SECONDS = 10  # enough for every kind of change to have its turn
BURST = 50
COMPARED = ("state", "value", "attributes", "previous_state", "caused_by", "removed")


class Load:
    """Changes at a rate a second, with a burst in one turn of the loop now and then, until it is stopped: in steps."""

    def __init__(self, home: Home, rate: float, seed: int, step_seconds: float = STEP_SECONDS) -> None:
        self._home = home
        self._rate = rate
        self._step_seconds = step_seconds
        self._random = Random(seed)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._reading = threading.Lock()
        self._truth: dict[Key, Row] = {}

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; a step that was begun is made."""
        self._stopping.set()
        self._thread.join()

    def truth(self, from_ns: int) -> dict[Key, Row]:
        """Return what must be stored of what changed from a moment until now: of each row what COMPARED names."""
        with self._reading:
            for key, row in expected(self._home.news()).items():
                self._truth[key] = {name: row[name] for name in COMPARED}
            return {key: row for key, row in self._truth.items() if key[1] >= from_ns}

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            bursts = self._random.randrange(4)
            count = int(self._rate * self._step_seconds) + bursts * BURST
            self._home.run(count=count, rate=self._rate, burst=BURST * bursts, bursts=bursts, seed=self._seed())
            time.sleep(max(0.0, began + self._step_seconds - time.monotonic()))

    def _seed(self) -> int:
        return self._random.randrange(2**31)
