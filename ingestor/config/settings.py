"""Every setting, and what must hold between them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from ingestor.config.addresses import HomeUrl, Host, Hosts, InfluxDBUrl, SecretUrl, WeatherUrl, is_loopback
from ingestor.config.secrets import SECRETS, Secret, SecretFiles, clean, read_text
from ingestor.config.values import (
    AttributeGlobs,
    Bucket,
    CaFile,
    FilePath,
    HomeName,
    Location,
    Rules,
    Text,
    WeatherEntity,
    Word,
)

MEBIBYTE = 1024 * 1024
_BUCKET = "home_assistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSettings:
    """What is configured of one home. `token` is asked anew for each login; `name` is a tag of every event."""

    name: str
    url: str
    token: Callable[[], str] = field(repr=False)
    ca_file: Path | None = None
    certificate_name: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


class Settings(BaseSettings):
    """Every setting, checked. Secrets are `SecretStr`: they show as stars in a repr, a log or an error."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    ha_url: HomeUrl
    ha_token: Secret
    ha_token_file: FilePath | None = None
    ha_ca_file: CaFile | None = None
    ha_certificate_name: Host | None = None
    home_name: HomeName = "home"
    influxdb_token: Secret | None = None
    influxdb_org: Text | None = None
    influxdb_ca_file: CaFile | None = None
    influxdb_bucket: Bucket = _BUCKET
    influxdb_url: InfluxDBUrl | None = Field(default=None, validate_default=True)
    retention_days: int = Field(default=0, ge=0, le=36_500, description="0 keeps everything for ever")
    weather_provider: Annotated[Literal["auto", "openweathermap", "home_assistant", "open-meteo", "none"], Word] = (
        "auto"
    )
    weather_api_key: Secret | None = None
    weather_base_url: WeatherUrl | None = None
    weather_entity: WeatherEntity | None = None
    weather_location: Location | None = None
    weather_cache_minutes: float = Field(default=15, ge=1, le=1440)
    weather_on_events: bool = True
    include: Rules = ()
    exclude: Rules = ()
    attributes: Annotated[Literal["json", "all", "none"], Word] = "json"
    exclude_attributes: AttributeGlobs = ()
    attribute_fields: AttributeGlobs = ()
    location: bool = False
    commit_seconds: float = Field(default=1, gt=0, le=300)
    batch_max_events: int = Field(default=5000, ge=1, le=100_000)
    batch_max_seconds: float = Field(default=0.1, gt=0, le=300)
    spool_max_bytes: int = Field(default=512 * MEBIBYTE, ge=MEBIBYTE)
    data_dir: FilePath = Path("data")
    api_host: Host = "127.0.0.1"
    api_port: int = Field(default=8080, ge=0, le=65535)
    api_token: Secret | None = None
    api_open: bool = False
    api_hosts: Hosts = ()
    notify: Annotated[Literal["none", "home_assistant"], Word] = "none"
    heartbeat_url: SecretUrl | None = None
    log_level: Annotated[Literal["debug", "info", "warning", "error"], Word] = "info"
    log_format: Annotated[Literal["auto", "json", "console"], Word] = "auto"

    _secrets: set[str] = PrivateAttr(default_factory=set)
    _warnings: list[str] = PrivateAttr(default_factory=list)

    def model_post_init(self, _context: object) -> None:
        """Know the secrets that are configured."""
        held = (getattr(self, name) for name in SECRETS)
        self._secrets.update(secret.get_secret_value() for secret in held if secret)

    @property
    def secrets(self) -> Collection[str]:
        """Every secret, each token that was ever read among them: the same set grows as they are read."""
        return self._secrets

    @property
    def warnings(self) -> list[str]:
        """What is no mistake for certain, in sentences for the user; who loads the settings puts them there."""
        return self._warnings

    @property
    def homes(self) -> tuple[HomeSettings, ...]:
        """Every home that is ingested, each with a name of its own."""
        home = HomeSettings(
            name=self.home_name,
            url=self.ha_url,
            token=self.current_token,
            ca_file=self.ha_ca_file,
            certificate_name=self.ha_certificate_name,
            include=self.include,
            exclude=self.exclude,
        )
        return (home,)

    def current_token(self) -> str:
        """Return Home Assistant's token as it is now: a file that `HA_TOKEN_FILE` names may have changed since."""
        token = self.ha_token.get_secret_value()
        if self.ha_token_file is not None and self.ha_token_file.is_file():  # a pipe says it once
            with suppress(OSError, ValueError):  # being replaced: the token that we know will do until then
                token = clean(read_text(self.ha_token_file))
        self._secrets.add(token)
        return token

    @field_validator("influxdb_url")
    @classmethod
    def _influxdb_is_whole(cls, url: str | None, others: ValidationInfo) -> str | None:
        missing = [name.upper() for name in ("influxdb_token", "influxdb_org") if not others.data.get(name, "?")]
        if url and missing:
            raise ValueError(f"needs {' and '.join(missing)} beside it")
        alone = [
            name.upper() for name in ("influxdb_token", "influxdb_org", "influxdb_ca_file") if others.data.get(name)
        ]
        if others.data.get("influxdb_bucket", _BUCKET) != _BUCKET:
            alone.append("INFLUXDB_BUCKET")
        if not url and alone:
            raise ValueError(f"is not set, and without it {' and '.join(alone)} would have no effect")
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
        files = SecretFiles(settings_cls, named)
        return init_settings, env_settings, files, dotenv_settings
