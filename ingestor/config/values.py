"""How a value is read, as people write it: a reader returns it normalised, or raises `ValueError` with a sentence."""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from ingestor.model.rules import by_level

MOST_CHARACTERS = 4096  # of what becomes a part of a request; no server takes a longer one
_WORDS = {"warn": "warning", "open_meteo": "open-meteo"}


def stripped(text: str) -> str:
    """Return a text without what is around it; raise `ValueError` for one that fits in no request."""
    if len(text := text.strip()) > MOST_CHARACTERS:
        raise ValueError(f"is longer than {MOST_CHARACTERS:,} characters")
    return text


def location(text: str) -> str:
    """Return `latitude,longitude` in degrees, normalised; raise `ValueError` for anything else."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        latitude = longitude = float("nan")
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):  # noqa: PLR2004  the earth's own bounds
        raise ValueError("must be latitude,longitude in degrees, like 52.37,4.89")
    return f"{latitude:g},{longitude:g}"


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _attribute_globs(globs: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"(\[!?[^]\s]+\]|[^][\s;])+", glob) for glob in globs):
        raise ValueError("must be globs of names of attributes, separated by commas, like color_temp_kelvin,battery_*")
    return globs


def _rules(rules: tuple[str, ...]) -> tuple[str, ...]:
    by_level(rules)
    return rules


def _home_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise ValueError("must be 1 to 64 letters, digits, _ and - (no blanks, no accents)")
    return text


def _bucket(text: str) -> str:
    if not re.fullmatch(r"[^_\"'\x00-\x1f][^\x00-\x1f]*", text):
        raise ValueError("must not be empty, begin with _ or a quote, or hold line breaks")
    return text


def _weather_entity(text: str) -> str:
    if not re.fullmatch(r"weather\.\w+", text):
        raise ValueError("must be the id of a weather entity, like weather.home")
    return text


def _word(value: object) -> object:
    return _WORDS.get(word := value.strip().lower(), word) if isinstance(value, str) else value


def _path(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"there is no home directory for {path}") from None


def _authorities(path: Path) -> Path:
    try:
        ssl.create_default_context(cafile=path)
    except FileNotFoundError:
        raise ValueError(f"there is no file {path}") from None
    except ssl.SSLError:
        raise ValueError(f"{path} holds no certificate in PEM format") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    return path


Text = Annotated[str, AfterValidator(stripped)]
Word = BeforeValidator(_word)
"""Makes a value one of the words of a `Literal`, in whatever case it is written."""
HomeName = Annotated[Text, AfterValidator(_home_name)]
Bucket = Annotated[Text, AfterValidator(_bucket)]
WeatherEntity = Annotated[Text, AfterValidator(_weather_entity)]
Location = Annotated[str, AfterValidator(location)]
Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
AttributeGlobs = Annotated[Listed, AfterValidator(_attribute_globs)]
Rules = Annotated[Listed, AfterValidator(_rules)]
FilePath = Annotated[Path, AfterValidator(_path)]
CaFile = Annotated[FilePath, AfterValidator(_authorities)]
