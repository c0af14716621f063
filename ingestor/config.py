"""The configuration: environment and `.env`, every secret also as `NAME_FILE`; every mistake is told by its name."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

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
    DotEnvSettingsSource,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from ingestor.model.errors import ConfigError

SECRETS = ("ha_token", "influxdb_token", "weather_api_key", "api_token")
MEBIBYTE = 1024 * 1024


def _address(default: str, *, port: int = 0, dropped: str = "(?!)", **schemes: str) -> Callable[[str], str]:
    """Return a reader of addresses, which may be written as they are met elsewhere.

    A bare host gets the `default` scheme and port, other `schemes` are replaced by theirs, and a path that matches
    `dropped` goes.
    """
    example = f"{default}://192.168.1.10" + (f":{port}" if port else "")

    def read(text: str) -> str:
        text = text.strip().strip("\"'").strip()
        scheme, separator, rest = text.partition("://")
        if not separator:
            scheme, rest = default, text
        parts = _split(f"{schemes.get(scheme.lower(), scheme.lower())}://{rest}")
        if parts is None:
            raise ValueError(f"must be an address like {example}")
        if parts.username or parts.password:
            raise ValueError("must not hold a user name or a password")
        if parts.query or parts.fragment:
            raise ValueError(f"must not hold a query, only an address like {example}")
        host = parts.netloc if separator or not port or parts.port else f"{parts.netloc}:{port}"
        path = re.sub(f"({dropped})$", "", parts.path.rstrip("/"))
        return f"{parts.scheme}://{host}{path}".rstrip("/")

    return read


def _split(text: str) -> SplitResult | None:
    """Return the parts of an address that can be asked by HTTP; none for any other."""
    try:
        parts = urlsplit(text)
        _ = parts.port, (parts.hostname or "").encode("idna")
    except ValueError:
        return None
    usable = parts.scheme in {"http", "https"} and parts.hostname and not re.search(r"[\s\\]", text)
    return parts if usable else None


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


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _globs(globs: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(r"(\[!?[^]\s]+\]|[^][\s;])+", glob) for glob in globs):
        raise ValueError("must be globs of entity ids, separated by commas, like sensor.*,light.kitchen_*")
    return globs


def _hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
            raise ValueError("must be names like ingestor.lan, separated by commas, without http:// and port")
    return names


def _home_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", text):
        raise ValueError("must be 1 to 64 letters, digits, _ and - (no blanks, no accents)")
    return text


def _host(text: str) -> str:
    if not re.fullmatch(r"[\w.:-]+", text):
        raise ValueError("must be a name or an address, without http:// before it")
    return text


def _bucket(text: str) -> str:
    if not re.fullmatch(r"[^_\"'\x00-\x1f][^\x00-\x1f]*", text):
        raise ValueError("must not be empty, begin with _ or a quote, or hold line breaks")
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


def clean_secret(text: str) -> str:
    """Return a secret without what is often copied with it; raise `ValueError`, which does not show it, for none."""
    before = None
    while text != before:
        before, text = text, re.sub(r"^(bearer|token)\s+", "", text.strip(_AROUND_SECRETS), flags=re.IGNORECASE)
    if not text:
        raise ValueError("is empty")
    if not all("!" <= character <= "~" for character in text):
        raise ValueError("holds a blank, a line break or a character that no token has: is it copied whole, and alone?")
    return text


def _secret(value: object) -> object:
    if isinstance(value, _Unreadable):
        raise ValueError(value.sentence)  # noqa: TRY004  pydantic makes a mistake with a name of a ValueError
    return clean_secret(value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Stands for a secret whose file cannot be read, so that this is told beside every other mistake."""

    sentence: str


_AROUND_SECRETS = " \t\r\n\v\f\0\ufeff\u200b\u00a0\"'`"
_BUCKET = "home_assistant"
_WORDS = {"warn": "warning"}
CLOSE = 0.85  # how much a name has to be like one of ours to be taken for it

HomeUrl = Annotated[
    str, AfterValidator(_address("http", port=8123, dropped="/api(/websocket)?", ws="http", wss="https"))
]
InfluxDBUrl = Annotated[str, AfterValidator(_address("http", port=8086, dropped="/api/v2(/write)?|/orgs/.*"))]
WeatherUrl = Annotated[str, AfterValidator(_address("https"))]
Secret = Annotated[SecretStr, BeforeValidator(_secret)]
FilePath = Annotated[Path, AfterValidator(_path)]
CaFile = Annotated[Path, AfterValidator(_path), AfterValidator(_authorities)]
Text = Annotated[str, AfterValidator(str.strip)]
Host = Annotated[Text, AfterValidator(_host)]
Location = Annotated[str, AfterValidator(location)]
Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_listed)]
Globs = Annotated[Listed, AfterValidator(_globs)]
Hosts = Annotated[Listed, AfterValidator(_hosts)]


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
    home_name: Annotated[Text, AfterValidator(_home_name)] = "home"
    influxdb_token: Secret | None = None
    influxdb_org: Text | None = None
    influxdb_ca_file: CaFile | None = None
    influxdb_bucket: Annotated[Text, AfterValidator(_bucket)] = _BUCKET
    influxdb_url: InfluxDBUrl | None = Field(default=None, validate_default=True)
    retention_days: int = Field(default=0, ge=0, le=36_500, description="0 keeps everything for ever")
    weather_provider: Annotated[Literal["openweathermap", "none"], BeforeValidator(_word)] = "openweathermap"
    weather_api_key: Secret | None = None
    weather_base_url: WeatherUrl = "https://api.openweathermap.org"
    weather_location: Location | None = None
    weather_cache_minutes: float = Field(default=15, ge=1, le=1440)
    weather_on_events: bool = True
    include: Globs = ()
    exclude: Globs = ()
    attributes: Annotated[Literal["json", "none"], BeforeValidator(_word)] = "json"
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
    log_level: Annotated[Literal["debug", "info", "warning", "error"], BeforeValidator(_word)] = "info"
    log_format: Annotated[Literal["auto", "json", "console"], BeforeValidator(_word)] = "auto"

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
            certificate_name=self.ha_certificate_name,
            include=self.include,
            exclude=self.exclude,
        )
        return (home,)

    def current_token(self) -> str:
        """Return Home Assistant's token as it is now: a file that `HA_TOKEN_FILE` names may have changed since."""
        token = self.ha_token.get_secret_value()
        if self.ha_token_file is not None:
            with suppress(OSError, ValueError):  # being replaced: the token that we know will do until then
                token = clean_secret(self.ha_token_file.read_text(encoding="utf-8"))
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
        """Return the secrets whose `NAME_FILE` is set, or what keeps each from being read."""
        return {name: _read(name, path) for name in SECRETS if (path := self._named.get(f"{name}_file"))}


def _read(name: str, path: str) -> str | _Unreadable:
    whose = f"{name.upper()}_FILE, {path}"
    try:
        text = Path(path).expanduser().read_text(encoding="utf-8")
    except (OSError, RuntimeError, ValueError) as error:
        return _Unreadable(f"cannot read {whose} ({type(error).__name__})")
    return text if text.strip(_AROUND_SECRETS) else _Unreadable(f"{whose}, is empty")


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
