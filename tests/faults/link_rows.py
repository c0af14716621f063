"""The faults of the link and of ourselves that keep changes from reaching us; the home goes on."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.committed import SPOOL
from tests.faults.ledgers import told
from tests.faults.situation import CONNECTED_SECONDS, Situation
from tests.faults.strike import POLL_SECONDS, Strike
from tests.servers.processes import wait_until

DOWN_SECONDS = 300
EMBEDDED = "events.sqlite3"
BURST = 5000  # Home Assistant cuts who has more than 4,096 messages pending


def cut(strike: Strike) -> None:
    """Cut the socket: in order, by a reset, or refused for a while."""
    [one] = strike.services
    how = strike.random.choice((one.link.cut, one.link.reset, one.link.refuse))
    how()
    if how == one.link.refuse:
        strike.wait(0, 30)
        one.link.accept()


def half_open(strike: Strike) -> None:
    """Let nothing pass, and tell nobody; in the long form until the service notices."""
    [one] = strike.services
    life = one.link.lives[-1]
    one.link.to_client.stopped = one.link.to_server.stopped = True
    strike.wait(1, 5)
    if not strike.short:
        wait_until(lambda: life.closed_ns is not None, "the service notices", CONNECTED_SECONDS)
    one.link.reset()
    one.link.clear()


def throttled(strike: Strike) -> None:
    """Let far less pass than there is, for as long as it takes until Home Assistant cuts us off, or not."""
    [one] = strike.services
    one.link.to_client.bytes_per_second = strike.random.uniform(2_000, 20_000)
    strike.wait(20, 90)
    one.link.clear()


def burst(strike: Strike) -> None:
    """Make so many changes in one turn of the loop that Home Assistant cuts us off."""
    strike.home.run(count=BURST + 10, burst=BURST, bursts=1, rate=100, seed=strike.random.randrange(2**31))


def killed(strike: Strike) -> None:
    """Kill the service and start it again, a few times."""
    [one] = strike.services
    for _ in range(1 if strike.short else 3):
        strike.wait(0, 5)
        one.service.stop(signal.SIGKILL)
        strike.wait(0, 2)
        one.service.start()


def down(strike: Strike) -> None:
    """Be down for five minutes."""
    with strike.away(("killed", "ended")):
        strike.wait(DOWN_SECONDS, DOWN_SECONDS)


def struck_while_refilling(strike: Strike) -> None:
    """Cut the link and kill the service while a gap is being refilled."""
    [one] = strike.services
    with strike.away():
        strike.wait(20, 60)
    _wait_for_a_refill(one)
    strike.wait(0, 3)
    one.link.cut()
    strike.wait(0, 2)
    one.service.stop(signal.SIGKILL)
    one.service.start()
    _wait_for_a_refill(one)
    strike.wait(0, 2)
    one.link.reset()


def spool_lost(strike: Strike) -> None:
    """Lose the spool while the service is down; the state is left."""
    [one] = strike.services
    with strike.away(("killed", "ended")):
        _delete(one, f"{SPOOL}*")


def state_lost(strike: Strike) -> None:
    """Lose the state with its ledger while the service is down."""
    [one] = strike.services
    with strike.away(("killed", "ended")):
        _delete(one, "state.sqlite3*")


def all_lost(strike: Strike) -> None:
    """Lose all of the data directory but the store."""
    [one] = strike.services
    with strike.away(("killed", "ended")):
        _delete(one, f"{SPOOL}*")
        _delete(one, "state.sqlite3*")


def store_restored(strike: Strike) -> None:
    """Put an older copy of the store in its place; what was stored since then is gone from it."""
    [one] = strike.services
    held, pattern = (one.data_dir, f"{EMBEDDED}*") if one.store is None else (one.data_dir.parent / "store", "*")
    kept = one.data_dir.parent / "older"
    kept.mkdir(exist_ok=True)
    with _stopped(one):
        _replace(kept, held, pattern)
    strike.wait(5, 30)
    with _stopped(one):
        _replace(held, kept, pattern)


@contextmanager
def _stopped(one: Situation) -> Generator[None]:
    """Hold the service and its store in rest."""
    one.service.stop(signal.SIGTERM)
    if one.store:
        one.store.stop()
    yield
    if one.store:
        one.store.start()
    one.service.start()
    one.service.wait_connected(CONNECTED_SECONDS)


def _replace(target: Path, source: Path, pattern: str) -> None:
    for old in target.glob(pattern):
        shutil.rmtree(old) if old.is_dir() else old.unlink()
    for file in source.glob(pattern):
        if file.is_dir():
            shutil.copytree(file, target / file.name)
        else:
            shutil.copy2(file, target / file.name)


def _delete(one: Situation, pattern: str) -> None:
    for file in one.data_dir.glob(pattern):
        file.unlink()


def _wait_for_a_refill(one: Situation) -> None:
    """Wait until a gap is open; one that is closed before it is seen will do."""
    one.service.wait_connected(CONNECTED_SECONDS)
    refilled = told(one.data_dir).refilled
    try:
        wait_until(lambda: _is_refilling(one, refilled), "a gap is open", 5, POLL_SECONDS)
    except AssertionError:
        return


def _is_refilling(one: Situation, refilled: int) -> bool:
    ledger = told(one.data_dir)
    return ledger.open > 0 or ledger.refilled > refilled
