"""The simulated home's recorder, with what the real one (core 2025.4.4) was seen to do. Pure but for its clock.

It commits at intervals, bounds are strict on both sides, a start in the future has no answer, a removal is a row
without a state, and attributes of more than 16 KiB are gone.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ingestor.model import instants

Json = dict[str, Any]
COMMIT_SECONDS = 5.0
KEPT_ROWS = 20_000
LARGEST_ATTRIBUTES = 16_384


class SimulatedRecorder:
    """Keeps the newest rows of every entity. `recording` may be switched off, as its service does; it tells nobody.

    `running` is false when its thread has died. `refusal` is the error code with which every question is answered,
    while there is one.
    """

    def __init__(self, clock: Callable[[], float], kept: int = KEPT_ROWS) -> None:
        self.recording = True
        self.running = True
        self.refusal: str | None = None
        self._clock = clock
        self._rows: deque[tuple[int, str, Json]] = deque(maxlen=kept)
        self._committed_us = 0
        self._statistics: dict[str, Json] = {}
        self._hours: dict[str, dict[int, Json]] = {}
        self.commands: dict[str, Callable[[Json], Any]] = {
            "history/history_during_period": self.history,
            "recorder/info": self.info,
            "recorder/list_statistic_ids": self.statistic_ids,
            "recorder/statistics_during_period": self.statistics,
            "recorder/import_statistics": self.import_statistics,
        }

    def write(self, entity_id: str, moment: str, state: Json | None) -> None:
        """Queue a change."""
        if not self.recording:
            return
        at = datetime.fromisoformat(moment)
        row: Json = {"s": None, "a": {}, "lu": at.timestamp()}
        if state is not None:
            attributes = state["attributes"]
            large = len(json.dumps(attributes)) > LARGEST_ATTRIBUTES
            row |= {"s": state["state"], "a": {} if large else attributes}
        self._rows.append((instants.microseconds(at), entity_id, row))

    def commit(self) -> None:
        """Commit everything that is queued."""
        self._committed_us = self._rows[-1][0] if self._rows else 0

    def history(self, asked: Json) -> Json:
        """Return the answer to `history/history_during_period`."""
        start = datetime.fromisoformat(asked["start_time"])
        start_us = instants.microseconds(start)
        if start_us > max(instants.of_seconds(self._clock()), self._newest_us()):
            return {}
        end = asked.get("end_time")
        end_us = instants.microseconds(datetime.fromisoformat(end)) if end else 2**62
        wanted = set(asked["entity_ids"])
        found: dict[str, list[Json]] = {}
        before: Json = {}
        committed_us = max(self._committed_us, instants.of_seconds(self._clock() // COMMIT_SECONDS * COMMIT_SECONDS))
        for at_us, entity_id, row in sorted(self._rows, key=_time):  # the clock may have been set back
            if entity_id not in wanted or at_us > committed_us:
                continue
            if at_us < start_us:
                before[entity_id] = row
            elif start_us < at_us < end_us:
                found.setdefault(entity_id, []).append(row)
        if asked.get("include_start_time_state", True):
            for entity_id, row in before.items():
                if row["s"] is not None:
                    found.setdefault(entity_id, []).insert(0, row | {"lu": start.timestamp()})
        return found

    def info(self, _asked: Json) -> Json:
        """Return the answer to `recorder/info`."""
        return {"backlog": 0, "max_backlog": 65_000, "recording": True, "thread_running": self.running}

    def import_statistics(self, given: Json) -> None:
        """Do as `recorder/import_statistics`: take hours of a statistic."""
        about, hours = given["metadata"], given["stats"]
        id_ = about["statistic_id"]
        told = {name: about[name] for name in ("statistic_id", "source", "has_mean", "has_sum", "name")}
        unit = about["unit_of_measurement"]
        units = {"display_unit_of_measurement": unit, "statistics_unit_of_measurement": unit, "unit_class": None}
        self._statistics[id_] = told | units
        for hour in hours:
            start = int(datetime.fromisoformat(hour["start"]).timestamp() * 1000)
            self._hours.setdefault(id_, {})[start] = hour | {"start": start, "end": start + 3_600_000}

    def statistic_ids(self, _asked: Json) -> list[Json]:
        """Return the answer to `recorder/list_statistic_ids`."""
        return list(self._statistics.values())

    def statistics(self, asked: Json) -> Json:
        """Return the answer to `recorder/statistics_during_period`."""
        start, end = (datetime.fromisoformat(asked[name]).timestamp() * 1000 for name in ("start_time", "end_time"))
        found = {
            id_: [hour for at, hour in sorted(self._hours.get(id_, {}).items()) if start <= at < end]
            for id_ in asked["statistic_ids"]
        }
        return {id_: hours for id_, hours in found.items() if hours}

    def _newest_us(self) -> int:
        return self._rows[-1][0] if self._rows else 0


def _time(row: tuple[int, str, Json]) -> int:
    return row[0]
