"""What is never stored: secrets among the attributes, the text of a password field; places, unless they are wanted.

A secret is known by the name of its attribute, at any depth, or by an address that carries one (`?token=`, a user and
a password before `@`). It is left out before anything else sees it: no database, spool, quarantine, log or API has it.
A message that could not be read is kept in the quarantine with each secret replaced by `HIDDEN`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Raw, Struct

from ingestor.homeassistant import wire
from ingestor.model.unreadable import UNREADABLE

HIDDEN = "***"
"""What stands for the state of a `text` or `input_text` in the mode `password`, and for a secret in a raw message."""

_WORDS = (
    r"token|passw|passphrase|passcode|secret|api[-_ ]?key|private[-_ ]?key|access[-_ ]?key|credential|authorization"
    r"|cookie|webhook|entity_picture|pin[-_ ]?code|access[-_ ]?code|user[-_ ]?code|(?<![a-z])pin(?![a-z])"
)
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)
_SECRET_ADDRESS = re.compile(
    r"[?&;](?:access_token|token|authsig|api_?key|key|sig|signature|password|passwd|pwd|secret|auth)="
    r'|://[^/"\s@:]*:[^/"\s@]+@',
    re.IGNORECASE,
)
_PLACES = frozenset(
    {
        "latitude", "longitude", "altitude", "gps_accuracy", "vertical_accuracy", "course", "gps", "coordinates",
        "lat", "lon", "lng", "long",
    }
)  # fmt: skip
_PLACE_IF_NESTED = "location"
_DOUBTFUL = re.compile(rb"[=@{\[]")
_NESTED = ("{", "[")
_NAMES_CACHED = 10_000
TEXTS = ("text.", "input_text.")
"""What the ids of entities begin with whose state is what somebody typed."""
_NOTHING_KNOWN = ("unavailable", "unknown")
_PAIR = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s",{}\[\]]+)')
_PASSWORD_MODE = re.compile(r'"mode"\s*:\s*"password"')


@lru_cache(_NAMES_CACHED)
def is_secret(attribute: str) -> bool:
    """Return whether an attribute of this name is never stored."""
    return _SECRET_NAME.search(attribute) is not None


def is_place(attribute: str) -> bool:
    """Return whether an attribute of this name tells where somebody is."""
    return attribute.lower() in _PLACES


def is_place_if_nested(attribute: str) -> bool:
    """Return whether an attribute of this name tells where somebody is, if its value is a list or an object."""
    return attribute.lower() == _PLACE_IF_NESTED


def may_hold(text: str) -> bool:
    """Return whether a value among attributes can be one that `holds` finds by itself: most cannot."""
    return "=" in text or "@" in text or text.find("{", 1) > 0


def holds(attribute: str, raw: Raw, location: bool) -> bool:  # noqa: FBT001  called for each attribute
    """Return whether a value carries a secret, or a place where that is not wanted, whatever else its name is."""
    if _DOUBTFUL.search(raw) is None:
        return False
    said = str(raw, "utf-8", "replace")
    if _SECRET_ADDRESS.search(said):
        return True
    if not said.startswith(_NESTED):
        return False
    try:
        return (not location and is_place_if_nested(attribute)) or _has_names(_decode(raw), location)
    except UNREADABLE:  # nobody knows what it holds
        return True


def _has_names(value: Any, location: bool) -> bool:  # noqa: ANN401, FBT001  any JSON value
    """Return whether a name at any depth is that of a secret, or of a place where that is not wanted."""
    if isinstance(value, dict):
        if any(is_secret(name) or (not location and is_place(name)) for name in value):
            return True
        value = list(value.values())
    return isinstance(value, list) and any(_has_names(one, location) for one in value)


_decode = msgspec.json.Decoder().decode


class _Mode(Struct):
    mode: Any = None


_mode = msgspec.json.Decoder(_Mode)


def is_text(entity_id: str) -> bool:
    """Return whether an entity's state is what somebody typed."""
    return entity_id.startswith(TEXTS)


def is_password(state: wire.State) -> bool:
    """Return whether a state is a password, by its attributes."""
    return is_text(state.entity_id) and _mode.decode(state.attributes).mode == "password"


def said(state: wire.State) -> str:
    """Return a state as it may be stored."""
    return hidden(state.state) if is_password(state) else state.state


def hidden(state: str) -> str:
    """Return what is stored of a state that is a password."""
    return state if state in _NOTHING_KNOWN else HIDDEN


def scrubbed(message: str) -> str:
    """Return a message with each secret hidden, as far as it can be read; the same one if there is none."""
    try:
        whole = msgspec.json.decode(message)
        clean = _scrub(whole)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _scrub_text(message)
    return message if clean == whole else msgspec.json.encode(clean).decode()


def _scrub(value: Any) -> Any:  # noqa: ANN401  any JSON value
    if isinstance(value, str):
        return HIDDEN if _SECRET_ADDRESS.search(value) else value
    if isinstance(value, list):
        return [_scrub(one) for one in value]
    if not isinstance(value, dict):
        return value
    clean = {name: HIDDEN if is_secret(name) else _scrub(one) for name, one in value.items()}
    attributes = value.get("attributes")
    if isinstance(attributes, dict) and attributes.get("mode") == "password" and isinstance(value.get("state"), str):
        clean["state"] = hidden(value["state"])
    return clean


def _scrub_text(message: str) -> str:
    is_about_passwords = _PASSWORD_MODE.search(message) is not None

    def clean(pair: re.Match[str]) -> str:
        name, colon, value = pair.groups()
        hides = is_secret(name) or _SECRET_ADDRESS.search(value) or (is_about_passwords and name == "state")
        return f'"{name}"{colon}"{HIDDEN}"' if hides else pair[0]

    return _PAIR.sub(clean, message)
