"""The arithmetic of one interval: which rows of the recorder were missed, what events they are, what is still unknown.

Rows come in the order of their times. New are those behind the last captured change, up to the last missed state or,
where the entity did not exist at the end, before its first live event. Rows within one microsecond are counted: the
recorder has no other identity for them. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from msgspec import Raw, Struct
from msgspec.structs import replace

from ingestor.enrichment.series import retagged
from ingestor.enrichment.values import value
from ingestor.homeassistant import wire
from ingestor.messages import Event, Interval, WeatherObservation


class Row(Struct, frozen=True):
    """A state as the recorder answers it, compressed; no `s` is a removal, `lu` is in Unix seconds."""

    s: str | None
    lu: float
    a: Raw = Raw(b"{}")

    @property
    def at_us(self) -> int:
        """Its time in microseconds, by the very function that Home Assistant uses: rounding is often off by one."""
        return wire.microseconds(datetime.fromtimestamp(self.lu, UTC))


class Surroundings(Struct, frozen=True):
    """What was around a missed change, by its time in microseconds."""

    persons_home: Callable[[int], int | None] = lambda _at_us: None
    weather: Callable[[int], WeatherObservation | None] = lambda _at_us: None
    with_attributes: bool = True


class Track:
    """One interval while its rows pass by. `from_us` bounds it where nothing was ever captured of the entity.

    `before_us` is the first live event of an entity that was absent at the end, as soon as it is known.
    """

    def __init__(self, interval: Interval, from_us: int, before_us: int | None = None) -> None:
        self.interval = interval
        self.before_us = before_us
        self.refilled = 0
        self._after_us = interval.after_us if interval.after_us is not None else from_us
        self._captured = interval.captured if interval.after_us is not None else 1
        self._series = interval.series
        self._at_us: int | None = None
        self._number = 0
        self._row: Row | None = None
        self._until: Event | None = None
        self._anything = False

    def take(self, row: Row, around: Surroundings) -> list[Event]:
        """Return the events that this row makes known; none for a row that is not of the interval."""
        at_us = row.at_us
        until_us, before_us = self.interval.until_us, self.before_us
        self._anything = True
        if at_us > until_us if until_us is not None else before_us is not None and at_us >= before_us:
            return []
        self._number = self._number + 1 if at_us == self._at_us else 0
        event = self._event(row, at_us, around)
        self._at_us, self._row = at_us, row
        if at_us < self._after_us or (at_us == self._after_us and self._number < self._captured):
            return []
        self.refilled += 1
        if at_us != until_us:
            return [event]
        return self._last(event)

    def verdict(self, *, intact: bool) -> str | None:
        """Return why the interval is not closed; none when it is. `intact`: Home Assistant did not restart in it."""
        until_us = self.interval.until_us
        if until_us is not None and until_us < self._after_us:
            return "the clock of Home Assistant was set back in it"
        if until_us is not None:
            if self._until is not None:
                return None
            lacks = "not its last state" if self._anything else "nothing of this entity"
            return f"the recorder has {lacks}: is it excluded, was it purged or disabled?"
        gone = self._row is None or self._row.s is None
        if (self.refilled and gone) or (not self.refilled and self.interval.was_absent) or not intact:
            return None
        return "the recorder has not its removal"

    def _last(self, event: Event) -> list[Event]:
        """Complete the last missed state, which was stored when the gap was found; that one is richer.

        Of several in its microsecond it is the last, and what was stored in the place of the first was wrong.
        """
        before, self._until = self._until, event
        if before is None:
            series = self.interval.until_series or event.series
            fields = ("previous_state", "previous_duration_seconds", "weather", "persons_home")
            return [Event(time_ns=event.time_ns, series=series, **{name: getattr(event, name) for name in fields})]
        series = self.interval.until_series or event.series
        return [replace(before, series=series), replace(event, series=series)]

    def _event(self, row: Row, at_us: int, around: Surroundings) -> Event:
        attributes = str(bytes(row.a), "utf-8")
        units = None
        if row.s is not None and row.s != "unavailable":
            self._series, units = retagged(self._series, attributes)
        before, before_us = self._row, self._at_us
        follows = before is not None and before.s is not None and before_us is not None
        return Event(
            time_ns=at_us * 1000 + self._number,
            series=self._series,
            state=row.s,
            value=value(self._series.domain, row.s, units) if row.s is not None and units else None,
            previous_state=before.s if before and follows else None,
            previous_duration_seconds=(at_us - before_us) / 1e6 if before_us is not None and follows else None,
            attributes=attributes if row.s is not None and around.with_attributes else None,
            weather=around.weather(at_us),
            persons_home=around.persons_home(at_us),
            removed=row.s is None,
        )
