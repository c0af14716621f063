"""Rows of the recorder, and what events they are. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct

from ingestor.enrichment.attributes import NOTHING_KEPT, Attributes
from ingestor.enrichment.event import Around, Change, make_event
from ingestor.enrichment.presence import persons_home
from ingestor.enrichment.series import described_as, forgets, redescribe
from ingestor.homeassistant.answers import Row
from ingestor.model import instants
from ingestor.model.records import Event, Series, WeatherObservation


class Tail(Struct, frozen=True, kw_only=True):
    """The last row that was told of an entity: its state, its time in Unix seconds, and its tags."""

    state: str | None
    at: float
    series: Series


class Before(Struct, frozen=True):
    """A row without its attributes: those are a part of the whole answer, which would stay in memory with them."""

    s: str | None
    lu: float
    at_us: int


_EVERYTHING = Attributes()


class Surroundings(Struct, frozen=True):
    """What was around a missed change, by its time in microseconds.

    `wanted` is what is stored of attributes, `temperature_unit` the home's.
    """

    persons_home: Callable[[int], int | None] = lambda _at_us: None
    weather: Callable[[int], WeatherObservation | None] = lambda _at_us: None
    wanted: Attributes = _EVERYTHING
    temperature_unit: str | None = None

    def at(self, at_us: int) -> Around:
        """Return what was around a change at that time."""
        return Around(self.weather(at_us), self.persons_home(at_us))


class Teller:
    """Tells the events of one entity's rows, which come in the order of their times, with what was before each.

    `series` is frozen but for what a row's own attributes say. `last` is the row before.
    """

    def __init__(self, series: Series) -> None:
        self.last: Before | None = None
        self._series = series
        self._described = described_as(series)  # by the last attributes that were known
        self._at_us = 0
        self._number = 0

    @property
    def tail(self) -> Tail | None:
        """What `follow` needs to go on from here in another process."""
        last = self.last
        return None if last is None else Tail(state=last.s, at=last.lu, series=self._series)

    def follow(self, tail: Tail) -> None:
        """Go on behind what another has told."""
        self._at_us = instants.of_seconds(tail.at)
        self.last = Before(tail.state, tail.at, self._at_us)
        self._series = tail.series

    def tell(self, row: Row, around: Surroundings) -> Event:
        """Return the next event; those of one microsecond are a nanosecond apart."""
        at_us, before, before_us = row.at_us, self.last, self._at_us
        self._number = self._number + 1 if before is not None and at_us == before_us else 0
        self.last, self._at_us = Before(row.s, row.lu, at_us), at_us
        previous = None if before is None or before.s is None else (before.s, before_us)
        last = self._described
        if row.s is not None and row.a != last.attributes:
            self._described = redescribe(self._series, row.a, around.wanted, around.temperature_unit, last)
        described = self._described
        if row.s in {None, "unavailable"} or (row.s == "unknown" and forgets(described.series, self._series)):
            described = described_as(self._series)
        kept = NOTHING_KEPT if row.s is None else self._described.kept
        self._series = described.series
        change = Change(at_us, self._number, row.s, kept, previous, late=True)
        return make_event(change, described, around.at(at_us))

    def end(self, at_us: int) -> Event:
        """Return the removal of an entity of which there is no row."""
        previous = None if self.last is None or self.last.s is None else (self.last.s, self.last.at_us)
        return make_event(
            Change(at_us, 0, None, NOTHING_KEPT, previous, late=True), described_as(self._series), Around()
        )


class Timeline:
    """How many persons were at home at any time, from the rows of all persons: the first tell who was there then."""

    def __init__(self, rows: Mapping[str, Sequence[Row]]) -> None:
        states: dict[str, str] = {}
        self._times: list[int] = []
        self._counts: list[int | None] = []
        for at_us, person, state in sorted((row.at_us, of, row.s or "") for of in rows for row in rows[of]):
            if state:
                states[person] = state
            else:
                states.pop(person, None)
            self._times.append(at_us)
            self._counts.append(persons_home(states.values()))

    def persons_home(self, at_us: int) -> int | None:
        """Return the count, a change at that very time included; none where nothing at all is known."""
        place = bisect_right(self._times, at_us)
        return self._counts[place - 1] if place else 0 if self._times else None
