"""The rows about what was missed: each fault, in which home it happens, and whether the ledger may give changes up."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults import home_rows as home
from tests.faults import link_rows as link
from tests.faults.situation import Needs
from tests.faults.strike import Strike

INFLUXDB = ("influxdb",)
BOTH = ("embedded", "influxdb")
SLOW_COMMIT = "  commit_interval: 30\n"
EXCLUDED = f"  exclude:\n    entity_globs: [sensor.{home.HIDDEN}*]\n"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A home and its configuration. In a `shared` one the rows happen side by side, else one after the other."""

    name: str
    shared: bool = False
    recorder: str = ""
    stepped: bool = False


SHARED = Place(name="shared", shared=True)
RESTARTING = Place(name="restarting")
CHANGING = Place(name="changing")
LAGGING = Place(name="lagging", recorder=SLOW_COMMIT)
FORGETFUL = Place(name="forgetful", recorder=EXCLUDED)
STEPPED = Place(name="stepped", stepped=True)


@dataclass(frozen=True, kw_only=True)
class GapRow:
    """One fault. `services` live through it together, `repeats` times in a row; only `lists` permits a listed change.

    A row of a shared home has one service, and strikes only what is its own.
    """

    name: str
    act: Callable[[Strike], None]
    place: Place = SHARED
    databases: tuple[str, ...] = BOTH
    services: int = 1
    repeats: int = 1
    lists: bool = False
    recovers_within_seconds: float = 240
    needs: Needs = field(default_factory=Needs)


LINK = (
    GapRow(name="link: socket cut", act=link.cut, repeats=5),
    GapRow(name="link: half-open", act=link.half_open, repeats=2),
    GapRow(name="link: throttled", act=link.throttled, repeats=2),
    GapRow(name="away: kill -9", act=link.killed, repeats=5),
    GapRow(name="away: down for 5 minutes", act=link.down),
    GapRow(name="away: cut and kill -9 during a refill", act=link.struck_while_refilling, repeats=2),
    GapRow(name="away: spool lost", act=link.spool_lost, databases=INFLUXDB, repeats=2),
    GapRow(name="away: spool and state lost", act=link.all_lost, databases=INFLUXDB, repeats=2),
    GapRow(name="away: state lost", act=link.state_lost, repeats=2),
    GapRow(
        name="away: store restored from an older copy",
        act=link.store_restored,
        databases=("influxdb", "embedded"),
        repeats=2,
        needs=Needs(own_store=True),
    ),
)


def _row(name: str, act: Callable[[Strike], None], place: Place, *, lists: bool = False) -> GapRow:
    """Return a row of a home that is struck itself; twenty repetitions are five of four services."""
    return GapRow(name=name, act=act, place=place, services=4, repeats=5, lists=lists)


HOME = (
    _row("link: a burst of 5,000 in one loop tick", link.burst, RESTARTING),
    _row("home: restarted", home.restarted, RESTARTING),
    _row("home: restarted while we are away", home.restarted_while_away, RESTARTING),
    _row("home: an attribute without JSON", home.spoilt, RESTARTING),
    _row("home: an entity removed and one created", home.removed_and_created, CHANGING),
    _row("home: a known, removed one created and removed", home.created_and_removed_again, CHANGING),
    _row("home: area, name and unit changed", home.moved, CHANGING),
    _row("home: renamed with its history", home.renamed(with_history=True), CHANGING),
    _row("home: renamed without its history", home.renamed(with_history=False), CHANGING),
    _row("home: the recorder lagging behind", home.heard_late, LAGGING),
    _row("listed: killed with -9 while we are away", home.killed_while_away, FORGETFUL, lists=True),
    _row("listed: recorder disabled", home.recorder_disabled, FORGETFUL, lists=True),
    _row("listed: recorder disabled and enabled in the gap", home.recorder_disabled_for_a_while, FORGETFUL, lists=True),
    _row("listed: recorder stuck at a restart", home.recorder_stuck, FORGETFUL, lists=True),
    _row("listed: entities excluded", home.excluded, FORGETFUL, lists=True),
    _row("listed: history purged", home.purged, FORGETFUL, lists=True),
    _row("listed: clock set back by seconds", home.clock_set_back, STEPPED, lists=True),
    _row("listed: clock stale at boot", home.clock_stale, STEPPED, lists=True),
    _row("listed: clock stepped", home.clock_stepped, STEPPED, lists=True),
)
GAP_ROWS = LINK + HOME


def permitted(row: GapRow, database: str) -> bool:
    """Return whether a row can happen here with a database: an InfluxDB that is not ours cannot be restored."""
    ours = database == "embedded" or "TEST_INFLUXDB_COMMAND" in os.environ
    return database in row.databases and (ours or not row.needs.own_store)
