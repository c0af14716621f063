"""What every socket to Home Assistant begins with: the login, then commands with ids that increase. Pure."""

from __future__ import annotations

from typing import Any

from ingestor.homeassistant import wire
from ingestor.model.errors import CredentialsRefused, RemoteProtocolError


class Dialogue:
    """One login and the commands after it. `version` is Home Assistant's, once logged in."""

    def __init__(self, token: str) -> None:
        self.version = ""
        self._token = token
        self._greeted = False
        self._last_id = 0

    def log_in(self, message: wire.Reply) -> str | None:
        """Return the frame to answer a message of the login with; none when we are in.

        Raises `CredentialsRefused` when Home Assistant refuses the token, `RemoteProtocolError` when what speaks there
        is not Home Assistant.
        """
        match message.type:
            case "auth_required" if not self._greeted:
                self._greeted = True
                return wire.encode({"type": "auth", "access_token": self._token})
            case "auth_ok" if self._greeted:
                self.version = message.ha_version
                return None
            case "auth_invalid":
                said = message.message.replace(self._token, "***")
                raise CredentialsRefused(f"Home Assistant refused HA_TOKEN: {said}")
        raise RemoteProtocolError(f"expected a login, Home Assistant said {message.type[:64]}")

    def command(self, type_: str, **arguments: Any) -> tuple[int, str]:  # noqa: ANN401  any JSON value
        """Return the id and the frame of a new command."""
        self._last_id += 1
        return self._last_id, wire.encode({"id": self._last_id, "type": type_, **arguments})
