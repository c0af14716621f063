"""Home Assistant itself, installed once outside the repository, and a configuration with a user and a token."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import trio
from trio_websocket import open_websocket_url

from tests.servers.processes import CACHE, Process, alone, free_port, missing, wait_until

VERSION = "2025.4.4"
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
_CLIENT = "http://127.0.0.1/"


def installed() -> Path:
    """Return the `hass` of a virtual environment that holds it; it is made once, in the cache."""
    home = CACHE / f"home-assistant-{VERSION}"
    with alone("install"):
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
