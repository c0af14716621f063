"""The simulated weather provider in a thread of its own."""

from __future__ import annotations

import threading

import trio

from ingestor.simulator.weather import serve_weather


class SimWeather:
    """One provider; `settings` are what the service needs to ask it."""

    def __init__(self) -> None:
        self.settings: dict[str, str] = {}
        self._started = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._serve,), daemon=True)

    def start(self) -> None:
        """Start it."""
        self._thread.start()
        self._started.wait(10)

    def stop(self) -> None:
        """Stop it."""
        trio.from_thread.run_sync(self._stopping.cancel, trio_token=self._token)
        self._thread.join()

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            self._stopping = nursery.cancel_scope
            url = await nursery.start(serve_weather)
            self.settings = {
                "WEATHER_PROVIDER": "openweathermap",
                "WEATHER_API_KEY": "key-of-the-simulated-weather",
                "WEATHER_BASE_URL": url,
            }
            self._started.set()
            await trio.sleep_forever()
