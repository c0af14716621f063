"""Home Assistant's long-term statistics, as it answers them, and what is stored of them. Pure."""

from __future__ import annotations

from msgspec import Struct

from ingestor.model import instants
from ingestor.model.records import Statistic

UNITS = {"temperature": "°C", "pressure": "hPa", "power": "W", "energy": "kWh"}
"""In which unit to ask for numbers of these classes: the canonical ones. All others come as they are shown."""


class StatisticId(Struct, frozen=True, kw_only=True):
    """A statistic; `source` is `recorder` for that of an entity, else the integration that made it."""

    statistic_id: str
    source: str
    unit_class: str | None = None
    display_unit_of_measurement: str | None = None


class Hour(Struct, frozen=True, kw_only=True):
    """One hour of a statistic; `start` is in Unix milliseconds."""

    start: int
    mean: float | None = None
    min: float | None = None
    max: float | None = None
    sum: float | None = None
    state: float | None = None


def statistic(home: str, about: StatisticId, hour: Hour) -> Statistic:
    """Return the record of an hour."""
    return Statistic(
        time_ns=instants.to_ns(hour.start * 1000),
        home=home,
        entity_id=about.statistic_id,
        source=about.source,
        unit=UNITS.get(about.unit_class or "", about.display_unit_of_measurement),
        mean=hour.mean,
        min=hour.min,
        max=hour.max,
        sum=hour.sum,
        state=hour.state,
    )
