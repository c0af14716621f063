"""The rows about what was missed: each fault, in which home it happens, and whether the ledger may give changes up."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults import home_rows as home
from tests.faults import link_rows as link
from tests.faults.situation import Needs
from tests.faults.strike import Strike

EMBEDDED = ("embedded",)
INFLUXDB = ("influxdb",)
BOTH = ("embedded", "influxdb")
SLOW_COMMIT = "  commit_interval: 30\n"
EXCLUDED = "  exclude:\n    entity_globs: [sensor.lux_*, light.lamp_*, sensor.fleeting_*]\n"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A home and its configuration. In a `shared` one the rows happen side by side, else one after the other."""

    name: str
    shared: bool = False
    recorder: str = ""
    stepped: bool = False


SHARED = Place(name="shared", shared=True)
RESTARTING = Place(name="restarting")
LAGGING = Place(name="lagging", recorder=SLOW_COMMIT)
EXCLUDING = Place(name="excluding", recorder=EXCLUDED)
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
    GapRow(name="link: a burst of 5,000 in one loop tick", act=link.burst, place=RESTARTING, services=4, repeats=5),
    GapRow(name="away: kill -9", act=link.killed, repeats=5),
    GapRow(name="away: down for 5 minutes", act=link.down),
    GapRow(name="away: cut and kill -9 during a refill", act=link.struck_while_refilling, repeats=2),
    GapRow(name="away: spool lost", act=link.spool_lost, databases=INFLUXDB, repeats=2),
    GapRow(name="away: spool and state lost", act=link.all_lost, databases=INFLUXDB, repeats=2),
    GapRow(
        name="away: store restored from an older copy",
        act=link.store_restored,
        databases=("influxdb", "embedded"),
        repeats=2,
        needs=Needs(own_store=True),
    ),
)
ENTITIES = (
    GapRow(name="home: an entity removed and one created", act=home.removed_and_created, repeats=5),
    GapRow(name="home: a known, removed one created and removed", act=home.created_and_removed_again, repeats=5),
    GapRow(name="home: area, name and unit changed", act=home.moved, repeats=3),
    GapRow(name="home: renamed with its history", act=home.renamed(with_history=True), repeats=3),
    GapRow(name="home: renamed without its history", act=home.renamed(with_history=False), repeats=3),
)
HOME = (
    GapRow(name="home: an attribute without JSON", act=home.spoilt, place=RESTARTING, services=4, repeats=5),
    GapRow(name="home: restarted", act=home.restarted, place=RESTARTING, services=4, repeats=5),
    GapRow(name="home: restarted while we are away", act=home.restarted_while_away, place=RESTARTING, services=4,
           repeats=5),
    GapRow(name="home: the recorder lagging behind", act=home.heard_late, place=LAGGING, services=4, repeats=5),
)  # fmt: skip
LISTED = tuple(
    GapRow(name=f"listed: {name}", act=act, place=place, services=4, repeats=5, lists=True)
    for name, act, place in (
        ("killed with -9 while we are away", home.killed_while_away, RESTARTING),
        ("recorder disabled", home.recorder_disabled, RESTARTING),
        ("recorder disabled and enabled in the gap", home.recorder_disabled_for_a_while, RESTARTING),
        ("recorder stuck at a restart", home.recorder_stuck, RESTARTING),
        ("history purged", home.purged, RESTARTING),
        ("entities excluded", home.heard_late, EXCLUDING),
        ("clock stepped", home.clock_stepped, STEPPED),
        ("clock stale at boot", home.clock_stale, STEPPED),
    )
)


def permitted(row: GapRow, database: str) -> bool:
    """Return whether a row can happen here with a database: an InfluxDB that is not ours can not be restored."""
    ours = database == "embedded" or "TEST_INFLUXDB_COMMAND" in os.environ
    return database in row.databases and (ours or not row.needs.own_store)


GAP_ROWS = LINK + ENTITIES + HOME + LISTED
