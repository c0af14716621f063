"""The rows of the matrix: each fault, how often one service lives through it, and what it needs.

A row is data; what it does is a function that brings the fault upon a `Situation` and takes it away again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults import own_rows as own
from tests.faults import store_rows as store
from tests.faults.crashing import ACTORS
from tests.faults.situation import Needs, Situation

INFLUXDB = ("influxdb",)
BOTH = ("influxdb", "embedded")
RETRY_AFTER = "3"
DROPPED = (0, 1)  # of a damaged spool something may be unreadable, and the service says so


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fault. `repeats` times in a row one service lives through it; `databases` are those it can happen with.

    `most` bounds how often a very long one is repeated; `alone` it runs after all others, for it loads the home itself.
    """

    name: str
    act: Callable[[Situation], None]
    databases: tuple[str, ...] = INFLUXDB
    repeats: int = 5
    most: int = 10**6
    alone: bool = False
    recovers_within_seconds: float = 180
    exit_codes: tuple[int, ...] = (0,)
    needs: Needs = field(default_factory=Needs)


STORE = (
    Row(name="store: stopped for 2 minutes", act=store.stopped, repeats=2),
    Row(name="store: refusing", act=store.refusing),
    Row(name="store: 503 with Retry-After", act=store.answering(503, Retry_After=RETRY_AFTER)),
    Row(name="store: 429 with Retry-After", act=store.answering(429, Retry_After=RETRY_AFTER)),
    Row(name="store: hanging without an answer", act=store.hanging, repeats=4),
    Row(name="store: 12 s slow", act=store.slow, repeats=4),
    Row(name="store: reset after it applied the write", act=store.reset_after_applying),
    Row(name="store: 400 for one bad point, then repaired", act=store.bad_point),
    Row(name="store: 422 for points of another type", act=store.conflicting, repeats=1, needs=Needs(conflict=True)),
    Row(name="store: 401 in the middle, then repaired", act=store.refused_token, repeats=2),
    Row(name="store: wrong org", act=store.wrong_org, repeats=2),
    Row(name="store: read-only token", act=store.read_only_token, repeats=2),
    Row(name="store: everything refused, then repaired", act=store.everything_refused),
    Row(
        name="store: quarantine full, then repaired",
        act=store.quarantine_full,
        repeats=2,
        alone=True,
        needs=Needs(settings={"SPOOL_MAX_BYTES": str(2**20)}),
    ),
    Row(name="store: 413", act=store.too_large),
    Row(name="store: its disk full", act=store.disk_full, repeats=1, needs=Needs(small_store=True)),
    Row(
        name="store: a backlog of a million",
        act=store.backlog,
        repeats=1,
        most=1,
        alone=True,
        recovers_within_seconds=900,
        needs=Needs(settings={"SPOOL_MAX_BYTES": str(2**31)}),
    ),
)
CRASHES = tuple(
    Row(name=f"us: crash of {actor}{words}", act=own.crash(actor, store_away=away), databases=databases)
    for away, words, databases in ((False, "", BOTH), (True, ", store away", INFLUXDB))
    for actor in ACTORS
)
OURSELVES = (
    Row(name="us: SIGTERM in full flow", act=own.terminated, databases=BOTH),
    Row(name="us: SIGTERM, store away", act=own.terminated_while_the_store_is_away),
    Row(name="us: disk full at the spool", act=own.disk_full, databases=BOTH, needs=Needs(small_data=True)),
    Row(name="us: clock steps by an hour", act=own.clock_steps, databases=BOTH, needs=Needs(clock=True)),
    Row(name="us: kill -9", act=own.killed, databases=BOTH),
    Row(name="us: kill -9, store away", act=own.killed_while_the_store_is_away),
    Row(name="us: spool truncated", act=own.damaged(own.truncate), exit_codes=DROPPED),
    Row(name="us: spool corrupted", act=own.damaged(own.corrupt), exit_codes=DROPPED),
)
ROWS = STORE + CRASHES + OURSELVES
