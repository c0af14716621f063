"""Loading the settings: all mistakes at once, one sentence for each, by the name of the setting.

A name that is nearly one of ours is a mistake in `.env`, which is read by nobody else. In the environment it may be
another program's: there it is a warning, and a mistake only beside others, for which it may be the reason.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_settings import DotEnvSettingsSource, EnvSettingsSource

from ingestor.config.secrets import SECRETS
from ingestor.config.settings import Settings
from ingestor.model.errors import ConfigError

CLOSE = 0.85  # how much a name has to be like one of ours to be taken for it


def load(**overrides: Any) -> Settings:  # noqa: ANN401  what pydantic takes
    """Return the settings of this environment; raise `ConfigError` with one sentence per mistake."""
    mistakes: list[str] = []
    doubts: dict[str, str] = {}
    try:
        environment = EnvSettingsSource(Settings).env_vars
        file = overrides.get("_env_file", Settings.model_config["env_file"])
        ours = DotEnvSettingsSource(Settings, env_file=file).env_vars if file else {}
        given = {name for name, text in {**environment, **ours}.items() if text}
        doubts = _near_misses({name.lower() for name in given} | overrides.keys())
        mistakes = [sentence for name, sentence in doubts.items() if ours.get(name)]
        settings = Settings(**overrides)
    except ValidationError as error:
        mistakes = [*(_sentence(mistake) for mistake in error.errors(include_input=False)), *doubts.values()]
    except (OSError, UnicodeDecodeError) as error:
        mistakes = [f".env: cannot be read as text ({type(error).__name__})"]
    if mistakes:
        raise ConfigError(mistakes)
    settings.warnings.extend(doubts.values())
    return settings


def _near_misses(given: AbstractSet[str]) -> dict[str, str]:
    """Tell of names that are nearly those of settings which are not given themselves."""
    ours = {*Settings.model_fields, *(f"{name}_file" for name in SECRETS)}
    return {
        name: f"{name.upper()}: is no setting; is {close.upper()} meant?"
        for name in sorted(given - ours)
        for close in get_close_matches(name, ours - given, 1, CLOSE)
    }


def _sentence(mistake: Any) -> str:  # noqa: ANN401  pydantic's ErrorDetails
    name = "_".join(str(part) for part in mistake["loc"][:1]).upper()
    said = mistake["msg"].removeprefix("Value error, ")
    if mistake["type"] == "missing":
        said = "is not set"
    return f"{name}: {said}" if name else said
