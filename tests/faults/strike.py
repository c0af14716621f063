"""A fault of a home or of its links, and the services that live through it at the same time."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random

from tests.faults.clock import SteppedClock
from tests.faults.ledgers import told
from tests.faults.situation import Situation
from tests.servers.home_assistant import RealHome
from tests.servers.processes import wait_until

MARK = "sensor.mark"
POLL_SECONDS = 0.25
CONFIRMED_SECONDS = 1.0
AUDITABLE_SECONDS = 120
WAYS_TO_BE_AWAY = ("cut", "ended", "killed")


@dataclass(kw_only=True)
class Strike:
    """What a fault may act upon. `clock` is the home's, where it is not the machine's."""

    random: Random
    short: bool
    home: RealHome
    services: Sequence[Situation]
    clock: SteppedClock | None = None

    def wait(self, low: float, high: float) -> None:
        """Let time pass, of any length between two; in the short form no more than 3 seconds."""
        seconds = self.random.uniform(low, high)
        time.sleep(min(seconds, self.random.uniform(1, 3)) if self.short else seconds)

    def each(self, act: Callable[[Situation], object]) -> None:
        """Do something with every service at once."""
        with ThreadPoolExecutor(len(self.services)) as pool:
            list(pool.map(act, self.services))

    @contextmanager
    def away(self, ways: Sequence[str] = WAYS_TO_BE_AWAY) -> Generator[None]:
        """Keep every service from the home for a while, each in one of these ways."""
        chosen = [self.random.choice(ways) for _ in self.services]
        for service, way in zip(self.services, chosen, strict=True):
            if way == "cut":
                service.link.refuse()
            else:
                service.service.stop(signal.SIGKILL if way == "killed" else signal.SIGTERM)
        yield
        for service, way in zip(self.services, chosen, strict=True):
            if way == "cut":
                service.link.accept()
            else:
                service.service.start()

    def recovered(self, seconds: float) -> list[float]:
        """Return how long it takes every service until it is up to date and its ledger has no gap open."""
        began = time.monotonic()
        mark = f"{self.random.randrange(2**63):x}"

        def settled(one: Situation) -> float:
            settles = partial(self._is_settled, one, mark)
            wait_until(settles, "all is refilled and stored", seconds, POLL_SECONDS)
            return time.monotonic() - began - CONFIRMED_SECONDS

        with ThreadPoolExecutor(len(self.services)) as pool:
            return list(pool.map(settled, self.services))

    def _is_settled(self, one: Situation, mark: str) -> bool:
        """Return whether a service heard a mark live, or later, and has no gap; one is noted soon after its end."""
        self.home.put(MARK, mark)
        if not one.database.holds(MARK, mark) or told(one.data_dir).open:
            return False
        time.sleep(CONFIRMED_SECONDS)
        return told(one.data_dir).open == 0

    def audit(self, times: int = 2) -> None:
        """Audit every service's data of the last hour by its command line, again and again; it cannot be running.

        An audit refuses while a gap is open, so that is waited for.
        """
        self.recovered(AUDITABLE_SECONDS)
        since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()

        def audited(one: Situation) -> None:
            one.service.stop(signal.SIGTERM)
            for _ in range(times):
                done = one.service.command("audit", "--from", since)
                assert done.returncode == 0, done.stdout + done.stderr
            one.service.start()

        self.each(audited)
