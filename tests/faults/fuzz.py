"""A service among peers that say anything: random requests, settings, and answers of every server that it asks.

`make fuzz TIMES=10000 SEED=1`, or `python -m tests.faults.fuzz --help`. One service lives through all of it. It has a
simulated home behind a proxy that changes what the home says, an InfluxDB and a weather service behind others, and
clients that ask its API for anything. After each kind of mutation the peers are good again, and then

- it lives, has crashed nowhere, and `/health` is 200; while every answer was bad it was 503;
- what every good event of the home says is stored, or given up by the ledger by name; nothing is stored twice;
- its memory is bounded, and no secret is in its log or its answers.

Half of the entities are spoken of in good frames only; what is said of the others is changed, doubled and garbled, in
between. Settings are tried in commands: each does its work, or says in sentences why not.
"""

from __future__ import annotations

import argparse
import secrets
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import ExitStack, redirect_stderr, redirect_stdout, suppress
from http import HTTPStatus
from io import StringIO
from itertools import count
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

import trio
from pydantic import SecretStr

from ingestor import cli
from ingestor.config import SECRETS
from ingestor.model.errors import IngestorError
from ingestor.weather.providers import OpenWeatherMap
from tests.faults.between import BetweenRequests, BetweenSockets, Says, Talk
from tests.faults.committed import in_quarantine
from tests.faults.databases import influxdb
from tests.faults.ledgers import Listed, told
from tests.faults.load import Load
from tests.faults.mutations import Mutations, encoded
from tests.servers.asking import CLIENT
from tests.servers.environment import environment
from tests.servers.ingestor import Ingestor
from tests.servers.logs import logged
from tests.servers.processes import wait_until
from tests.servers.samples import messages
from tests.servers.simulated_home import SimHome
from tests.servers.simulated_weather import SimWeather
from tests.servers.truth import Key, microseconds

SHARES = {"requests": 30, "settings": 15, "home": 35, "database": 15, "weather": 5}
"""Of all mutations, in percent."""
RATE = 50  # changes a second
MEBIBYTES = 400
PATIENCE_SECONDS = 150
LIVED_FRAMES = 120  # of a session that is not cut in its youth: the waits between the tries grow with each that is
API_TOKEN = "s3cret-token-of-the-api"  # noqa: S105  it opens nothing
SERVED = 10  # answers of the weather that the service gets: it asks once a second at most, and pauses after failures
SHOWN = 9  # characters of a secret that would be no chance
PAGE = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>"
ASKED: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/health", None),
    ("GET", "/metrics", None),
    ("GET", "/api/health", None),
    ("GET", "/api/stats", None),
    ("GET", "/api/events/recent?limit=10&entity_id=sensor.sim_temperature_0", None),
    ("GET", "/api/gaps?limit=5&before=9&home=home", None),
    ("GET", "/api/config", None),
    ("PUT", "/api/config", {"retention_days": 400, "weather_cache_minutes": 30, "confirm": True}),
    ("GET", "/api/quarantine?limit=10&after=0", None),
    ("POST", "/api/quarantine/replay", {"ids": [1_000_000]}),
    ("POST", "/api/quarantine/drop", {"ids": [1_000_000]}),
    ("GET", "/api/jobs?limit=3", None),
    ("POST", "/api/audit", {"from": "2026-01-01T00:00:00+00:00", "to": "2026-01-01T01:00:00+00:00"}),
    ("POST", "/api/backfill", {"from": "2026-01-01T00:00:00+00:00", "to": "2026-01-01T01:00:00+00:00"}),
    ("GET", "/openapi.json", None),
)
COMMANDS = (["jobs"], ["quarantine", "list"], ["audit"], ["check"])
GOOD = {
    "HA_URL": "http://127.0.0.1:9", "HA_TOKEN": "s3cret-token-of-the-home", "HA_CERTIFICATE_NAME": "home.lan",
    "HOME_NAME": "home", "INFLUXDB_URL": "http://127.0.0.1:9", "INFLUXDB_ORG": "home", "INFLUXDB_BUCKET": "bucket",
    "RETENTION_DAYS": "30", "WEATHER_PROVIDER": "openweathermap", "WEATHER_BASE_URL": "http://127.0.0.1:9",
    "WEATHER_LOCATION": "52.37,4.89", "WEATHER_CACHE_MINUTES": "15", "WEATHER_ON_EVENTS": "true",
    "INCLUDE": "sensor.*,light.kitchen_*", "EXCLUDE": "sensor.noise", "ATTRIBUTES": "json", "COMMIT_SECONDS": "1",
    "BATCH_MAX_EVENTS": "5000", "BATCH_MAX_SECONDS": "0.1", "SPOOL_MAX_BYTES": "536870912", "DATA_DIR": "data",
    "API_HOST": "127.0.0.1", "API_PORT": "8080", "API_HOSTS": "ingestor.lan,ingestor", "LOG_LEVEL": "info",
    "LOG_FORMAT": "auto", "INFLUXDB_TOKEN": "s3cret-token-of-influxdb", "WEATHER_API_KEY": "s3cret-key-of-the-weather",
    "API_TOKEN": API_TOKEN, "HEARTBEAT_URL": "http://127.0.0.1:9/s3cret-way-of-the-heartbeat",
}  # fmt: skip
PEERS = ("HA_URL", "INFLUXDB_URL", "WEATHER_BASE_URL", "DATA_DIR")  # no strangers are asked, no other directory changed


class Story:
    """One service among its peers. `found` is what was not as promised, `figures` what was counted."""

    def __init__(self, directory: Path, seed: int, stack: ExitStack) -> None:
        self.random = Random(seed)
        self.mutations = Mutations(self.random)
        self.found: list[str] = []
        self.figures: Counter[str] = Counter()
        self.directory = directory
        self.home = SimHome(entities=68, seed=seed)
        self.database = influxdb(directory / "influxdb")
        weather = SimWeather()
        for peer in (self.home, weather):
            peer.start()
            stack.callback(peer.stop)
        stack.callback(self.database.close)
        self.sockets = BetweenSockets(self.home.url)
        self.front = BetweenRequests(self.database.port)
        self.sky = BetweenRequests(urlsplit(weather.settings["WEATHER_BASE_URL"]).port or 80)
        for between in (self.sockets, self.front, self.sky):
            between.start()
            stack.callback(between.stop)
        self.load = Load(self.home, RATE, seed, step_seconds=1)
        settings = self.database.settings(self.front.url) | weather.settings
        settings |= {"WEATHER_BASE_URL": self.sky.url, "HA_URL": self.sockets.url, "HA_TOKEN": self.home.token}
        settings |= {"API_TOKEN": API_TOKEN, "COMMIT_SECONDS": "0.1", "BATCH_MAX_SECONDS": "0.05"}
        self.service = Ingestor(directory / "service", **settings)
        stack.callback(self._end)
        self.weather_key = settings["WEATHER_API_KEY"]
        self.secrets = [settings[name.upper()] for name in SECRETS if name.upper() in settings]
        self.replaced: set[tuple[str, int]] = set()

    def live(self, times: int, kinds: Collection[str]) -> None:
        """Live through the share of these kinds of so many mutations."""
        self.service.start()
        self._until_healthy("the start")
        began_ns = time.time_ns()
        self.load.start()
        for kind in kinds:
            before, began = self.mutations.made, time.monotonic()
            getattr(self, f"_mutate_{kind}")(before + max(1, times * SHARES[kind] // 100))
            self.figures[kind] = self.mutations.made - before
            self._until_healthy(kind)
            sys.stderr.write(
                f"{kind}: {self.figures[kind]:,} in {time.monotonic() - began:.0f} s; wrong: {self.found}\n"
            )
        self.load.stop()
        self._judge(began_ns)

    def _mutate_requests(self, until: int) -> None:
        while self.mutations.made < until:
            method, path, body = self.random.choice(ASKED)
            content = b"" if body is None else encoded(body).encode()
            head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {API_TOKEN}\r\n"
            head += f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
            request = self.mutations.request(head.encode() + content)
            answer = self._answered(request)
            status = int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0
            self.figures[f"{status // 100}xx" if status else "unanswered"] += 1
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.SERVICE_UNAVAILABLE:
                self.found.append(f"{request[:300]!r} was answered {answer[:300]!r}")
            self._look_for_secrets(answer.decode(errors="replace"), f"the answer to {request[:300]!r}")

    def _mutate_settings(self, until: int) -> None:
        place = self.directory / "commands"
        place.mkdir()
        while self.mutations.made < until:
            given = self.mutations.settings(GOOD, fixed=PEERS)
            words = self.random.choice(COMMANDS)
            with environment(place, **given), logged(), redirect_stderr(StringIO()) as said, redirect_stdout(said):
                try:
                    code: object = int(cli.command(words))
                except BaseException as error:  # noqa: BLE001  which a user would see as a traceback
                    code = repr(error)
            told = said.getvalue()
            self.figures[f"exit {code}"] += 1
            if code not in {0, 1, 2} or not (code == 0 or told.strip()):
                other = {name: text for name, text in given.items() if text != GOOD[name]}
                self.found.append(f"{words} ended with {code} for {other!r:.500}: {told[-300:]}")
            for name in (name.upper() for name in SECRETS):
                elsewhere = any(given[name] in text for other, text in given.items() if other != name)
                if len(given[name]) >= SHOWN and given[name] in told and not elsewhere:
                    self.found.append(f"{words} shows {name}={given[name]!r:.100}")

    def _mutate_home(self, until: int) -> None:
        self.sockets.changes, self.sockets.refusal = self._said_otherwise, self._refusal
        wait_until(lambda: self.mutations.made >= until, "the home has said all", until / 2 + 60)
        self.sockets.changes, self.sockets.refusal = lambda _frame, _talk: [None], lambda: (502, [])
        self._until_unhealthy("websocket_client")

    def _mutate_database(self, until: int) -> None:
        self.front.changes = self._answer_otherwise
        while self.mutations.made < until:
            self._ask("GET", f"/api/events/recent?limit=5&entity_id=sensor.nobody_{self.random.randrange(9)}")
            if self.random.random() < 0.1:
                self._ask("PUT", "/api/config", retention_days=self.random.randrange(300, 400), confirm=True)
        self.front.changes = lambda _method, _path, _answer: PAGE
        self._until_unhealthy("database")

    def _mutate_weather(self, until: int) -> None:
        """Let the service hear some; the others its provider alone, which asks as often as we like."""
        answered, served = count(), min(until, self.mutations.made + SERVED)

        def change(_method: str, _path: str, answer: bytes) -> bytes:
            return (
                self.mutations.answer(answer) if next(answered) % 2 else answer
            )  # three failures in a row are a pause

        self.sky.changes = change
        while self.mutations.made < served:
            self._ask("PUT", "/api/config", weather_location=f"{self.random.uniform(-90, 90):.4f},4.9")
            time.sleep(0.02)
        provider = OpenWeatherMap(self.sky.url, SecretStr(self.weather_key))
        while self.mutations.made < until:
            try:
                said = repr(trio.run(provider.observe, "52.37,4.89"))
            except IngestorError as error:
                said = str(error)
            except Exception as error:  # noqa: BLE001  which no part of the service expects
                said = repr(error)
                self.found.append(f"the weather was answered with {said:.300}")
            self._look_for_secrets(said, "what is made of the weather")

    def _said_otherwise(self, frame: str, talk: Talk) -> list[Says]:
        said: list[Says] = []
        for message in messages(frame):
            said += self._messages_instead(message, talk)
        if talk.frames > LIVED_FRAMES and self.random.random() < 0.01:
            self.mutations.made += 1
            said.append(self.random.choice((None, b"\xff\xfe", "", "[", "x" * 2**20)))
        return said

    def _messages_instead(self, message: Any, talk: Talk) -> list[Says]:
        good, random = encoded(message), self.random
        asked = talk.asked.get(message.get("id", 0), "")
        match message:
            case {"type": "event", "event": {"event_type": "state_changed", "data": {"entity_id": entity_id}}}:
                if is_good(entity_id) or random.random() < 0.5:
                    return [good]
                bad = self._change(message)
                said: list[Says] = [random.choice((bad, good)), random.choice((bad, good))]
                if good not in said:
                    self.replaced.add(_key(message["event"]))
                return said
            case {"type": "result"} if asked.startswith(
                ("history/", "recorder/")
            ):  # a lie of the recorder is none of ours
                return [self.mutations.text(good)[:-1] if random.random() < 0.2 else good]
            case {"type": "result", "result": result} if random.random() < 0.15:
                return [encoded(message | {"result": self.mutations.value(result)})]
        return [self.mutations.json(message) if random.random() < 0.02 else good]

    def _change(self, message: Any) -> str:
        """Return the text of a change that is none, most often because of what it says of the states."""
        if self.random.random() < 0.3:
            return self.mutations.json(message)
        event = message["event"]
        return encoded(message | {"event": event | {"data": self.mutations.value(event["data"])}})

    def _refusal(self) -> tuple[int, list[tuple[bytes, bytes]]] | None:
        if self.random.random() < 0.7:
            return None
        self.mutations.made += 1
        status = self.random.choice((200, 301, 302, 400, 401, 404, 426, 500, 502, 503, 599))
        return status, self.random.choice(([], [(b"location", b"https://[::1]:8123/[red]")], [(b"x", b"y" * 9000)]))

    def _answer_otherwise(self, _method: str, _path: str, answer: bytes) -> bytes:
        if self.random.random() < 0.5:
            return answer
        if self.random.random() < 0.02:
            time.sleep(0.5)
        return self.mutations.answer(answer)

    def _judge(self, began_ns: int) -> None:
        truth = set(self.load.truth(began_ns))
        data = self.service.directory
        try:
            wait_until(lambda: told(data).open == 0, "no gap is open", PATIENCE_SECONDS, 0.5)
            wait_until(lambda: not self._absent(truth), "everything is stored or listed", 30, 0.5)
        except AssertionError as error:
            self.found.append(str(error))
        restarts = (self._asked("/api/health") or {}).get("restarts")
        peak = self.service.peak_mebibytes
        stopped = self.service.stop()
        absent = self._absent(truth) - in_quarantine(data)
        stored = {(row["entity_id"], row["time"]) for row in self.database.rows() if row["time"] >= began_ns}
        known = {entity_id for entity_id, _ in truth if is_good(entity_id)}
        doubled = {key for key in stored - truth if key[0] in known}
        self.figures.update(made=len(truth), stored=len(truth & stored), lost=len(absent), doubled=len(doubled))
        self.figures.update(listed=len(truth - stored - absent), peak_mebibytes=peak)
        self._look_for_secrets(self.service.log, "the log")
        for what, wrong in {
            f"crashed: {restarts}": restarts != {},
            f"ended with {stopped}": stopped != 0,
            f"lost {sorted(absent)[:3]}": bool(absent),
            f"stored twice, or never said: {sorted(doubled)[:3]}": bool(doubled),
            f"held {peak} MiB": peak > MEBIBYTES,
        }.items():
            if wrong:
                self.found.append(what)

    def _absent(self, truth: set[Key]) -> set[Key]:
        """Return what is neither stored nor given up by name; what was replaced was never said."""
        stored = {(row["entity_id"], row["time"]) for row in self.database.rows()}
        ledger = told(self.service.directory)
        absent = {key for key in truth - stored if (key[0], key[1] // 1000) not in self.replaced}
        return {key for key in absent if not any(_covers(one, key) for one in ledger.listed)}

    def _until_healthy(self, after: str) -> None:
        """Wait until it says so, with peers that are good again."""
        self.sockets.changes = self.sockets.refusal = self.front.changes = self.sky.changes = None
        self._wait(lambda: (self.service.get("/health") or {}).get("status") == "healthy", f"healthy after {after}")

    def _until_unhealthy(self, part: str) -> None:
        self._wait(lambda: part in (self.service.get("/health") or {}).get("problems", {}), f"{part} is a problem")

    def _wait(self, true: Callable[[], bool], what: str) -> None:
        try:
            wait_until(true, what, PATIENCE_SECONDS, 0.1)
        except AssertionError as error:
            self.found.append(f"{error}; exit code {self.service.exit_code}, {self.service.get('/health')}")

    def _ask(self, method: str, path: str, **body: Any) -> None:
        known = {"authorization": f"Bearer {API_TOKEN}"}
        answer = CLIENT.request(method, self.service.url + path, json=body or None, headers=known, timeout=60)
        if answer.status_code not in {200, 409, 503}:  # 409: the bucket of a database that says that it has none
            self.found.append(f"{method} {path} {body} was answered {answer.status_code} {answer.text[:300]}")
        self._look_for_secrets(answer.text, path)

    def _asked(self, path: str) -> Any:
        return CLIENT.get(self.service.url + path, headers={"authorization": f"Bearer {API_TOKEN}"}).json()

    def _answered(self, request: bytes) -> bytes:
        place = urlsplit(self.service.url)
        answer = b""
        with socket.create_connection((place.hostname, place.port), timeout=20) as connection, suppress(OSError):
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(65_536):
                answer += data
        return answer

    def _look_for_secrets(self, text: str, where: str) -> None:
        self.found += [f"{where} shows {secret}" for secret in self.secrets if secret in text]

    def _end(self) -> None:
        if self.service.exit_code is None:
            self.service.stop(signal.SIGKILL)


def is_good(entity_id: str) -> bool:
    """Return whether an entity is one that is spoken of in good frames only."""
    return crc32(entity_id.encode()) % 2 == 0


def lived(times: int, directory: Path, seed: int, kinds: Collection[str] = tuple(SHARES)) -> Story:
    """Return what became of a service after the share of these kinds of so many mutations."""
    with ExitStack() as stack:
        story = Story(directory, seed, stack)
        story.live(times, kinds)
        return story


def _key(event: Any) -> tuple[str, int]:
    new = event["data"]["new_state"]
    at = new["last_updated"] if new else event["time_fired"]
    return event["data"]["entity_id"], microseconds(at)


def _covers(listed: Listed, key: Key) -> bool:
    at_us = key[1] // 1000
    return listed.entity_id == key[0] and (listed.after_us or 0) <= at_us <= (listed.until_us or at_us)


def main() -> int:
    """Print the figures and what was not as promised; the exit code is 1 when there is any of that."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("--times", type=int, default=10_000, help="mutations")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6))
    parser.add_argument("--kinds", nargs="+", choices=SHARES, default=tuple(SHARES))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        story = lived(chosen.times, Path(name), chosen.seed, chosen.kinds)
        Path(tempfile.gettempdir(), f"fuzz-{chosen.seed}.log").write_text(story.service.log)
    figures = ", ".join(f"{what} {number:,}" for what, number in story.figures.items())
    sys.stdout.write(f"seed {chosen.seed}: {figures}\n" + "".join(f"WRONG: {one}\n" for one in story.found))
    return 1 if story.found else 0


if __name__ == "__main__":
    sys.exit(main())
