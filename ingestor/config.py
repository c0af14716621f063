"""The configuration: environment and `.env`, every secret also as `NAME_FILE`; every mistake is told by its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ingestor.model.errors import ConfigError

SECRETS = ("ha_token", "influxdb_token", "weather_api_key", "api_token")
MEBIBYTE = 1024 * 1024


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    try:
        _ = parts.port, (parts.hostname or "").encode("idna")
        well_formed = parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", text)
    except ValueError:
        well_formed = False
    if not well_formed:
        raise ValueError("must be an address like http://homeassistant.local:8123")
    if parts.username or parts.password:
        raise ValueError("must not hold a user name or a password")
    return text.rstrip("/")


def location(text: str) -> str:
    """Return `latitude,longitude` in degrees, normalised; raise `ValueError` for anything else."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        latitude = longitude = float("nan")
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):  # noqa: PLR2004  the earth's own bounds
        raise ValueError("must be latitude,longitude in degrees, like 52.37,4.89")
    return f"{latitude:g},{longitude:g}"


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host; of names that holds for `localhost` alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _globs(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
            raise ValueError("must be names like ingestor.lan, separated by commas, without http:// and port")
    return names


def _is_file(path: Path) -> Path:
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


def _was_readable(value: object) -> object:
    if isinstance(value, _Unreadable):
        raise ValueError(value.sentence)  # noqa: TRY004  pydantic makes a mistake with a name of a ValueError
    return value


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Stands for a secret whose file cannot be read, so that this is told beside every other mistake."""

    sentence: str


Url = Annotated[str, AfterValidator(_http_url)]
Secret = Annotated[SecretStr, BeforeValidator(_was_readable)]
Location = Annotated[str, AfterValidator(location)]
Globs = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_globs)]
Hosts = Annotated[Globs, AfterValidator(_hosts)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSettings:
    """What is configured of one home. `token` is asked anew for each login; `name` is a tag of every event."""

    name: str
    url: str
    token: Callable[[], str] = field(repr=False)
    ca_file: Path | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Settings(BaseSettings):
    """Every setting, checked. Secrets are `SecretStr`: they show as stars in a repr, a log or an error."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    ha_url: Url
    ha_token: Secret
    ha_token_file: Path | None = None
    ha_ca_file: Annotated[Path, AfterValidator(_is_file)] | None = None
    home_name: str = Field(default="home", pattern=r"^[A-Za-z0-9_-]{1,64}$")
    influxdb_token: Secret | None = None
    influxdb_org: str | None = None
    influxdb_url: Url | None = None
    influxdb_bucket: str = Field(default="home_assistant", pattern=r"^[^_\"'].*$")
    retention_days: int = Field(default=0, ge=0, le=36_500, description="0 keeps everything for ever")
    weather_provider: Literal["openweathermap", "none"] = "openweathermap"
    weather_api_key: Secret | None = None
    weather_base_url: Url = "https://api.openweathermap.org"
    weather_location: Location | None = None
    weather_cache_minutes: float = Field(default=15, ge=1, le=1440)
    weather_on_events: bool = True
    include: Globs = ()
    exclude: Globs = ()
    attributes: Literal["json", "none"] = "json"
    commit_seconds: float = Field(default=1, gt=0, le=300)
    batch_max_events: int = Field(default=5000, ge=1, le=100_000)
    batch_max_seconds: float = Field(default=0.1, gt=0, le=300)
    spool_max_bytes: int = Field(default=512 * MEBIBYTE, ge=MEBIBYTE)
    data_dir: Path = Path("data")
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=0, le=65535)
    api_token: Secret | None = None
    api_open: bool = False
    api_hosts: Hosts = ()
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"

    _secrets: set[str] = PrivateAttr(default_factory=set)

    def model_post_init(self, _context: object) -> None:
        """Know the secrets that are configured."""
        held = (getattr(self, name) for name in SECRETS)
        self._secrets.update(secret.get_secret_value() for secret in held if secret)

    @property
    def secrets(self) -> Collection[str]:
        """Every secret, each token that was ever read among them: the same set grows as they are read."""
        return self._secrets

    @property
    def homes(self) -> tuple[HomeSettings, ...]:
        """Every home that is ingested, each with a name of its own."""
        home = HomeSettings(
            name=self.home_name,
            url=self.ha_url,
            token=self.current_token,
            ca_file=self.ha_ca_file,
            include=self.include,
            exclude=self.exclude,
        )
        return (home,)

    def current_token(self) -> str:
        """Return Home Assistant's token as it is now: a file that `HA_TOKEN_FILE` names may have changed since."""
        token = self.ha_token.get_secret_value()
        if self.ha_token_file is not None:
            with suppress(OSError, UnicodeDecodeError):  # being replaced: the token that we know will do until then
                token = self.ha_token_file.read_text(encoding="utf-8").strip() or token
        self._secrets.add(token)
        return token

    @field_validator("influxdb_url")
    @classmethod
    def _influxdb_is_whole(cls, url: str | None, others: ValidationInfo) -> str | None:
        missing = [name.upper() for name in ("influxdb_token", "influxdb_org") if others.data.get(name, "") is None]
        if url and missing:
            raise ValueError(f"needs {' and '.join(missing)} beside it")
        return url

    @model_validator(mode="after")
    def _api_is_guarded(self) -> Self:
        if not (is_loopback(self.api_host) or self.api_token or self.api_open):
            raise ValueError(
                f"API_HOST: other machines reach {self.api_host}, and could read and delete what is stored:"
                " set API_TOKEN, or API_OPEN=true to allow that"
            )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  replaced by NAME_FILE
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: arguments, environment, secret files named by the environment, `.env`."""
        named: dict[str, str | None] = {}
        for source in (dotenv_settings, env_settings):
            if isinstance(source, EnvSettingsSource):
                named |= source.env_vars
        files = _SecretFiles(settings_cls, named)
        return init_settings, env_settings, files, dotenv_settings


class _SecretFiles(PydanticBaseSettingsSource):
    """Secrets from the files that `NAME_FILE` names, as Docker mounts them; `named` are variables in lower case."""

    def __init__(self, settings_cls: type[BaseSettings], named: Mapping[str, str | None]) -> None:
        super().__init__(settings_cls)
        self._named = named

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ANN401, ARG002
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """Return the secrets whose `NAME_FILE` is set and whose file is not empty."""
        found: dict[str, Any] = {}
        for name in SECRETS:
            if path := self._named.get(f"{name}_file"):
                try:
                    found[name] = Path(path).read_text(encoding="utf-8").strip()
                except (OSError, UnicodeDecodeError) as error:
                    found[name] = _Unreadable(f"cannot read {name.upper()}_FILE, {path} ({type(error).__name__})")
        return {name: secret for name, secret in found.items() if secret}


def load(**overrides: Any) -> Settings:  # noqa: ANN401  what pydantic takes
    """Return the settings of this environment; raise `ConfigError` with one sentence per mistake."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise ConfigError([_sentence(mistake) for mistake in error.errors(include_input=False)]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f".env: cannot be read as text ({type(error).__name__})"]) from None


def _sentence(mistake: Any) -> str:  # noqa: ANN401  pydantic's ErrorDetails
    name = "_".join(str(part) for part in mistake["loc"][:1]).upper()
    said = mistake["msg"].removeprefix("Value error, ")
    if mistake["type"] == "missing":
        said = "is not set"
    return f"{name}: {said}" if name else said
