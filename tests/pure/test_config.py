from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from ingestor import config
from ingestor.config import secrets
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
        "HA_URL": "ftp://home.local",
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
        "HA_URL: must be an address like http://192.168.1.10:8123",
        "HOME_NAME: must be 1 to 64 letters, digits, _ and - (no blanks, no accents)",
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
        "HA_URL: must be an address like http://192.168.1.10:8123"
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


@pytest.mark.parametrize("name", [*(name.upper() for name in config.SECRETS), "HA_URL", "INFLUXDB_URL", "INFLUXDB_ORG",
                                  "INFLUXDB_BUCKET", "WEATHER_BASE_URL", "HA_CERTIFICATE_NAME"])  # fmt: skip
def test_what_fits_in_no_request_is_refused_by_its_name(name: str, tmp_path: Path) -> None:
    influxdb = {"INFLUXDB_URL": "http://db", "INFLUXDB_TOKEN": "t", "INFLUXDB_ORG": "o"}
    said = mistakes(tmp_path, **(GOOD | influxdb | {name: f"http://s3cret.{'x' * 70_000}"}))
    assert said == [f"{name}: is longer than 4,096 characters"]


def test_secrets_come_from_files_that_the_environment_or_the_env_file_names(tmp_path: Path) -> None:
    for name in ("ha", "weather"):
        (tmp_path / name).write_text(f"secret-of-{name}\n")
    (tmp_path / ".env").write_text(f"HA_URL=http://home.local\nHA_TOKEN_FILE={tmp_path / 'ha'}\nHA_TOKEN=less\n")
    with environment(tmp_path, WEATHER_API_KEY_FILE=str(tmp_path / "weather")):
        settings = config.load()
    assert settings.weather_api_key is not None
    assert settings.weather_api_key.get_secret_value() == "secret-of-weather"
    assert settings.ha_token.get_secret_value() == settings.current_token() == "secret-of-ha"


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


@pytest.mark.parametrize("name", [name.upper() for name in config.SECRETS])
def test_a_secret_may_come_through_a_pipe_and_is_not_waited_for_without_end(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    influxdb = {"INFLUXDB_URL": "http://db", "INFLUXDB_TOKEN": "t", "INFLUXDB_ORG": "o"}
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    given = GOOD | influxdb | {name: "", f"{name}_FILE": str(pipe)}
    writer = os.open(pipe, os.O_RDWR)
    os.write(writer, b"https://secret\n")
    monkeypatch.setattr(secrets, "PIPE_SECONDS", 0.01)
    assert mistakes(tmp_path, **given) == [f"{name}: cannot read {name}_FILE, {pipe} (TimeoutError)"]
    os.write(writer, b"https://secret\n")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    os.close(writer)
    with environment(tmp_path, **given):
        settings = config.load()
    os.close(reader)
    assert "https://secret" in settings.secrets
    assert settings.current_token() == settings.ha_token.get_secret_value()


def test_of_a_secret_file_without_end_only_the_beginning_is_read(tmp_path: Path) -> None:
    given = GOOD | {"HA_TOKEN": "", "HA_TOKEN_FILE": "/dev/zero"}
    assert mistakes(tmp_path, **given) == ["HA_TOKEN: HA_TOKEN_FILE, /dev/zero, is empty"]


def test_an_env_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"HA_TOKEN=\xff\xfe")
    assert mistakes(tmp_path, **GOOD) == [".env: cannot be read as text (UnicodeDecodeError)"]


def test_secrets_show_as_stars(tmp_path: Path) -> None:
    secrets = {name.upper(): f"https://s3cret-{name}" for name in config.SECRETS}
    influxdb = {"INFLUXDB_URL": "http://db", "INFLUXDB_ORG": "home"}
    with environment(tmp_path, HA_URL="http://home.local", **influxdb, **secrets):
        settings = config.load()
    assert "s3cret" not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_globs_and_places_are_taken_apart(tmp_path: Path) -> None:
    with environment(tmp_path, **GOOD, INCLUDE="sensor.*, light.a ,", WEATHER_LOCATION=" 52.370, 4.890"):
        settings = config.load()
    assert (settings.include, settings.exclude) == (("sensor.*", "light.a"), ())
    assert settings.weather_location == "52.37,4.89"


@pytest.mark.parametrize(("written", "understood"), [
    ("http://home.local:8123/", "http://home.local:8123"),
    (" https://home.example \n", "https://home.example"),
    ("ws://home.local:8123/api/websocket", "http://home.local:8123"),
    ("wss://home.example/api/websocket/", "https://home.example"),
    ("HTTP://home.local:8123/api/", "http://home.local:8123"),
    ("homeassistant.local", "http://homeassistant.local:8123"),
    ("192.168.1.10:8124", "http://192.168.1.10:8124"),
    ("[fd12::5]", "http://[fd12::5]:8123"),
    ("http://[fd12::5]:8123", "http://[fd12::5]:8123"),
    ("'http://home.local:8123'", "http://home.local:8123"),
    ("https://home.example/behind/a/proxy/", "https://home.example/behind/a/proxy"),
])  # fmt: skip
def test_the_address_of_a_home_is_understood_as_people_write_it(written: str, understood: str, tmp_path: Path) -> None:
    with environment(tmp_path, **(GOOD | {"HA_URL": written})):
        assert config.load().ha_url == understood


@pytest.mark.parametrize(("written", "understood"), [
    ("http://db:8086/api/v2", "http://db:8086"), ("http://db:8086/api/v2/write", "http://db:8086"),
    ("http://db:8086/orgs/0a3de19feec85549/load-data", "http://db:8086"), ("db", "http://db:8086"),
    ("https://db.example/influx/", "https://db.example/influx"),
])  # fmt: skip
def test_the_address_of_influxdb_is_understood_as_people_write_it(
    written: str, understood: str, tmp_path: Path
) -> None:
    influxdb = {"INFLUXDB_URL": written, "INFLUXDB_TOKEN": "t", "INFLUXDB_ORG": "o"}
    with environment(tmp_path, **GOOD, **influxdb):
        assert config.load().influxdb_url == understood


@pytest.mark.parametrize("around", ["{}\n", "\r\n {}\t", '"{}"', "'{}'", "Bearer {}", "bearer  {}\n", "\ufeff{}\r\n",
                                    '\ufeff"Bearer {}"\n', "Token {}", "\u200b{}\u00a0"])  # fmt: skip
def test_what_is_copied_with_a_secret_is_no_part_of_it(around: str, tmp_path: Path) -> None:
    written = around.format("s3cret-token")
    file = tmp_path / "token"
    file.write_text(written, encoding="utf-8")
    for given in ({"HA_TOKEN": written}, {"HA_TOKEN_FILE": str(file)}):
        with environment(tmp_path, HA_URL="http://home.local", API_TOKEN=written, **given):
            settings = config.load()
        assert settings.ha_token.get_secret_value() == settings.current_token() == "s3cret-token"
        assert settings.api_token is not None
        assert settings.api_token.get_secret_value() == "s3cret-token"
        assert set(settings.secrets) == {"s3cret-token"}


@pytest.mark.parametrize(
    "secret", ["s3cret token", "s3cret\ntoken", "s3cret-t\u00f6ken", "s3cret\x07token", "s3cret-\u2019"]
)
@pytest.mark.parametrize("name", [name.upper() for name in config.SECRETS])
def test_what_no_secret_can_be_is_refused_by_its_name_and_not_shown(name: str, secret: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(secret, encoding="utf-8")
    influxdb = {"INFLUXDB_URL": "http://db", "INFLUXDB_TOKEN": "t", "INFLUXDB_ORG": "o"}
    for given in ({name: secret}, {name: "", f"{name}_FILE": str(file)}):
        [said] = mistakes(tmp_path, **(GOOD | influxdb | given))
        assert said.startswith(f"{name}: holds a blank, a line break or a character that no token has")
        assert "s3cret" not in said


@pytest.mark.parametrize("name", [name.upper() for name in config.SECRETS])
def test_a_secret_file_that_is_empty_or_cannot_be_read_is_named(name: str, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    influxdb = {"INFLUXDB_URL": "http://db", "INFLUXDB_TOKEN": "t", "INFLUXDB_ORG": "o"}
    for content, said in ((b" \n", "is empty"), (b"\xff\xfe", "UnicodeDecodeError"), (None, "FileNotFoundError")):
        file.write_bytes(content) if content is not None else file.unlink()
        [mistake] = mistakes(tmp_path, **(GOOD | influxdb | {name: "", f"{name}_FILE": str(file)}))
        assert mistake.startswith(f"{name}: ")
        assert str(file) in mistake
        assert said in mistake


@pytest.mark.parametrize(("written", "meant"), [
    ("INCLUD", "INCLUDE"), ("COMMIT_SECOND", "COMMIT_SECONDS"), ("INFLUX_URL", "INFLUXDB_URL"), ("HA_TOKN", "HA_TOKEN"),
    ("HA_TOKEN_FIEL", "HA_TOKEN_FILE"), ("LOGLEVEL", "LOG_LEVEL"), ("include_", "INCLUDE"),
])  # fmt: skip
def test_a_name_that_is_nearly_one_of_ours_is_told(written: str, meant: str, tmp_path: Path) -> None:
    said = f"{written.upper()}: is no setting; is {meant} meant?"
    assert mistakes(tmp_path, **GOOD | {"HA_TOKEN": "", written: "x"})[-1] == said
    if meant not in GOOD:
        with environment(tmp_path, **GOOD, **{written: "x"}):
            assert config.load().warnings == [said]
    (tmp_path / ".env").write_text(f"{written}=x\n")
    assert said in mistakes(tmp_path, HA_URL="http://home.local")
    if meant not in GOOD:
        assert mistakes(tmp_path, **GOOD) == [said]


def test_names_of_other_programs_are_theirs(tmp_path: Path) -> None:
    others = {"HOME_DIR": "x", "HOST": "x", "TOKEN": "x", "DATA": "x", "INFLUXDB_ADMIN_USER": "x", "API_KEY": "x"}
    with environment(tmp_path, **GOOD, **others):
        assert config.load().warnings == []
    influxdb = {"INFLUXDB_URL": "http://db", "INFLUXDB_TOKEN": "t", "INFLUXDB_ORG": "o"}
    with environment(tmp_path, **GOOD, **influxdb, INFLUX_TOKEN="of the influx command"):  # noqa: S106  as it says
        assert config.load().warnings == []


def test_words_and_paths_are_understood_as_people_write_them(tmp_path: Path) -> None:
    words = {"LOG_LEVEL": "INFO", "LOG_FORMAT": "Json", "ATTRIBUTES": "NONE", "WEATHER_PROVIDER": "None"}
    (tmp_path / "token").write_text("from-home")
    paths = {"HOME": str(tmp_path), "DATA_DIR": "~/data", "HA_TOKEN_FILE": "~/token"}
    with environment(tmp_path, HA_URL="http://home.local", **words, **paths):
        settings = config.load()
    assert (settings.log_level, settings.log_format, settings.attributes) == ("info", "json", "none")
    assert (settings.weather_provider, settings.data_dir) == ("none", tmp_path / "data")
    assert settings.current_token() == "from-home"


WRONG = {
    "HA_URL": ("http://home.local?token=x", "must not hold a query"),
    "HA_TOKEN": ("two words", "holds a blank"),
    "HA_TOKEN_FILE": ("~nobody-has-this-name/token", "cannot read HA_TOKEN_FILE"),
    "HA_CA_FILE": ("/nowhere", "there is no file /nowhere"),
    "HA_CERTIFICATE_NAME": ("https://home.local", "must be a name or an address"),
    "HOME_NAME": ("my home", "must be 1 to 64 letters"),
    "INFLUXDB_TOKEN": ("two words", "holds a blank"),
    "INFLUXDB_ORG": (" ", "needs INFLUXDB_ORG beside it"),
    "INFLUXDB_CA_FILE": (__file__, "holds no certificate"),
    "INFLUXDB_BUCKET": ("_internal", "must not be empty, begin with _"),
    "INFLUXDB_URL": ("ws://db", "must be an address like http://192.168.1.10:8086"),
    "RETENTION_DAYS": ("-1", "greater than or equal to 0"),
    "WEATHER_PROVIDER": ("windy", "'open-meteo' or 'none'"),
    "WEATHER_API_KEY": ("two words", "holds a blank"),
    "WEATHER_BASE_URL": ("file:///etc", "must be an address like https://"),
    "WEATHER_ENTITY": ("sensor.outside", "must be the id of a weather entity"),
    "WEATHER_LOCATION": ("91,0", "must be latitude,longitude"),
    "WEATHER_CACHE_MINUTES": ("nan", "less than or equal to 1440"),
    "WEATHER_ON_EVENTS": ("perhaps", "valid boolean"),
    "INCLUDE": ("sensor[", "must be entities or globs"),
    "EXCLUDE": ("lable:x", "no rule"),
    "ATTRIBUTES": ("some", "'json', 'all' or 'none'"),
    "EXCLUDE_ATTRIBUTES": ("entity picture", "must be globs of names of attributes"),
    "ATTRIBUTE_FIELDS": ("battery[", "must be globs of names of attributes"),
    "LOCATION": ("Berlin", "valid boolean"),
    "COMMIT_SECONDS": ("0", "greater than 0"),
    "BATCH_MAX_EVENTS": ("1.5", "valid integer"),
    "BATCH_MAX_SECONDS": ("soon", "valid number"),
    "SPOOL_MAX_BYTES": ("1000", "greater than or equal to 1048576"),
    "DATA_DIR": ("~nobody-has-this-name/data", "there is no home directory"),
    "API_HOST": ("http://0.0.0.0", "must be a name or an address"),
    "API_PORT": ("65536", "less than or equal to 65535"),
    "API_OPEN": ("perhaps", "valid boolean"),
    "API_HOSTS": ("http://ingestor.lan", "must be names like ingestor.lan"),
    "API_TOKEN": ("two words", "holds a blank"),
    "NOTIFY": ("everybody", "'none' or 'home_assistant'"),
    "HEARTBEAT_URL": ("hc-ping.com/uuid", "must be an address like https://"),
    "LOG_LEVEL": ("loud", "'debug', 'info', 'warning' or 'error'"),
    "LOG_FORMAT": ("xml", "'auto', 'json' or 'console'"),
}


def test_every_setting_has_a_wrong_value_here() -> None:
    assert {name.upper() for name in config.Settings.model_fields} == set(WRONG)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_value_is_told_by_its_name(name: str, tmp_path: Path) -> None:
    value, words = WRONG[name]
    good = {"HA_TOKEN": "" if name == "HA_TOKEN_FILE" else "t", "HA_URL": "http://home.local"}
    good |= {"INFLUXDB_URL": "http://db", "INFLUXDB_TOKEN": "t", "INFLUXDB_ORG": "o"}
    said = mistakes(tmp_path, **(good | {name: value}))
    assert [sentence for sentence in said if name in sentence and words in sentence] != []
    assert value != "two words" or value not in " ".join(said)


@pytest.mark.parametrize("host", ["127.0..0.1", ".local", "x" * 64])
def test_a_host_that_nobody_could_look_up_is_told(host: str, tmp_path: Path) -> None:
    for name in ("API_HOST", "HA_CERTIFICATE_NAME"):
        [said] = mistakes(tmp_path, HA_URL="http://home.local", HA_TOKEN="t", **{name: host})  # noqa: S106  it opens nothing
        assert said == f"{name}: must be a name or an address, without http:// before it"
