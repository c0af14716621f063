"""The subtree that hears a home: connection and subscription, with the channels between them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import trio

from ingestor.assembly.files import LISTS_IN_A_CHANNEL
from ingestor.assembly.stages import FEW, Ground, left, piped
from ingestor.assembly.storage import Storage
from ingestor.config import HomeSettings
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.live.connection import Connection
from ingestor.live.entities import Entities
from ingestor.live.fence import Fence
from ingestor.live.frames import Frame, HomeMessage
from ingestor.live.reconnect import Reconnect
from ingestor.live.selection import Selection
from ingestor.live.stream import Location, Stream
from ingestor.live.subscription import Subscription
from ingestor.model.channels import Inbox, Outbox
from ingestor.model.records import WeatherObservation
from ingestor.weather.observed import Weather
from metrics import facts
from supervisors import StopOrder, Strategy, Supervisor

COMMANDS_IN_A_CHANNEL = 16


class Live:
    """The live capture of one home: connection and subscription, with the channels between them."""

    def __init__(self, ground: Ground, home: HomeSettings, weather: Weather, storage: Storage) -> None:
        settings, report, name = ground.files.settings, ground.files.report, home.name
        self._report, self._name = report, name
        frames, self._received = trio.open_memory_channel[list[HomeMessage]](LISTS_IN_A_CHANNEL)
        self._frames, self._inbox = Outbox(frames), Inbox(self._received)
        commands, asked = trio.open_memory_channel[list[str]](COMMANDS_IN_A_CHANNEL)
        self.endpoint = endpoint = endpoint_of(home)
        intake = ground.files.intake
        connection = Connection(endpoint, self._frames, asked, Reconnect(ground.random), intake.valve, report)
        observation = (lambda: weather.current) if settings.weather_on_events else (lambda: None)
        captured = partial(intake.marks, name)
        self.entities = entities = Entities(Selection(home.include, home.exclude))
        loss = partial(intake.losses.get, name)
        self.stream = stream = Stream(name, entities, observation, captured, loss, ground.files.wanted)
        self.time_zone = "UTC"
        """Home Assistant's own, once it has said it."""

        def placed(found: Location) -> None:
            weather.set_home(found.place)
            self.time_zone = found.time_zone or self.time_zone

        self.fence = Fence(commands.clone())
        subscription = Subscription(
            stream, self._inbox, storage.outbox(), commands, report, placed, self.fence, on_weather=weather.hear
        )
        self.weather_at: Callable[[int], WeatherObservation | None]
        self.weather_at = weather.at if settings.weather_on_events else (lambda _at_ns: None)
        self.drain = connection.drain
        """Takes in what Home Assistant has sent until now, then ends the stream."""
        self.supervisor = Supervisor(
            "live",
            [
                piped("connection", connection, 3.0, ground.at_the_end(connection.drain)),
                piped("subscription", subscription, 3.0, ground.at_the_end(self._frames.close)),
            ],
            strategy=Strategy.REST_FOR_ONE,
            intensity=FEW,
            stop_order=StopOrder.START_ORDER,
        )

    @property
    def is_enriching(self) -> bool:
        """Whether what comes from this home is worked off."""
        return any(child.id == "subscription" and child.state == "up" for child in self.supervisor.snapshot().children)

    def drop(self) -> int:
        """Give up what was received and not decoded, when nothing runs any more; return how many changes that is."""
        waiting = [message for messages in (*self._inbox.held, *left(self._received)) for message in messages]
        texts = [message.text for message in (*waiting, *self._frames.items) if isinstance(message, Frame)]
        changes = self.stream.held + sum(text.count('"state_changed"') for text in texts)
        if changes:
            self._report(facts.ChangesReceived(home=self._name, changes=changes))
        return changes


def endpoint_of(home: HomeSettings) -> Endpoint:
    """Return where a home is."""
    return Endpoint(
        home=home.name,
        url=home.url,
        token=home.token,
        ca_file=home.ca_file,
        certificate_name=home.certificate_name,
    )
