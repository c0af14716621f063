"""A real Home Assistant, installed once outside the repository, with our component that keeps the list of truth."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import trio
from trio_websocket import open_websocket_url

from tests.servers.processes import CACHE, Process, free_port, missing, wait_until

VERSION = "2025.4.4"
NEEDED = ["home-assistant-frontend", "SQLAlchemy", "fnv-hash-fast", "psutil-home-assistant"]
COMPONENTS = Path(__file__).parent / "custom_components"
CONFIGURATION = """
homeassistant:
  name: Lab
  latitude: 52.0
  longitude: 5.0
  unit_system: metric
  time_zone: Europe/Amsterdam
  country: NL
  currency: EUR
http:
  server_host: 127.0.0.1
  server_port: {port}
api:
websocket_api:
config:
recorder:
history:
zone:
person:
sun:
truth:
logger:
  default: warning
"""
_RESTART = 100
_CLIENT = "http://127.0.0.1/"


class RealHome:
    """One running Home Assistant. `start` after `stop` or `kill` keeps its port, its data and its token.

    `more` is added to its configuration.
    """

    def __init__(self, directory: Path, *, more: str = "", environment: dict[str, str] | None = None) -> None:
        self.directory = directory
        self._more = more
        self._environment = environment
        self.port = free_port()
        self.token = ""
        self._hass = installed()
        self._process: Process | None = None
        shutil.copytree(_template(self._hass), directory, dirs_exist_ok=True)
        self._configure()
        self.token = (directory / "token").read_text()

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it runs and our component is ready."""
        self.spawn()
        wait_until(self._runs, "Home Assistant runs", 90)

    def spawn(self) -> None:
        """Start its process, without waiting."""
        (self.directory / "truth_ready").unlink(missing_ok=True)
        command = [str(self._hass.parent / "python"), str(self._hass), "-c", str(self.directory), "--skip-pip"]
        self._process = Process(command, self.directory, self._environment)

    def stop(self) -> None:
        """Stop it in order."""
        if self._process:
            self._process.stop()

    def restart(self) -> None:
        """Let it restart by its own service, which ends it with exit code 100."""
        assert self._process
        self.call("homeassistant", "restart")
        assert self._process.wait(60) == _RESTART
        self.start()

    def call(self, domain: str, service: str, **data: Any) -> None:
        """Call a service."""
        answer = httpx.post(
            f"{self.url}/api/services/{domain}/{service}", json=data, headers=self._headers(), timeout=60
        )
        answer.raise_for_status()

    def run(self, *, wait_seconds: float = 120, **options: Any) -> None:
        """Let the component make changes, and wait until they are made."""
        done = self.directory / "done"
        done.unlink(missing_ok=True)
        self.call("truth", "run", **options)
        wait_until(done.exists, "the changes are made", wait_seconds)

    def put(self, entity_id: str, state: str | None, **attributes: Any) -> None:
        """Give an entity a state; none removes it."""
        given = {"state": state, "attributes": attributes} if state is not None else {}
        self.call("truth", "put", entity_id=entity_id, **given)

    def truth(self) -> list[dict[str, Any]]:
        """Return everything that the bus said, in order."""
        mark = str(time.monotonic_ns())
        self.call("truth", "flush", mark=mark)
        flushed = self.directory / "flushed"
        wait_until(lambda: flushed.exists() and flushed.read_text() == mark, "the truth is written")
        return [json.loads(line) for line in (self.directory / "truth.jsonl").read_text().splitlines()]

    def news(self) -> list[dict[str, Any]]:
        """Return what the bus said since the last call, and forget it."""
        told = self.truth()
        (self.directory / "truth.jsonl").unlink()
        return told

    def _runs(self) -> bool:
        assert self._process
        if self._process.exit_code is not None:
            raise AssertionError(f"Home Assistant ended: {self._process.log.read_text()[-2000:]}")
        try:
            config = httpx.get(f"{self.url}/api/config", headers=self._headers(), timeout=5).json()
        except (httpx.HTTPError, ValueError):
            return False
        return config.get("state") == "RUNNING" and (self.directory / "truth_ready").exists()

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def _configure(self) -> None:
        (self.directory / "configuration.yaml").write_text(CONFIGURATION.format(port=self.port) + self._more)
        shutil.copytree(COMPONENTS, self.directory / "custom_components", dirs_exist_ok=True)


def installed() -> Path:
    """Return the `hass` of a virtual environment that holds it; it is made once, in the cache."""
    home = CACHE / f"home-assistant-{VERSION}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            _install(home)
    return home / "bin" / "hass"


def _install(home: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    subprocess.run([_python(), "-m", "venv", str(home)], check=True)
    pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--no-deps", f"homeassistant=={VERSION}"], check=True)
    [constraints] = home.glob("lib/python3*/site-packages/homeassistant/package_constraints.txt")
    subprocess.run([*pip, "--constraint", str(constraints), f"homeassistant=={VERSION}", *NEEDED], check=True)
    (home / "complete").touch()


def _python() -> str:
    """Return a Python 3.13: one that is named, one on the path, or one of pyenv's."""
    candidates = [os.environ.get("PYTHON313"), shutil.which("python3.13")]
    candidates += map(str, sorted((Path.home() / ".pyenv" / "versions").glob("3.13.*/bin/python")))
    for candidate in filter(None, candidates):
        asked = subprocess.run([candidate, "--version"], capture_output=True, text=True, check=False)
        if asked.returncode == 0 and asked.stdout.startswith("Python 3.13"):
            return candidate
    missing("there is no Python 3.13, which Home Assistant needs: put python3.13 on the PATH or name it in PYTHON313")
    raise AssertionError


def _template(hass: Path) -> Path:
    """Return a configuration with a user and a token; it is made once, in the cache."""
    template = CACHE / f"template-{VERSION}-2"
    if not (template / "token").exists():
        making = template.with_suffix(f".{os.getpid()}")
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        _onboard(hass, making)
        shutil.rmtree(template, ignore_errors=True)
        making.rename(template)
    return template


def _onboard(hass: Path, directory: Path) -> None:
    port = free_port()
    (directory / "configuration.yaml").write_text(CONFIGURATION.format(port=port).replace("truth:\n", ""))
    process = Process([str(hass.parent / "python"), str(hass), "-c", str(directory), "--skip-pip"], directory)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(url), "Home Assistant answers", 90)
        user = {"name": "Owner", "username": "owner", "password": "owner-password", "language": "en"}
        code = _post(f"{url}/api/onboarding/users", json={"client_id": _CLIENT, **user})["auth_code"]
        form = urlencode({"grant_type": "authorization_code", "code": code, "client_id": _CLIENT})
        kind = {"content-type": "application/x-www-form-urlencoded"}
        access = _post(f"{url}/auth/token", content=form, headers=kind)["access_token"]
        headers = {"Authorization": f"Bearer {access}"}
        for step in ("analytics", "integration"):
            _post(f"{url}/api/onboarding/{step}", json={"client_id": _CLIENT, "redirect_uri": _CLIENT}, headers=headers)
        (directory / "token").write_text(trio.run(_long_lived_token, url, access))
    finally:
        process.stop()
    for made in ("process.log", "home-assistant.log", "home-assistant_v2.db"):
        (directory / made).unlink(missing_ok=True)


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/onboarding", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _post(url: str, **request: Any) -> Any:
    answer = httpx.post(url, timeout=30, **request)
    answer.raise_for_status()
    return answer.json()


async def _long_lived_token(url: str, access: str) -> str:
    async with open_websocket_url(f"{url.replace('http', 'ws')}/api/websocket") as socket:
        await socket.get_message()
        await socket.send_message(json.dumps({"type": "auth", "access_token": access}))
        await socket.get_message()
        command = {"id": 1, "type": "auth/long_lived_access_token", "client_name": "ingestor", "lifespan": 3650}
        await socket.send_message(json.dumps(command))
        return str(json.loads(await socket.get_message())["result"])


if __name__ == "__main__":
    started = RealHome(Path(sys.argv[1] if len(sys.argv) > 1 else "real-home").resolve())
    started.start()
    print(f"export HA_URL={started.url} HA_TOKEN={started.token}", flush=True)  # noqa: T201  for the shell
    try:
        time.sleep(10**6)  # until Ctrl-C
    except KeyboardInterrupt:
        started.stop()
