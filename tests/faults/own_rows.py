"""The faults of ourselves: an actor that crashes, a process that ends, a disk, a clock and a spool that fail us."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.faults.committed import SPOOL, committed, in_spool
from tests.faults.situation import IN_TRANSIT_SECONDS, Situation
from tests.servers.processes import wait_until

HOUR_SECONDS = 3600


def crash(actor: str, *, store_away: bool = False) -> Callable[[Situation], None]:
    """Let an actor crash at any of its lines; also while the store refuses."""

    def act(situation: Situation) -> None:
        if store_away and situation.front:
            situation.front.refuse()
            situation.wait(1, 5)
        _crash(situation, actor)
        if store_away and situation.front:
            situation.wait(1, 5)
            situation.front.accept()

    return act


def _crash(situation: Situation, actor: str) -> None:
    sessions = situation.sessions()
    at_ns = situation.service.crash(actor, situation.random)
    if actor == "connection":
        situation.reconnected(at_ns - int(IN_TRANSIT_SECONDS * 1e9), sessions)


def terminated(situation: Situation) -> None:
    """End the service in full flow, as a restart of its container does, and start it again."""
    down_ns = time.time_ns()
    code = situation.service.stop(signal.SIGTERM)
    situation.gaps.append((down_ns, 0))
    assert code == 0, f"exit code {code}"
    situation.wait(0, 5)
    situation.start()


def terminated_while_the_store_is_away(situation: Situation) -> None:
    """Let a backlog wait in the spool, and end the service in order; nobody calls that a failure."""
    assert situation.front
    situation.front.refuse()
    situation.wait(2, 10)
    terminated(situation)
    situation.front.accept()


def killed(situation: Situation) -> None:
    """Kill the service, and start it again."""
    situation.kill()
    situation.start()


def killed_while_the_store_is_away(situation: Situation) -> None:
    """Let a backlog wait in the spool, kill the service, and start it again."""
    assert situation.front
    situation.front.refuse()
    situation.wait(2, 10)
    situation.kill()
    situation.start()
    situation.front.accept()


def disk_full(situation: Situation) -> None:
    """Fill the disk of the data directory, and free it again; the service pauses the home meanwhile."""
    assert situation.disk
    began_ns, sessions = time.time_ns(), situation.sessions()
    situation.disk.fill()
    situation.wait(5, 20)
    situation.disk.free()
    time.sleep(IN_TRANSIT_SECONDS)
    paused = [life for life in situation.link.lives if (life.closed_ns or 0) > began_ns]
    if paused:
        situation.reconnected((paused[0].closed_ns or 0) - int(IN_TRANSIT_SECONDS * 1e9), sessions)


def clock_steps(situation: Situation) -> None:
    """Step the service's wall clock an hour forth and back, and an hour back and forth."""
    assert situation.clock
    steps = [HOUR_SECONDS, 0, -HOUR_SECONDS, 0]
    for seconds in steps if situation.random.random() < 0.5 else steps[2:] + steps[:2]:
        situation.clock.step(seconds)
        situation.wait(1, 4)


def damaged(harm: Callable[[Path, Random], None]) -> Callable[[Situation], None]:
    """Let a backlog wait in the spool, kill the service, harm the spool, and start again.

    What was stored, and what can still be read of the spool, is the truth.
    """

    def act(situation: Situation) -> None:
        assert situation.front
        situation.front.refuse()
        situation.wait(2, 10)
        before = situation.committed.copy()
        situation.kill()
        situation.gaps[-1] = situation.database.newest_ns(), time.time_ns()
        held = in_spool(situation.data_dir)
        harm(situation.data_dir / SPOOL, situation.random)
        situation.committed = before | committed(situation.data_dir, situation.database)
        harmed, set_aside = held != in_spool(situation.data_dir), _set_aside(situation)
        situation.start()
        situation.front.accept()
        if harmed:
            wait_until(lambda: _set_aside(situation) > set_aside, "the damaged spool is set aside", 30)

    return act


def truncate(spool: Path, random: Random) -> None:
    """Cut it off anywhere."""
    _checkpoint(spool)
    with spool.open("r+b") as file:
        file.truncate(random.randrange(spool.stat().st_size))


def corrupt(spool: Path, random: Random) -> None:
    """Overwrite a piece of it, the header or any other."""
    _checkpoint(spool)
    with spool.open("r+b") as file:
        file.seek(random.choice((0, random.randrange(spool.stat().st_size))))
        file.write(random.randbytes(4096))


def _checkpoint(spool: Path) -> None:
    """Bring everything into the one file that is harmed."""
    connection = sqlite3.connect(spool)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def _set_aside(situation: Situation) -> int:
    return len(list(situation.data_dir.glob("spool.*.damaged")))
