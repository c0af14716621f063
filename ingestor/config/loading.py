"""Loading the settings: all mistakes at once, one sentence for each, by the name of the setting."""

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
    try:
        given = {**EnvSettingsSource(Settings).env_vars}
        if file := overrides.get("_env_file", Settings.model_config["env_file"]):
            given |= DotEnvSettingsSource(Settings, env_file=file).env_vars
        mistakes += _near_misses({name.lower() for name, text in given.items() if text} | overrides.keys())
        settings = Settings(**overrides)
    except ValidationError as error:
        mistakes = [_sentence(mistake) for mistake in error.errors(include_input=False)] + mistakes
    except (OSError, UnicodeDecodeError) as error:
        mistakes = [f".env: cannot be read as text ({type(error).__name__})"]
    if mistakes:
        raise ConfigError(mistakes)
    return settings


def _near_misses(given: AbstractSet[str]) -> list[str]:
    """Tell of names that are nearly those of settings which are not given themselves."""
    ours = {*Settings.model_fields, *(f"{name}_file" for name in SECRETS)}
    return [
        f"{name.upper()}: is no setting; is {close.upper()} meant?"
        for name in sorted(given - ours)
        for close in get_close_matches(name, ours - given, 1, CLOSE)
    ]


def _sentence(mistake: Any) -> str:  # noqa: ANN401  pydantic's ErrorDetails
    name = "_".join(str(part) for part in mistake["loc"][:1]).upper()
    said = mistake["msg"].removeprefix("Value error, ")
    if mistake["type"] == "missing":
        said = "is not set"
    return f"{name}: {said}" if name else said
