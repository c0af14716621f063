"""Everything that belongs to one home, put together by one class that is called once for each home."""

from __future__ import annotations

from dataclasses import replace

from ingestor.assembly.history import recorder_askers
from ingestor.assembly.live import Live
from ingestor.assembly.stages import FATAL, Ground, stage, whole_home
from ingestor.assembly.storage import Storage
from ingestor.config import HomeSettings, Settings
from ingestor.weather.memory import Memory
from ingestor.weather.observed import Weather
from ingestor.weather.poller import NOWHERE, Sources, WeatherPoller
from ingestor.weather.providers import OpenMeteo, OpenWeatherMap


class Home:
    """One home, from its socket to what asks its recorder. Only the storage, which it leads to, is shared by all."""

    def __init__(self, ground: Ground, home: HomeSettings, storage: Storage) -> None:
        files = ground.files
        now = files.changeable.current
        self.weather = weather = Weather(home.name, now.weather_location, now.weather_cache_minutes)
        files.changeable.listen(lambda now: weather.configure(now.weather_location, now.weather_cache_minutes))
        self.live = live = Live(ground, home, weather, storage)
        memory = Memory(files.state, home.name, files.warn)
        poller = WeatherPoller(weather, weather_sources(files.settings), memory, storage.outbox(), files.report)
        self.spec = whole_home(
            home.name,
            [
                stage("weather", poller, 1.0, ground.at_the_end(poller.drain)),
                live.supervisor.as_child(shutdown_timeout_seconds=4.0, fatal=FATAL),
                *recorder_askers(files, home, live, storage),
            ],
            is_only=len(files.settings.homes) == 1,
        )


def weather_sources(settings: Settings) -> Sources:
    """Return where the weather comes from: a service with a key first, then Home Assistant, then one without a key."""
    url, key = settings.weather_base_url, settings.weather_api_key
    listening = Sources(listens=True, entity_id=settings.weather_entity)
    match settings.weather_provider:
        case "none":
            return NOWHERE
        case "openweathermap":
            return Sources(service=OpenWeatherMap(url, key))
        case "open-meteo":
            return Sources(service=OpenMeteo(url))
        case "home_assistant":
            return listening
        case "auto":
            return Sources(service=OpenWeatherMap(url, key)) if key else replace(listening, service=OpenMeteo(url))
