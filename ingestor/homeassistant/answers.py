"""What Home Assistant's recorder answers: rows of states, compressed, and hours of long-term statistics. Pure."""

from __future__ import annotations

from msgspec import Raw, Struct
from msgspec.structs import force_setattr

from ingestor.model import instants


class Row(Struct, frozen=True):
    """A state as the recorder answers it, compressed; no `s` is a removal, `lu` is in Unix seconds.

    `lc` is there only when it differs: when the state itself changed, if only attributes did at `lu`.
    `at_us` is `lu` in microseconds: nobody gives it.
    """

    s: str | None
    lu: float
    a: Raw = Raw(b"{}")
    lc: float | None = None
    at_us: int = 0

    def __post_init__(self) -> None:
        """Work out the time once: a row is asked for it again and again."""
        force_setattr(self, "at_us", instants.of_seconds(self.lu))

    @property
    def changed_us(self) -> int:
        """When the state itself changed, in microseconds: a row of that time was recorded, or is missing."""
        return self.at_us if self.lc is None else instants.of_seconds(self.lc)


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
