"""A home's weather as it is known: the place, the last observation, and those of the last days by their time."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Mapping
from operator import attrgetter

from ingestor.homeassistant.wire import State
from ingestor.model.instants import SECOND_NS
from ingestor.model.records import WeatherObservation
from ingestor.model.signals import Signal
from ingestor.weather.bounds import OLDEST_SECONDS

REMEMBERED = 2000  # observations of a home; three weeks of quarters of an hour
_time = attrgetter("observed_at")


class Weather:
    """A home's place and its observations; the poller writes them, and enrichment reads them.

    A place set by the user goes before the home's own. `states` are those of Home Assistant's weather entities; None
    until they were heard. `placeless` says that Home Assistant has no place for the home.
    """

    def __init__(self, home: str, location: str | None, cache_minutes: float) -> None:
        self.home = home
        self.current: WeatherObservation | None = None
        self.cache_seconds = cache_minutes * 60
        self.states: Mapping[str, State] | None = None
        self.placeless = False
        self.changed = Signal()
        self._observations: list[WeatherObservation] = []
        self._set_by_user = location
        self._home_location: str | None = None

    @property
    def location(self) -> str | None:
        """Where the weather is asked for, `latitude,longitude`; none while nobody has said."""
        return self._set_by_user or self._home_location

    def take(self, observation: WeatherObservation) -> None:
        """Make this the weather from now on."""
        self.current = observation
        if observation not in self._observations[-1:]:
            insort(self._observations, observation, key=_time)
            del self._observations[:-REMEMBERED]

    def recollect(self, observations: Iterable[WeatherObservation], now: float) -> None:
        """Take over what earlier processes observed; the last of it is the present weather while it is recent."""
        self._observations = sorted([*observations, *self._observations], key=_time)[-REMEMBERED:]
        last = self._observations[-1] if self._observations else None
        is_here = last is not None and self._set_by_user in {None, last.location}
        if (
            self.current is None
            and last is not None
            and is_here
            and abs(now - last.observed_at) <= self._oldest_seconds
        ):
            self.current = last

    def at(self, at_ns: int) -> WeatherObservation | None:
        """Return the weather of that moment: the last observation before it; none where that is too old."""
        place = bisect_right(self._observations, at_ns / SECOND_NS, key=_time)
        last = self._observations[place - 1] if place else None
        recent = last is not None and at_ns / SECOND_NS - last.observed_at <= self._oldest_seconds
        return last if recent else None

    def set_home(self, location: str | None) -> None:
        """Take the place that Home Assistant gives for the home; none where it was never set."""
        self._home_location, self.placeless = location, location is None
        self.changed.send()

    def hear(self, states: Mapping[str, State]) -> None:
        """Take the states of all of Home Assistant's weather entities."""
        self.states = states
        self.changed.send()

    def configure(self, location: str | None, cache_minutes: float) -> None:
        """Take the user's wishes; they hold at once."""
        if location != self._set_by_user:
            self.current = None
        self._set_by_user = location
        self.cache_seconds = cache_minutes * 60
        self.changed.send()

    @property
    def _oldest_seconds(self) -> float:
        return max(OLDEST_SECONDS, 2 * self.cache_seconds)


def coordinates(latitude: float, longitude: float) -> str:
    """Return a place as `latitude,longitude`."""
    return f"{latitude:g},{longitude:g}"
