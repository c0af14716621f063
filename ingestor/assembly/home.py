"""Everything that belongs to one home, put together by one class that is called once for each home."""

from __future__ import annotations

from ingestor.assembly.history import recorder_askers
from ingestor.assembly.live import Live
from ingestor.assembly.stages import FATAL, Ground, stage, whole_home
from ingestor.assembly.storage import Storage
from ingestor.config import HomeSettings, Settings
from ingestor.weather.breaker import Breaker
from ingestor.weather.poller import Weather, WeatherPoller
from ingestor.weather.providers import OpenWeatherMap, Provider


class Home:
    """One home, from its socket to what asks its recorder. Only the storage, which it leads to, is shared by all."""

    def __init__(self, ground: Ground, home: HomeSettings, storage: Storage) -> None:
        files = ground.files
        now = files.changeable.current
        self.weather = weather = Weather(home.name, now.weather_location, now.weather_cache_minutes)
        files.changeable.listen(lambda now: weather.configure(now.weather_location, now.weather_cache_minutes))
        self.live = live = Live(ground, home, weather, storage)
        poller = WeatherPoller(weather, make_provider(files.settings), storage.outbox(), Breaker(), files.report)
        self.spec = whole_home(
            home.name,
            [
                stage("weather", poller, 1.0, ground.at_the_end(poller.drain)),
                live.supervisor.as_child(shutdown_timeout_seconds=4.0, fatal=FATAL),
                *recorder_askers(files, home, live, storage),
            ],
            is_only=len(files.settings.homes) == 1,
        )


def make_provider(settings: Settings) -> Provider | None:
    """Return the weather's provider; None where it is off, or has no key."""
    if settings.weather_provider == "none" or settings.weather_api_key is None:
        return None
    return OpenWeatherMap(settings.weather_base_url, settings.weather_api_key)
