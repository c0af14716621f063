"""The actor that keeps the weather: from Home Assistant's own entity as it is heard, or from a service that it asks.

                     the home has a weather entity     it has none
    home_assistant   heard                             a word
    auto             heard                             the service is asked
    a service        the service is asked              the service is asked

What is heard costs no request. A service is asked once per cache time, also over restarts, and through a circuit
breaker; while it fails, the last observation serves on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import trio

from ingestor.homeassistant.wire import State
from ingestor.model.channels import Outbox
from ingestor.model.errors import IngestorError, Unavailable
from ingestor.model.gaps import Kept
from ingestor.model.instants import SECOND_NS
from ingestor.model.records import WeatherObservation
from ingestor.weather import bounds, entity
from ingestor.weather.breaker import Breaker
from ingestor.weather.memory import Memory
from ingestor.weather.observed import Weather
from ingestor.weather.providers import Provider
from ingestor.weather.requests import Requests
from metrics import facts
from metrics.codes import BreakerState, ErrorCode
from supervisors import Progress

RETRY_SECONDS = 30.0
ABSENT_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the weather may come from: a `service`, and a weather entity if `listens`, that of the user's or any."""

    service: Provider | None = None
    listens: bool = False
    entity_id: str | None = None


NOWHERE = Sources()


class WeatherPoller:
    """Keeps a home's weather; each observation is stored too, no more than one per `WEATHER_CACHE_MINUTES`."""

    def __init__(
        self,
        weather: Weather,
        sources: Sources,
        memory: Memory,
        outbox: Outbox[Kept],
        report: facts.Report,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.progress = Progress()
        self._weather = weather
        self._sources = sources
        self._memory = memory
        self._outbox = outbox
        self._report = report
        self._clock_ns = clock_ns
        self._breaker = Breaker()
        self._draining = trio.Event()
        self._requests: Requests | None = None
        self._heard: tuple[State, WeatherObservation | None] | None = None  # the state, and the weather after it
        self._heard_at = -float("inf")
        self._told: ErrorCode | None = None

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
        if self._requests is None:
            await self._recollect()
        while True:
            await self._outbox.flush()
            changed = self._weather.changed.next
            seconds = await self._turn()
            with trio.move_on_after(seconds):
                await changed.wait()

    async def _recollect(self) -> None:
        weather, name = self._weather, self._sources.service.name if self._sources.service else entity.NAME
        observations, requests = await self._memory.load()
        weather.recollect(observations, self._now)
        self._requests = requests if requests is not None and requests.provider == name else Requests(provider=name)
        if weather.current is not None:
            self._tell(weather.current, name)

    async def _turn(self) -> float:
        """Take what is new, or ask if it is time; return when to look again, in seconds."""
        weather, sources = self._weather, self._sources
        if sources.listens:
            if weather.states is None:
                return ABSENT_SECONDS
            before = None if self._heard is None else self._heard[0].entity_id
            state = entity.choose(weather.states, sources.entity_id, before)
            if state is not None:
                return await self._hear(state)
        if sources.service is None:
            if sources.listens:
                self._fail_once(ErrorCode.NO_ENTITY, str(entity.no_entity(sources.entity_id)))
        elif weather.location is not None:
            return await self._ask(sources.service, weather.location)
        elif weather.placeless:
            self._fail_once(ErrorCode.NO_PLACE, "nobody is asked: Home Assistant does not know where the home is")
        return ABSENT_SECONDS

    async def _hear(self, state: State) -> float:
        """Take the state of the weather entity, if it is a new one and it is time."""
        if (state, self._weather.current) == self._heard:
            return ABSENT_SECONDS
        wait = self._heard_at + self._weather.cache_seconds - trio.current_time()
        if wait > 0 and self._weather.current is not None:
            return wait
        self._heard = state, self._weather.current
        try:
            observation = entity.read(state, self._weather.location)
            bounds.check(observation, self._now, oldest_seconds=float("inf"))  # it holds until Home Assistant says else
        except IngestorError as error:
            self._fail(entity.NAME, error.code, str(error))
            return ABSENT_SECONDS
        self._heard, self._heard_at = (state, observation), trio.current_time()
        await self._take(observation, entity.NAME)
        return ABSENT_SECONDS

    async def _ask(self, service: Provider, location: str) -> float:
        requests = self._requests or Requests(provider=service.name)
        wait = requests.wait_seconds(location, self._weather.cache_seconds, self._clock_ns())
        if wait > 0:
            return wait
        before = self._breaker.state
        if not self._breaker.allows(trio.current_time()):
            return self._breaker.wait_seconds(trio.current_time())
        self._tell_breaker(before)
        before = self._breaker.state
        try:
            self._requests = requests = requests.asking(location, service.daily, self._clock_ns())
            await self._memory.keep(requests)  # first, so that a crash does not ask again
            observation = await service.observe(location)
            bounds.check(observation, self._now, max(bounds.OLDEST_SECONDS, 2 * self._weather.cache_seconds))
        except IngestorError as error:
            self._breaker.failed(trio.current_time())
            self._fail(service.name, error.code, str(error))
            self._tell_breaker(before)
            return await self._pause(requests, error)
        self._breaker.succeeded()
        self._tell_breaker(before)
        await self._take(observation, service.name)
        return self._weather.cache_seconds

    async def _pause(self, requests: Requests, error: IngestorError) -> float:
        """Leave a service alone that failed; what a user mends is tried at once with the next start."""
        seconds = self._breaker.wait_seconds(trio.current_time()) or RETRY_SECONDS
        if isinstance(error, Unavailable):
            seconds = max(seconds, error.retry_after_seconds or 0.0)
        self._requests = requests.after_failure(seconds, self._clock_ns())
        await self._memory.keep(self._requests if isinstance(error, Unavailable) else requests.after_failure(0, 0))
        return seconds

    async def _take(self, observation: WeatherObservation, provider: str) -> None:
        if observation != self._weather.current:
            self._outbox.append(observation)
        self._weather.take(observation)
        self._told = None
        self._tell(observation, provider)
        self.progress.report()
        await self._memory.keep(observation=observation)

    @property
    def _now(self) -> float:
        return self._clock_ns() / SECOND_NS

    def _tell(self, observation: WeatherObservation, provider: str) -> None:
        summary = f"{observation.temperature} °C, {observation.humidity} %, {observation.condition}"
        self._report(
            facts.WeatherUpdated(
                home=self._weather.home, provider=provider, observed_at=observation.observed_at, summary=summary
            )
        )

    def _fail_once(self, code: ErrorCode, detail: str) -> None:
        """Tell why nobody is asked, until that changes."""
        if self._told is not code:
            self._told = code
            self._fail(self._sources.service.name if self._sources.service else entity.NAME, code, detail)

    def _fail(self, provider: str, code: ErrorCode, detail: str) -> None:
        self._report(facts.WeatherFailed(home=self._weather.home, provider=provider, code=code, detail=detail))

    def _tell_breaker(self, before: BreakerState) -> None:
        state = self._breaker.state
        if state is not before:
            self._report(facts.BreakerChanged(home=self._weather.home, state=state))
