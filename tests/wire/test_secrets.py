"""No secret in a log, an error, a repr or an answer, whatever fails."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest
import trio
from pydantic import SecretStr

from ingestor import cli
from ingestor.assembly.files import STATE
from ingestor.assembly.home import weather_sources
from ingestor.config import load
from ingestor.homeassistant.endpoint import Endpoint
from ingestor.storage.database import Database
from ingestor.storage.influxdb import InfluxDBStore
from ingestor.storage.settings import SettingsStore
from metrics import facts
from metrics.codes import ErrorCode
from metrics.log import LogReporter
from supervisors import ChildFailed
from tests.actors.crashes import crash
from tests.actors.trees import running
from tests.servers.commands import command
from tests.servers.influxdb2.server import influxdb2
from tests.servers.logs import logged

SECRETS = {
    "ha_token": "s3cret-token-of-home-assistant." + "x1" * 80,
    "influxdb_token": "s3cret-token-of-influxdb",
    "weather_api_key": "s3cret-key-of-the-weather",
    "api_token": "s3cret-token-of-the-api",
}
PATHS = ("/health", "/metrics", "/api/health", "/api/stats", "/api/config", "/api/events/recent", "/openapi.json")


AWKWARD = {
    "ha_token": """s3cret"of'home\\assistant+%/=&?#{}""",
    "influxdb_token": "s3cret+of/influxdb==",
    "weather_api_key": "s3cret&key=of the/weather".replace(" ", "%"),
    "api_token": "s3cret'of\"the`api\\n",
}


class Echo(BaseHTTPRequestHandler):
    """Answers every request with an error that says all of the request again, in every way that servers have."""

    def _answer(self) -> None:
        asked = f"{self.path} {self.headers['Authorization']}"
        forms = [asked, json.dumps(asked), repr(asked), quote(asked), base64.b64encode(asked.encode()).decode()]
        text = "\n".join(forms[::-1] if self.client_address[1] % 4 < 2 else forms).encode()
        self.send_response(500)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = _answer  # noqa: N815  the standard library's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the standard library's name
        """Say nothing."""


@pytest.fixture
def echo() -> Generator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def shown(text: str, secrets: Iterable[str]) -> list[str]:
    """Return the forms of secrets that a text shows: of each, whole or its longest part without special characters."""
    found = []
    for secret in secrets:
        encoded = [base64.b64encode(b"x" * offset + secret.encode()).decode()[4:20] for offset in range(3)]
        found += [form for form in (secret, quote(secret), repr(secret)[1:-1], *encoded) if form in text]
    return found + ["s3cret"] * ("s3cret" in text)


async def test_servers_that_say_secrets_again_are_quoted_without_them(echo: str, tmp_path: Path) -> None:
    known = {"authorization": f"Bearer {AWKWARD['api_token']}"}
    refusing = {"influxdb_url": echo, "influxdb_org": "home", "weather_base_url": echo, "weather_location": "52,5"}
    async with running(tmp_path, ha_url=echo, log_level="debug", **refusing, **AWKWARD) as tree:
        for kind in (facts.ConnectFailed, facts.StoreFailed, facts.WeatherFailed):
            await tree.heard.wait(kind, seconds=5)
        answers = [await tree.request("GET", path, headers=given) for given in ({}, known) for path in PATHS]
        told = [answer.text for answer in answers] + [repr(fact) for fact in tree.heard.facts]
        log = tree.log.getvalue()
    assert "***" in log
    assert [form for text in (*told, log) for form in shown(text, AWKWARD.values())] == []


def test_no_command_shows_a_secret_that_a_server_says_again(echo: str, tmp_path: Path) -> None:
    settings = {
        "HA_URL": echo,
        "INFLUXDB_URL": echo,
        "INFLUXDB_ORG": "home",
        "WEATHER_BASE_URL": echo,
        "WEATHER_PROVIDER": "auto",
    }
    settings |= {"DATA_DIR": str(tmp_path / "data"), **{name.upper(): secret for name, secret in AWKWARD.items()}}
    for words in (["check"], ["quarantine", "list"], ["audit"], ["audit", "--from", "2026-01-01"], ["jobs"]):
        code, said = command(tmp_path, *words, **settings)
        assert (code in {0, 1, 2}, shown(said, AWKWARD.values()), "Traceback" in said) == (True, [], False), said


async def test_a_service_in_which_everything_fails_tells_no_secret(tmp_path: Path) -> None:
    known = {"authorization": f"Bearer {SECRETS['api_token']}"}
    with influxdb2() as double:
        refusing = {"influxdb_url": double.url, "influxdb_org": "home", "weather_base_url": double.url}
        refusing |= {"weather_location": "52,5", "log_level": "debug"}
        async with running(tmp_path, **refusing, **SECRETS) as tree:
            await tree.heard.wait(facts.ConnectFailed, seconds=5)
            await tree.heard.wait(facts.StoreFailed, seconds=5)
            await tree.heard.wait(facts.WeatherFailed, seconds=5)
            for actor in ("root/home:home/live/connection", "root/home:home/weather"):
                await crash(actor)
                await tree.until(lambda actor=actor: actor in tree.restarts())  # type: ignore[misc]  # bound by default
            answers = [await tree.request("GET", path, headers=given) for given in ({}, known) for path in PATHS]
            told = [answer.text for answer in answers] + [repr(fact) for fact in tree.heard.facts]
            log = tree.log.getvalue()
    assert "Traceback" in log or '"exception"' in log
    assert "s3cret" not in log
    assert [text for text in told if "s3cret" in text] == []


def test_nothing_that_holds_a_secret_shows_it(tmp_path: Path) -> None:
    influxdb = {"influxdb_url": "http://db", "influxdb_org": "home"}
    settings = load(_env_file=None, ha_url="http://home.local", data_dir=tmp_path, **influxdb, **SECRETS)
    state = Database(tmp_path / "state.sqlite3", STATE)
    holders = [
        settings,
        Endpoint(home="home", url=settings.ha_url, token=settings.current_token),
        InfluxDBStore(url="http://db", token=SecretStr("s3cret"), org="o", bucket="b", retention_days=0),
        weather_sources(settings).service,
        SettingsStore(settings, state, lambda _: None),
        state,
    ]
    trio.run(state.aclose)
    assert [type(holder) for holder in holders if "s3cret" in f"{holder!r} {holder}"] == []


def test_a_token_that_changes_is_a_secret_from_when_it_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, report = tmp_path / "token", LogReporter()
    settings = load(_env_file=None, ha_url="http://home.local", ha_token="first-s3cret", ha_token_file=file)  # noqa: S106  it opens nothing
    with logged():
        cli._configure_log(settings, "info")
        for content in ("first-s3cret", "first-s3cret-grown", "third-s3cret"):
            file.write_text(content)
            token = settings.current_token()
            refused = ErrorCode.CREDENTIALS_REFUSED
            report(facts.ConnectFailed(home="home", code=refused, detail=f"refused {token}", retry_seconds=1))
        report(ChildFailed(path=("root",), error=RuntimeError(f"first-s3cret, first-s3cret-grown, {token}")))
    said = capsys.readouterr().err
    assert said.count("ConnectFailed") == 3
    assert [word for word in ("s3cret", "grown", "third") if word in said + repr(settings)] == []
