"""Home Assistant's side of the WebSocket protocol, as core 2025.4.4 was seen to speak it. Pure."""

from __future__ import annotations

import json
from typing import Any

from ingestor.simulator.home import Json, SimulatedHome

_REGISTRIES = {f"config/{name}_registry/list": name for name in ("floor", "area", "label", "device", "entity")}


class Closed(Exception):
    """The server closes the socket after these messages; Home Assistant always does so with code 1000."""

    def __init__(self, *messages: Json) -> None:
        super().__init__("the server closes")
        self.messages = messages


class ServerSession:
    """What one client has said so far. `subscriptions` are ids by event type."""

    def __init__(self, home: SimulatedHome, token: str) -> None:
        self.coalescing = False
        self.subscriptions: dict[int, str] = {}
        self.authenticated = False
        self._home = home
        self._token = token
        self._last_id = 0

    def greet(self) -> Json:
        """Return the first message."""
        return {"type": "auth_required", "ha_version": self._home.version}

    def receive(self, text: str) -> list[Json]:
        """Return the answers to a frame. Raises `Closed`."""
        try:
            said = json.loads(text)
        except ValueError:
            raise Closed from None
        messages = said if isinstance(said, list) else [said]
        return [answer for message in messages for answer in self._answers(message)]

    def event_messages(self, event: Json) -> list[Json]:
        """Return the messages that carry an event to this client; `id` comes last, as in the real ones."""
        kind = event["event_type"]
        return [
            {"type": "event", "event": event, "id": i} for i, wanted in self.subscriptions.items() if wanted == kind
        ]

    def _answers(self, message: Any) -> list[Json]:  # noqa: ANN401  whatever the client said
        answer = self._answer(message)
        if not answer.get("success") or message.get("type") != "history/stream":
            return [answer]
        until = {"states": {}, "start_time": 0, "end_time": self._home.now()}
        empty = {"type": "event", "event": until, "id": answer["id"]}
        self._home.recorder.commit()  # the second event comes only behind that
        return [answer, empty, empty]

    def _answer(self, message: Any) -> Json:  # noqa: ANN401  whatever the client said
        if not self.authenticated:
            return self._authenticate(message)
        if not isinstance(message, dict) or not isinstance(message.get("id"), int) or "type" not in message:
            return _error(None, "invalid_format", "Message incorrectly formatted.")
        number = message["id"]
        if number <= self._last_id:
            return _error(number, "id_reuse", "Identifier values have to increase.")
        self._last_id = number
        return self._command(number, message)

    def _authenticate(self, message: Any) -> Json:  # noqa: ANN401  whatever the client said
        if not isinstance(message, dict) or message.get("type") != "auth":
            raise Closed({"type": "auth_invalid", "message": "Auth message incorrectly formatted"})
        if message.get("access_token") != self._token:
            raise Closed({"type": "auth_invalid", "message": "Invalid access token or password"})
        self.authenticated = True
        return {"type": "auth_ok", "ha_version": self._home.version}

    def _command(self, number: int, message: Json) -> Json:  # noqa: C901, PLR0911  one answer per command
        match message["type"]:
            case kind if kind.startswith(("history/", "recorder/")) and self._home.recorder.refusal:
                return _error(number, self._home.recorder.refusal, "The recorder refuses.")
            case "ping":
                return {"id": number, "type": "pong"}
            case "supported_features":
                self.coalescing = bool(message.get("features", {}).get("coalesce_messages"))
                return _result(number, None)
            case "get_states":
                return _result(number, list(self._home.states.values()))
            case "get_config":
                return _result(number, self._home.config())
            case "subscribe_events":
                self.subscriptions[number] = message.get("event_type", "")
                return _result(number, None)
            case "call_service" if message.get("domain") == "persistent_notification":
                self._home.notify(message["service"], message["service_data"])
                return _result(number, {"context": {}, "response": None})
            case "history/stream":
                self.subscriptions[number] = "history"  # of an entity that never changes
                return _result(number, None)
            case kind if kind in self._home.recorder.commands:
                return _result(number, self._home.recorder.commands[kind](message))
            case "unsubscribe_events":
                if self.subscriptions.pop(message.get("subscription", 0), None) is None:
                    return _error(number, "not_found", "Subscription not found.")
                return _result(number, None)
            case kind if kind in _REGISTRIES:
                return _result(number, self._home.registry(_REGISTRIES[kind]))
        return _error(number, "unknown_command", "Unknown command.")


def _result(number: int, result: Any) -> Json:  # noqa: ANN401  any JSON value
    return {"id": number, "type": "result", "success": True, "result": result}


def _error(number: int | None, code: str, message: str) -> Json:
    return {"id": number, "type": "result", "success": False, "error": {"code": code, "message": message}}
