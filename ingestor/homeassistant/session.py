"""The protocol of one socket to Home Assistant as a pure machine: login, ids, subscription.

    GREETING --auth_required--> LOGIN --auth_ok--> SYNCHRONISING --all answered--> SUBSCRIBING --result--> LIVE
    LIVE --leave()--> LEAVING --pong--> LEFT

It is fed the frames in order and answers with the frames to send. Until SUBSCRIBING it consumes everything; from then
on every frame belongs to the stream of events as well. The configuration, registries and states are asked for before
the subscription, so that the first event already meets them, and the states once more behind it: that answer is an
exact cut of the stream. Both are asked for in one frame, whose commands Home Assistant carries out in one tick of its
loop: so no event comes between them, which would meet persons that have moved since the states were asked for before.
Ids increase strictly, from 1 in each session (https://developers.home-assistant.io/docs/api/websocket).
"""

from __future__ import annotations

from enum import Enum
from typing import Any

from msgspec import Raw

from ingestor.homeassistant import wire
from ingestor.homeassistant.dialogue import Dialogue
from ingestor.model.errors import RemoteProtocolError
from metrics.codes import ErrorCode

SYNCHRONISING = {
    "config": "get_config",
    "floors": "config/floor_registry/list",
    "areas": "config/area_registry/list",
    "labels": "config/label_registry/list",
    "devices": "config/device_registry/list",
    "entities": "config/entity_registry/list",
    "states": "get_states",
}
"""The names of the answers that a session collects, each with the command that asks for it."""

FENCE = "fence"
"""What an answer is called that is asked for only to know that everything sent before it has arrived."""

REGISTRY_EVENTS = {
    "area_registry_updated": ("areas", "entities"),
    "device_registry_updated": ("devices", "entities"),
    "entity_registry_updated": ("entities",),
    "floor_registry_updated": ("floors", "areas"),
    "label_registry_updated": ("labels", "entities"),
    "core_config_updated": tuple(SYNCHRONISING),
}
"""Events after which answers are stale. The last one is fired too when Home Assistant has started up."""


class Phase(Enum):
    """Where a session stands."""

    GREETING = "greeting"
    LOGIN = "login"
    SYNCHRONISING = "synchronising"
    SUBSCRIBING = "subscribing"
    LIVE = "live"
    LEAVING = "leaving"
    LEFT = "left"


class Session:
    """One login and its subscription.

    Once the phase is SUBSCRIBING, `results` holds the answers by name; `cut_id` is that of the command for the cut.
    """

    def __init__(self, token: str) -> None:
        self.phase = Phase.GREETING
        self.results: dict[str, Raw] = {}
        self.cut_id = 0
        self._dialogue = Dialogue(token)
        self._asked: dict[int, str] = {}
        self._subscription_id = 0
        self._farewell_id = 0

    @property
    def version(self) -> str:
        """Home Assistant's version, once the login is done."""
        return self._dialogue.version

    def receive(self, frame: str) -> list[str]:
        """Return the frames to send in answer.

        Raises `CredentialsRefused` when Home Assistant refuses the token, `RemoteProtocolError` when what speaks there
        is not Home Assistant or refuses the subscription.
        """
        answers: list[str] = []
        for message in wire.decode(frame):
            if isinstance(message, wire.Message):
                answers += self._step(message)
            elif self.phase is Phase.GREETING:
                raise RemoteProtocolError("what answers at HA_URL does not speak like Home Assistant")
        return answers

    def command(self, type_: str, **arguments: Any) -> tuple[int, str]:  # noqa: ANN401  any JSON value
        """Return the id and the frame of a new command."""
        return self._dialogue.command(type_, **arguments)

    def is_at(self, phase: Phase) -> bool:
        """Return whether the session stands there."""
        return self.phase is phase

    def leave(self) -> str:
        """Return the frame of a last ping; its pong comes behind everything that was sent before: then it is LEFT."""
        self.phase = Phase.LEAVING
        self._farewell_id, frame = self.command("ping")
        return frame

    def _step(self, message: wire.Message) -> list[str]:
        match self.phase, message.type:
            case Phase.GREETING | Phase.LOGIN, _:
                self.phase = Phase.LOGIN
                answer = self._dialogue.log_in(message)
                return [answer] if answer else self._synchronise()
            case Phase.SYNCHRONISING, "result":
                return self._collect(message)
            case Phase.SUBSCRIBING, "result" if message.id == self._subscription_id:
                self._confirm(message)
            case Phase.LEAVING, "pong" if message.id == self._farewell_id:
                self.phase = Phase.LEFT
        return []

    def _synchronise(self) -> list[str]:
        self.phase = Phase.SYNCHRONISING
        _, coalesce = self.command("supported_features", features={"coalesce_messages": 1})
        frames = [coalesce]
        for name, type_ in SYNCHRONISING.items():
            number, frame = self.command(type_)
            self._asked[number] = name
            frames.append(frame)
        return frames

    def _collect(self, message: wire.Message) -> list[str]:
        name = self._asked.pop(message.id or 0, None)
        if name and message.success:
            self.results[name] = Raw(bytes(message.result))
        return [] if self._asked else self._subscribe()

    def _subscribe(self) -> list[str]:
        self.phase = Phase.SUBSCRIBING
        self._subscription_id, subscribe = self.command("subscribe_events", event_type="state_changed")
        self.cut_id, cut = self.command(SYNCHRONISING["states"])
        others = [self.command("subscribe_events", event_type=name)[1] for name in REGISTRY_EVENTS]
        return [wire.together([subscribe, cut, *others])]

    def _confirm(self, message: wire.Message) -> None:
        if not message.success:
            reason = message.error.message if message.error else "no reason given"
            raise RemoteProtocolError(
                f"Home Assistant refused the subscription: {reason}", code=ErrorCode.SUBSCRIPTION_REFUSED
            )
        self.phase = Phase.LIVE
