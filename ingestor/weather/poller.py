"""The actor that keeps the weather: it asks the provider now and then, and keeps the last answer when that fails."""

from __future__ import annotations

import time
from collections import deque

import trio

from ingestor.model.channels import Outbox
from ingestor.model.errors import IngestorError
from ingestor.model.gaps import Kept
from ingestor.model.records import WeatherObservation
from ingestor.model.signals import Signal
from ingestor.weather.breaker import Breaker
from ingestor.weather.providers import Provider
from metrics import facts
from metrics.codes import BreakerState
from supervisors import Progress

RETRY_SECONDS = 30.0
ABSENT_SECONDS = 3600.0
REMEMBERED = 1000  # observations; a week and a half of quarters of an hour


class Weather:
    """A home's place and its last observation; the poller writes it, and enrichment reads it.

    A place set by the user goes before the home's own.
    """

    def __init__(self, home: str, location: str | None, cache_minutes: float) -> None:
        self.home = home
        self.current: WeatherObservation | None = None
        self._remembered: deque[tuple[int, WeatherObservation]] = deque(maxlen=REMEMBERED)
        self.cache_seconds = cache_minutes * 60
        self._set_by_user = location
        self._home_location: str | None = None
        self.changed = Signal()

    @property
    def location(self) -> str | None:
        """Where the weather is asked for, `latitude,longitude`; none while nobody has said."""
        return self._set_by_user or self._home_location

    def take(self, observation: WeatherObservation, at_ns: int) -> None:
        """Make this the weather from this moment on."""
        self.current = observation
        self._remembered.append((at_ns, observation))

    def at(self, at_ns: int) -> WeatherObservation | None:
        """Return the weather that events of that moment were given; none where this process does not remember it."""
        return next((seen for taken_ns, seen in reversed(self._remembered) if taken_ns <= at_ns), None)

    def set_home(self, location: str) -> None:
        """Take the place that Home Assistant gives for the home."""
        self._home_location = location
        self.changed.send()

    def configure(self, location: str | None, cache_minutes: float) -> None:
        """Take the user's wishes; they hold at once."""
        if location != self._set_by_user:
            self.current = None
        self._set_by_user = location
        self.cache_seconds = cache_minutes * 60
        self.changed.send()


class WeatherPoller:
    """Asks the provider every `WEATHER_CACHE_MINUTES`, through a circuit breaker; each observation is stored too."""

    def __init__(
        self,
        weather: Weather,
        provider: Provider | None,
        outbox: Outbox[Kept],
        breaker: Breaker,
        report: facts.Report,
    ) -> None:
        self.progress = Progress()
        self._weather = weather
        self._provider = provider
        self._outbox = outbox
        self._breaker = breaker
        self._report = report
        self._draining = trio.Event()
        self._asked: tuple[str, float] | None = None

    def drain(self) -> None:
        """Stop asking."""
        self._draining.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep the weather until drained."""
        task_status.started()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._poll)
            await self._draining.wait()
            nursery.cancel_scope.cancel()
        await self._outbox.flush()
        await self._outbox.aclose()

    async def _poll(self) -> None:
        while True:
            await self._outbox.flush()
            changed = self._weather.changed.next
            seconds = await self._turn()
            with trio.move_on_after(seconds):
                await changed.wait()

    async def _turn(self) -> float:
        """Ask, if it is time; return when to look again, in seconds."""
        location, provider, now = self._weather.location, self._provider, trio.current_time()
        if location is None or provider is None:
            return ABSENT_SECONDS
        if self._asked is not None and self._asked[0] == location:
            fresh = self._asked[1] + self._weather.cache_seconds - now
            if fresh > 0:
                return fresh
        before = self._breaker.state
        if not self._breaker.allows(now):
            return self._breaker.wait_seconds(now)
        self._tell_breaker(before)
        before = self._breaker.state
        try:
            observation = await provider.observe(location)
        except IngestorError as error:
            self._breaker.failed(trio.current_time())
            self._report(
                facts.WeatherFailed(home=self._weather.home, provider=provider.name, code=error.code, detail=str(error))
            )
            self._tell_breaker(before)
            return self._breaker.wait_seconds(trio.current_time()) or RETRY_SECONDS
        self._breaker.succeeded()
        self._tell_breaker(before)
        self._take(observation, provider.name)
        return self._weather.cache_seconds

    def _take(self, observation: WeatherObservation, provider: str) -> None:
        self._asked = observation.location, trio.current_time()
        if observation != self._weather.current:
            self._outbox.append(observation)
        self._weather.take(observation, time.time_ns())
        summary = f"{observation.temperature} °C, {observation.humidity} %, {observation.condition}"
        self._report(
            facts.WeatherUpdated(
                home=self._weather.home, provider=provider, observed_at=observation.observed_at, summary=summary
            )
        )
        self.progress.report()

    def _tell_breaker(self, before: BreakerState) -> None:
        state = self._breaker.state
        if state is not before:
            self._report(facts.BreakerChanged(home=self._weather.home, state=state))


def coordinates(latitude: float, longitude: float) -> str:
    """Return a place as `latitude,longitude`."""
    return f"{latitude:g},{longitude:g}"
