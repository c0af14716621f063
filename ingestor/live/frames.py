"""What the connection hands to the subscription: sessions, the answers to expect, and frames as they came."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Raw, Struct

from metrics.codes import GapCause


class SessionStarted(Struct, frozen=True, kw_only=True):
    """A socket has logged in and subscribed; `results` are Home Assistant's answers by the name of the command.

    The names are those of `homeassistant.session.SYNCHRONISING`; a command that was refused is absent. `cause` and
    `detail` say why there was no session before.
    """

    session: int
    at_ns: int
    results: dict[str, Raw]
    cause: str = GapCause.SERVICE_DOWN
    detail: str = ""


class CommandSent(Struct, frozen=True, kw_only=True):
    """The answer with this id, in this session's frames, is that of this command."""

    session: int
    id: int
    command: str


class Frame(Struct, frozen=True, kw_only=True):
    """One text frame as Home Assistant sent it: a JSON object, or an array of them."""

    session: int
    received_at_ns: int
    text: str


HomeMessage: TypeAlias = SessionStarted | CommandSent | Frame
