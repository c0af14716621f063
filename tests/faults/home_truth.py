"""All that a home made, in its order, whoever was there to hear it: a change is told by (entity, time)."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from typing import Any, NamedTuple

from tests.servers.home_assistant import RealHome
from tests.servers.truth import Key, Row, expected_row

COMPARED = (
    "state", "value", "removed", "domain", "device_class", "state_class", "friendly_name", "unit",
    "previous_state", "previous_duration_seconds", "caused_by",
)  # fmt: skip


class Made(NamedTuple):
    """One change: what a stored row must say of it, when it was by the true clock, whether anybody could be told it.

    The `first` one of its entity since Home Assistant started looks to its recorder like any other. One that is
    `behind_untold` followed on a change that has no JSON. A `restored` one says at a start that its entity was there
    before, with few attributes.
    """

    row: Row
    true_ns: int
    tellable: bool = True
    first: bool = False
    behind_untold: bool = False
    restored: bool = False


class Truth:
    """The changes of one home so far. `areas` are all those in which an entity has been."""

    def __init__(self, home: RealHome) -> None:
        self.changes: dict[Key, Made] = {}
        self.areas: dict[str, set[Any]] = defaultdict(set)
        self._home = home
        self._tags: dict[str, Row] = {}
        self._boots: dict[str, int] = {}
        self._untold: dict[str, bool] = {}
        self._reading = threading.Lock()

    def read(self) -> dict[Key, Made]:
        """Return everything until now."""
        with self._reading:
            since_boot_ns = time.time_ns() - time.monotonic_ns()
            for change in self._home.news():
                row = expected_row(change, self.changes, self._tags)
                entity_id, time_ns = row["entity_id"], row["time"]
                self.areas[entity_id].add(row["area"])
                made = Made(
                    row={name: row[name] for name in COMPARED},
                    true_ns=change["true_ns"] + since_boot_ns,
                    tellable="has_no_json" not in change and not change["unheard"],
                    first=self._boots.get(entity_id) != change["boot"],
                    behind_untold=self._untold.get(entity_id, False),
                    restored=bool(change["new"] and change["new"][1].get("restored")),
                )
                self._untold[entity_id] = "has_no_json" in change
                self._boots[entity_id] = change["boot"]
                self.changes[entity_id, time_ns] = made
            return dict(self.changes)

    def today(self, entity_id: str) -> str:
        """Return the id that an entity has now."""
        while entity_id in self._home.renamed:
            entity_id = self._home.renamed[entity_id]
        return entity_id
