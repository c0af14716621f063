"""The secrets: each may come from a file, what is copied with it is no part of it, and none is shown in a mistake."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from select import POLLIN, poll
from typing import Annotated, Any

from pydantic import BeforeValidator, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from ingestor.config.values import stripped

SECRETS = ("ha_token", "influxdb_token", "weather_api_key", "api_token", "heartbeat_url")
MAXIMUM_BYTES = 64 * 1024  # of a file; what is longer is no secret, and may never end
PIPE_SECONDS = 5.0  # the output of a program, as the shell gives it with <(...), may take so long
_AROUND = " \t\r\n\v\f\0\ufeff\u200b\u00a0\"'`"


class SecretFiles(PydanticBaseSettingsSource):
    """Secrets from the files that `NAME_FILE` names, as Docker mounts them; `named` are variables in lower case."""

    def __init__(self, settings_cls: type[BaseSettings], named: Mapping[str, str | None]) -> None:
        super().__init__(settings_cls)
        self._named = named

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ANN401, ARG002
        """Read no single one: `__call__` reads all of them."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the secrets whose `NAME_FILE` is set, or what keeps each from being read."""
        return {name: _read(name, path) for name in SECRETS if (path := self._named.get(f"{name}_file"))}


def clean(text: str) -> str:
    """Return a secret without what is often copied with it; raise `ValueError`, which does not show it, for none."""
    before = None
    while text != before:
        before, text = text, re.sub(r"^(bearer|token)\s+", "", text.strip(_AROUND), flags=re.IGNORECASE)
    if not text:
        raise ValueError("is empty")
    stripped(text)
    if not all("!" <= character <= "~" for character in text):
        raise ValueError("holds a blank, a line break or a character that no token has: is it copied whole, and alone?")
    return text


def read_text(path: Path) -> str:
    """Return what a file says, or its beginning. Raises `OSError`, also for a pipe that says nothing; `ValueError`."""
    said = b""
    with FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        ready = poll()
        ready.register(file, POLLIN)
        while (part := file.read(MAXIMUM_BYTES)) != b"" and len(said) < MAXIMUM_BYTES:
            if part is None and not ready.poll(PIPE_SECONDS * 1000):
                raise TimeoutError
            said += part or b""
    return said.decode()


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Stands for a secret whose file cannot be read, so that this is told beside every other mistake."""

    sentence: str


def _read(name: str, path: str) -> str | _Unreadable:
    whose = f"{name.upper()}_FILE, {path}"
    try:
        text = read_text(Path(path).expanduser())
    except (OSError, RuntimeError, ValueError) as error:
        return _Unreadable(f"cannot read {whose} ({type(error).__name__})")
    return text if text.strip(_AROUND) else _Unreadable(f"{whose}, is empty")


def _secret(value: object) -> object:
    if isinstance(value, _Unreadable):
        raise ValueError(value.sentence)  # noqa: TRY004  pydantic makes a mistake with a name of a ValueError
    return clean(value) if isinstance(value, str) else value


Secret = Annotated[SecretStr, BeforeValidator(_secret)]
