"""Settings of several homes, as no variable of the environment can name them yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import PrivateAttr

from ingestor.config import HomeSettings, Settings
from tests.actors.homes import TOKEN


class SeveralHomes(Settings):
    """Settings whose homes are given; `HA_URL` and `HA_TOKEN` say nothing."""

    _homes: tuple[HomeSettings, ...] = PrivateAttr(default=())

    @property
    def homes(self) -> tuple[HomeSettings, ...]:
        return self._homes


def settings_of(homes: Iterable[HomeSettings], **given: Any) -> Settings:
    """Return settings of these homes."""
    unused = {"ha_url": "http://127.0.0.1:9", "ha_token": TOKEN}
    settings = SeveralHomes(**(unused | {"_env_file": None, "api_port": 0} | given))
    settings._homes = tuple(homes)
    return settings


def home_of(name: str, url: str = "http://127.0.0.1:9") -> HomeSettings:
    """Return the settings of a simulated home."""
    return HomeSettings(name=name, url=url, token=lambda: TOKEN)
