"""The faults of the home: it restarts, loses what it recorded, or its entities are not what they were."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.situation import CONNECTED_SECONDS
from tests.faults.strike import Strike

COMMITS_SECONDS = 6  # the recorder commits every five
DATABASE = "home-assistant_v2.db"
LOCKED_SECONDS = 100  # Home Assistant waits for its recorder for one minute, and half a minute more
RESTART_SECONDS = 240
LARGEST_STEP_SECONDS = 900
STALE_SECONDS = 3600
HIDDEN = "hidden_"
ROOMS = ("Attic", "Kitchen", "Cellar")
UNITS = ("W", "kW")


def restarted(strike: Strike) -> None:
    """Restart it in order."""
    strike.home.restart()


def restarted_while_away(strike: Strike) -> None:
    """Restart it in order while nobody listens."""
    with strike.away():
        strike.wait(0, 10)
        strike.home.restart()


def killed_while_away(strike: Strike) -> None:
    """Kill it while nobody listens, and start it again."""
    with strike.away():
        strike.wait(1, 10)
        strike.home.kill()
        strike.home.start()
        strike.wait(0, 5)


def removed_and_created(strike: Strike) -> None:
    """Remove a known entity in a gap, and create another one."""
    known, new = _own(strike, 2)
    strike.home.put(known, "1")
    strike.wait(1, 3)
    with strike.away():
        strike.home.put(known, "2")
        strike.home.put(known, None)
        strike.home.put(new, "1")
        strike.home.put(new, "2")
        strike.wait(0, 10)
    strike.wait(0, 3)
    strike.home.put(new, "3")


def created_and_removed_again(strike: Strike) -> None:
    """Create a known entity that had been removed, and remove it again, all in a gap."""
    [known] = _own(strike, 1)
    strike.home.put(known, "1")
    strike.home.put(known, None)
    strike.wait(1, 3)
    with strike.away():
        for state in ("2", "3"):
            strike.home.put(known, state)
        strike.home.put(known, None)
        strike.wait(0, 10)
    if strike.random.random() < 1 / 2:
        strike.wait(0, 10)
        strike.home.put(known, "4")


def moved(strike: Strike) -> None:
    """Change an area, a name and a unit before, in and after a gap; then have another gap, and audits."""
    [entity_id] = _own(strike, 1)
    strike.home.call("truth", "register", entity_id=entity_id)

    def change() -> None:
        strike.home.call("truth", "move", entity_id=entity_id, area=strike.random.choice(ROOMS))
        for number in range(2):
            name, unit = f"Name {strike.random.randrange(9)}", strike.random.choice(UNITS)
            said: dict[str, Any] = {"friendly_name": name, "unit_of_measurement": unit, "device_class": "power"}
            strike.home.put(entity_id, str(number), **said)

    change()
    strike.wait(1, 3)
    for _ in range(2):
        with strike.away():
            change()
            strike.wait(0, 10)
            change()
        strike.wait(0, 2)
        change()
    strike.wait(3, 5)
    strike.audit()


def renamed(*, with_history: bool) -> Callable[[Strike], None]:
    """Give an entity another id in a gap, then audit; its history moves with it, unless that id has one already."""

    def act(strike: Strike) -> None:
        old, new = _own(strike, 2)
        strike.home.call("truth", "register", entity_id=old)
        strike.home.put(old, "1")
        if not with_history:
            strike.home.put(new, "0")
            strike.home.put(new, None)
        time.sleep(COMMITS_SECONDS)
        strike.home.put(old, "2")
        with strike.away():
            strike.home.put(old, "3")
            strike.wait(0, 10)
            strike.home.rename(old, new)
            strike.home.put(new, "4")
        strike.wait(0, 5)
        strike.home.put(new, "5")
        strike.wait(3, 5)
        strike.audit()

    return act


def spoilt(strike: Strike) -> None:
    """Let an attribute have no JSON: Home Assistant leaves out that change, the next one, and says nothing."""
    known, new = _own(strike, 2)
    strike.home.put(known, "0")
    strike.wait(1, 3)
    for entity_id in (known, new):
        strike.home.call("truth", "spoil", entity_id=entity_id)
        strike.wait(1, 3)


def heard_late(strike: Strike) -> None:
    """Have a gap, shorter or longer than the recorder takes to commit."""
    with strike.away():
        strike.wait(0, 20)


def excluded(strike: Strike) -> None:
    """Change entities in a gap that the recorder leaves out."""
    hidden = [f"sensor.{HIDDEN}{number}" for number in range(5)]

    def change() -> None:
        for entity_id in hidden:
            strike.home.put(entity_id, f"{strike.random.random():.6f}")

    change()
    with strike.away():
        change()
        strike.wait(0, 10)
        change()
    strike.wait(0, 3)
    change()


def recorder_disabled(strike: Strike) -> None:
    """Disable the recorder within a gap, and enable it again after it."""
    with strike.away():
        strike.wait(0, 3)
        strike.home.call("recorder", "disable")
        strike.wait(1, 10)
    strike.each(lambda one: one.service.wait_connected(CONNECTED_SECONDS))
    strike.wait(1, 3)
    strike.home.call("recorder", "enable")


def recorder_disabled_for_a_while(strike: Strike) -> None:
    """Disable the recorder within a gap, and enable it again before its end.

    What proves it afterwards is a change of attributes only, which names the unrecorded change of state before it; a
    short time may have none of itself.
    """
    [known] = _own(strike, 1)
    strike.home.put(known, "0")
    with strike.away():
        strike.wait(0, 3)
        strike.home.call("recorder", "disable")
        strike.home.put(known, "1")
        strike.wait(1, 10)
        strike.home.call("recorder", "enable")
        if strike.short:
            strike.home.put(known, "1", forced=False, seen=True)
        strike.wait(1, 10)


def recorder_stuck(strike: Strike) -> None:
    """Hold the recorder's database through a restart, for longer than Home Assistant waits; it is there after the next.

    Meanwhile Home Assistant runs without a recorder, and what was missed waits.
    """
    held = threading.Event()
    seconds = 5 if strike.short else LOCKED_SECONDS
    holding = threading.Thread(target=_hold, args=(strike.home.directory / DATABASE, seconds, held))
    with strike.away():
        holding.start()
        held.wait(30)
        strike.home.restart(RESTART_SECONDS)
        holding.join()
    strike.wait(1, 5)
    strike.home.restart()


def purged(strike: Strike) -> None:
    """Purge all history before it can be refilled."""
    with strike.away():
        strike.wait(COMMITS_SECONDS, 20)
        strike.home.call("recorder", "purge", keep_days=0)
        strike.wait(1, 5)


def clock_stepped(strike: Strike) -> None:
    """Step its clock within a gap."""
    assert strike.clock
    with strike.away():
        strike.wait(1, 5)
        strike.clock.step(strike.random.randint(-LARGEST_STEP_SECONDS, LARGEST_STEP_SECONDS))
        strike.wait(1, 10)


def clock_set_back(strike: Strike) -> None:
    """Set its clock back within a gap, by so little that it has made up for it at the gap's end."""
    assert strike.clock
    with strike.away():
        before_seconds = strike.random.randint(1, 3)
        time.sleep(before_seconds)
        back_seconds = before_seconds + strike.random.randint(2, 8)
        strike.clock.step(-back_seconds)
        time.sleep(back_seconds - before_seconds + strike.random.uniform(1, 5))
    strike.each(lambda one: one.service.wait_connected(CONNECTED_SECONDS))
    strike.wait(1, 3)
    strike.clock.step(0)


def clock_stale(strike: Strike) -> None:
    """Start it with a clock that is behind, and correct it while it runs."""
    assert strike.clock
    with strike.away():
        strike.home.stop()
        strike.clock.step(-strike.random.randint(STALE_SECONDS // 2, STALE_SECONDS))
        strike.home.start()
        strike.wait(1, 10)
        corrected_later = strike.random.random() < 1 / 2
        if not corrected_later:
            strike.clock.step(0)
    if corrected_later:
        strike.wait(2, 10)
        strike.clock.step(0)


def _own(strike: Strike, count: int) -> list[str]:
    """Return new ids of entities, of this repetition alone."""
    return [f"sensor.own_{strike.random.randrange(2**40)}" for _ in range(count)]


def _hold(database: Path, seconds: float, held: threading.Event) -> None:
    connection = sqlite3.connect(database, timeout=30, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    held.set()
    time.sleep(seconds)
    connection.execute("ROLLBACK")
    connection.close()
