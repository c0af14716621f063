"""Home Assistant itself, installed once outside the repository, and a configuration with a user and a token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import sys
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import trio
from trio_websocket import open_websocket_url

from tests.servers.absence import Unobtainable, missing, output
from tests.servers.asking import CLIENT
from tests.servers.interpreters import interpreter
from tests.servers.processes import CACHE, Process, alone, brought, free_port, wait_until

VERSION = "2025.4.4"
PYTHON = "3.13"
NEEDED = ["home-assistant-frontend", "SQLAlchemy", "fnv-hash-fast", "psutil-home-assistant"]
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
{recorder}history:
zone:
person:
sun:
truth:
logger:
  default: warning
"""
MONTH_SECONDS = 30 * 86_400
_INSTALL_SECONDS = 3600
_HOME = CACHE / f"home-assistant-{VERSION}"
_CLIENT = "http://127.0.0.1/"


def installed() -> Path:
    """Return the `hass` of a virtual environment that holds it, made once, in the cache; else the test is left out."""
    if reason := why_not():
        missing(reason)
    return _HOME / "bin" / "hass"


@cache
def why_not() -> str:
    """Return why Home Assistant cannot be had here; nothing once it is installed. A process tries that once."""
    with alone("install"):
        try:
            if not (_HOME / "complete").exists() or not (_HOME / "bin" / "python").exists():
                _install(interpreter(PYTHON, CACHE))
        except Unobtainable as error:
            return f"Home Assistant {VERSION}, which needs Python {PYTHON} ({error})"
    return ""


def _install(python: Path) -> None:
    """Install it with a pip that ours installs: the Python may have none, and ours may be too old to run under it."""
    if not brought("c++", "g++"):
        raise Unobtainable("no C++ compiler, by which some of its packages are built: install Debian's package g++")
    shutil.rmtree(_HOME, ignore_errors=True)
    output([str(python), "-m", "venv", "--without-pip", str(_HOME)])
    [packages] = _HOME.glob("lib/python3*/site-packages")
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]  # half of its time
    output([sys.executable, *install, "--target", str(packages), "pip"])
    pip = [str(_HOME / "bin" / "python"), *install]
    output([*pip, "--no-deps", f"homeassistant=={VERSION}"])
    constraints = packages / "homeassistant" / "package_constraints.txt"
    output([*pip, "--constraint", str(constraints), f"homeassistant=={VERSION}", *NEEDED], seconds=_INSTALL_SECONDS)
    (_HOME / "complete").touch()


def template(hass: Path) -> Path:
    """Return a configuration with a user and a token; it is made once, in the cache."""
    made = CACHE / f"template-{VERSION}-3"
    with alone("template"):
        if not (made / "token").exists():
            making = made.with_suffix(f".{os.getpid()}")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir(parents=True)
            _onboard(hass, making)
            shutil.rmtree(made, ignore_errors=True)
            making.rename(made)
    return made


def _onboard(hass: Path, directory: Path) -> None:
    port = free_port()
    (directory / "configuration.yaml").write_text(CONFIGURATION.format(port=port, recorder="").replace("truth:\n", ""))
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
        token = trio.run(_long_lived_token, url, access)
    finally:
        process.stop()
    (directory / "token").write_text(_older(token, directory))
    for made in ("process.log", "home-assistant.log", "home-assistant_v2.db"):
        (directory / made).unlink(missing_ok=True)


def _answers(url: str) -> bool:
    try:
        return CLIENT.get(f"{url}/api/onboarding", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _post(url: str, **request: Any) -> Any:
    answer = CLIENT.post(url, timeout=30, **request)
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


def _older(token: str, directory: Path) -> str:
    """Return the token as if it had been made a month ago: it is valid also while the home's clock is behind."""
    head, said, _ = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(said + "=" * (-len(said) % 4)))
    auth = json.loads((directory / ".storage" / "auth").read_text())
    [key] = [one["jwt_key"] for one in auth["data"]["refresh_tokens"] if one["id"] == claims["iss"]]
    signed = f"{head}.{_base64(json.dumps(claims | {'iat': claims['iat'] - MONTH_SECONDS}).encode())}"
    return f"{signed}.{_base64(hmac.digest(key.encode(), signed.encode(), hashlib.sha256))}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
