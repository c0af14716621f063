"""An hour of Home Assistant's long-term statistics becomes a record, in the same units as what was heard live. Pure.

Home Assistant answers in the unit that it shows, which is that of the entity's state while it has one. The class of an
entity is among the entity's attributes only; a statistic that is no entity's has a `unit_class`, much the same thing.
"""

from __future__ import annotations

from ingestor.enrichment.units import Conversion, conversion
from ingestor.homeassistant.answers import Hour, StatisticId
from ingestor.model import instants
from ingestor.model.records import Series, Statistic


def units_of(about: StatisticId, series: Series | None) -> Conversion:
    """Return how the numbers of a statistic become canonical; `series` is that of the entity, where it is known."""
    return conversion(about.display_unit_of_measurement, about.unit_class if series is None else series.device_class)


def statistic(home: str, about: StatisticId, units: Conversion, hour: Hour) -> Statistic:
    """Return the record of an hour."""
    low, high = _converted(hour.min, units), _converted(hour.max, units)
    if low is not None and high is not None and low > high:  # km/kWh become kWh/100km: the most is the least
        low, high = high, low
    return Statistic(
        time_ns=instants.to_ns(hour.start * 1000),
        home=home,
        entity_id=about.statistic_id,
        source=about.source,
        unit=units.unit,
        mean=_converted(hour.mean, units),
        min=low,
        max=high,
        sum=_converted(hour.sum, units),
        state=_converted(hour.state, units),
    )


def _converted(number: float | None, units: Conversion) -> float | None:
    try:
        return None if number is None else units(number)
    except (ValueError, ArithmeticError):
        return None
