"""How one of the two databases is asked. Both answer the same questions, by the same names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grafana_foundation_sdk.models.dashboard import DataSourceRef

from grafana.queries import Query

RUNNING = ("light", "switch", "fan", "media_player", "humidifier", "water_heater", "siren", "vacuum", "lawn_mower")
"""Domains whose `value` says whether they run."""
OPENING = ("door", "garage_door", "window", "opening", "lock")
"""Device classes of binary sensors that say whether something is open."""
LOW_BATTERY = 20  # percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One of them: its source, what it is asked, how the choices of the variables are found, and what stands for all.

    `reach` is how many days back what holds now is looked for, if the user does not choose; `line_name` names a line,
    where the query itself does not.
    """

    source: DataSourceRef
    queries: Mapping[str, Query]
    choices: Mapping[str, str]
    everything: Mapping[str, str]
    reach: str
    line_name: str = ""
