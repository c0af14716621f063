"""A state as the recorder's compressed answers have it."""

from __future__ import annotations

from msgspec import Raw, Struct

from ingestor.model import instants


class Row(Struct, frozen=True):
    """A state as the recorder answers it, compressed; no `s` is a removal, `lu` is in Unix seconds.

    `lc` is there only when it differs: when the state itself changed, if only attributes did at `lu`.
    """

    s: str | None
    lu: float
    a: Raw = Raw(b"{}")
    lc: float | None = None

    @property
    def at_us(self) -> int:
        """Its time in microseconds."""
        return instants.of_seconds(self.lu)

    @property
    def changed_us(self) -> int:
        """When the state itself changed, in microseconds: a row of that time was recorded, or is missing."""
        return self.at_us if self.lc is None else instants.of_seconds(self.lc)
