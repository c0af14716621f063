from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from ingestor import config
from ingestor.model.errors import ConfigError
from tests.servers.environment import environment

GOOD = {"HA_URL": "http://home.local:8123/", "HA_TOKEN": "s3cret-token"}


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path) -> Generator[None]:
    with environment(tmp_path):
        yield


def mistakes(directory: Path, **variables: str) -> list[str]:
    with environment(directory, **variables), pytest.raises(ConfigError) as raised:
        config.load()
    return raised.value.mistakes


def test_address_and_token_are_enough(tmp_path: Path) -> None:
    with environment(tmp_path, **GOOD):
        settings = config.load()
    assert (settings.ha_url, settings.ha_token.get_secret_value()) == ("http://home.local:8123", "s3cret-token")
    assert (settings.influxdb_url, settings.retention_days, settings.api_port) == (None, 0, 8080)


def test_every_mistake_is_told_by_its_name_and_all_of_them_at_once(tmp_path: Path) -> None:
    wrong = {
        "HA_URL": "home.local",
        "HA_TOKEN_FILE": "/nowhere/token",
        "HA_CA_FILE": "/nowhere/ca.pem",
        "INFLUXDB_URL": "http://db:8086",
        "WEATHER_API_KEY_FILE": str(tmp_path),
        "WEATHER_LOCATION": "Amsterdam",
        "WEATHER_CACHE_MINUTES": "0",
        "RETENTION_DAYS": "many",
        "API_PORT": "70000",
        "LOG_LEVEL": "loud",
        "HOME_NAME": "my home",
    }
    assert sorted(mistakes(tmp_path, **wrong)) == [
        "API_PORT: Input should be less than or equal to 65535",
        "HA_CA_FILE: there is no file /nowhere/ca.pem",
        "HA_TOKEN: cannot read HA_TOKEN_FILE, /nowhere/token (FileNotFoundError)",
        "HA_URL: must be an address like http://homeassistant.local:8123",
        "HOME_NAME: String should match pattern '^[A-Za-z0-9_-]{1,64}$'",
        "INFLUXDB_URL: needs INFLUXDB_TOKEN and INFLUXDB_ORG beside it",
        "LOG_LEVEL: Input should be 'debug', 'info', 'warning' or 'error'",
        "RETENTION_DAYS: Input should be a valid integer, unable to parse string as an integer",
        f"WEATHER_API_KEY: cannot read WEATHER_API_KEY_FILE, {tmp_path} (IsADirectoryError)",
        "WEATHER_CACHE_MINUTES: Input should be greater than or equal to 1",
        "WEATHER_LOCATION: must be latitude,longitude in degrees, like 52.37,4.89",
    ]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    assert mistakes(tmp_path) == ["HA_URL: is not set", "HA_TOKEN: is not set"]


@pytest.mark.parametrize(
    "url",
    [
        "http://host:99999",
        "http://host:port",
        "http://a..b",
        "http://a b",
        "ftp://a",
        "http://",
        f"http://{'a' * 64}.b",
    ],
)
def test_an_address_that_could_never_be_opened_is_a_mistake(url: str, tmp_path: Path) -> None:
    assert mistakes(tmp_path, **(GOOD | {"HA_URL": url})) == [
        "HA_URL: must be an address like http://homeassistant.local:8123"
    ]


@pytest.mark.parametrize(
    "variables",
    [
        {"HA_URL": "http://user:s3cret@home.local"},
        {"RETENTION_DAYS": "s3cret"},
        {"WEATHER_LOCATION": "s3cret"},
        {"INFLUXDB_BUCKET": "_s3cret"},
        {"LOG_LEVEL": "s3cret"},
        {"API_PORT": "s3cret"},
    ],
)
def test_no_mistake_echoes_what_was_given(variables: dict[str, str], tmp_path: Path) -> None:
    said = mistakes(tmp_path, **(GOOD | variables))
    assert [line.partition(":")[0] for line in said] == list(variables)
    assert "s3cret" not in " ".join(said)


def test_secrets_come_from_files_that_the_environment_or_the_env_file_names(tmp_path: Path) -> None:
    for name in ("ha", "weather"):
        (tmp_path / name).write_text(f"secret of {name}\n")
    (tmp_path / ".env").write_text(f"HA_URL=http://home.local\nHA_TOKEN_FILE={tmp_path / 'ha'}\nHA_TOKEN=less\n")
    with environment(tmp_path, WEATHER_API_KEY_FILE=str(tmp_path / "weather")):
        settings = config.load()
    assert settings.weather_api_key is not None
    assert settings.weather_api_key.get_secret_value() == "secret of weather"
    assert settings.ha_token.get_secret_value() == settings.current_token() == "secret of ha"


def test_the_token_is_read_anew_and_a_file_in_between_does_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first")
    with environment(tmp_path, HA_URL="http://home.local", HA_TOKEN_FILE=str(file)):
        settings = config.load()
    seen = []
    for content in (b"second\n", b"", b"\xff\xfe", None):
        file.write_bytes(content) if content is not None else file.unlink()
        seen.append(settings.current_token())
    assert seen == ["second", "first", "first", "first"]


def test_an_env_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"HA_TOKEN=\xff\xfe")
    assert mistakes(tmp_path, **GOOD) == [".env: cannot be read as text (UnicodeDecodeError)"]


def test_secrets_show_as_stars(tmp_path: Path) -> None:
    secrets = {name.upper(): f"s3cret-{name}" for name in config.SECRETS}
    with environment(tmp_path, HA_URL="http://home.local", **secrets):
        settings = config.load()
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_globs_and_places_are_taken_apart(tmp_path: Path) -> None:
    with environment(tmp_path, **GOOD, INCLUDE="sensor.*, light.a ,", WEATHER_LOCATION=" 52.370, 4.890"):
        settings = config.load()
    assert (settings.include, settings.exclude) == (("sensor.*", "light.a"), ())
    assert settings.weather_location == "52.37,4.89"
