"""A configuration of Home Assistant with a user and a token, made once by each release, in the cache."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import trio
from trio_websocket import open_websocket_url

from tests.servers.asking import CLIENT
from tests.servers.processes import CACHE, Process, alone, free_port, wait_until
from tests.servers.releases import Release

_CONFIGURATION = """
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
logger:
  default: warning
"""
_HTTP = {  # a port that only the YAML names is on trial since 2026: after five minutes it is taken back
    "server_host": ["127.0.0.1"],
    "cors_allowed_origins": [],
    "login_attempts_threshold": -1,
    "ip_ban_enabled": True,
    "ssl_profile": "intermediate_v6",
    "use_x_frame_options": True,
    "created_at": "2026-01-01T00:00:00+00:00",
    "error": None,
    "error_message": None,
}
STARTS_SECONDS = 240  # it takes 5, but not where others are busy
MONTH_SECONDS = 30 * 86_400
_CLIENT = "http://127.0.0.1/"


def configure(directory: Path, port: int, *, recorder: str = "", more: str = "") -> None:
    """Write the configuration of a home that serves at a port, in the files that any release reads."""
    (directory / "configuration.yaml").write_text(_CONFIGURATION.format(port=port, recorder=recorder) + more)
    http = {"stable": _HTTP | {"server_port": port}, "pending": None, "yaml_migration_done": True}
    stored = {"version": 3, "minor_version": 1, "key": "http", "data": http}
    (directory / ".storage").mkdir(exist_ok=True)
    (directory / ".storage" / "http").write_text(json.dumps(stored))


def template(release: Release) -> Path:
    """Return a configuration with a user and a token; it is made once, in the cache."""
    made = CACHE / f"template-{release.version}-4"
    with alone("template"):
        if not (made / "token").exists():
            making = made.with_suffix(f".{os.getpid()}")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir(parents=True)
            _onboard(release, making)
            shutil.rmtree(made, ignore_errors=True)
            making.rename(made)
    return made


def runs(url: str, token: str) -> bool:
    """Return whether it has started up. It answers earlier, and what it is told to then, like to stop, may be lost."""
    try:
        answer = CLIENT.get(f"{url}/api/config", headers={"Authorization": f"Bearer {token}"}, timeout=5)
        return bool(answer.json()["state"] == "RUNNING")
    except (httpx.HTTPError, ValueError):
        return False


def _onboard(release: Release, directory: Path) -> None:
    port = free_port()
    configure(directory, port)
    process = Process([*release.command, "-c", str(directory)], directory)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: _answers(url), "Home Assistant answers", STARTS_SECONDS)
        user = {"name": "Owner", "username": "owner", "password": "owner-password", "language": "en"}
        code = _post(f"{url}/api/onboarding/users", json={"client_id": _CLIENT, **user})["auth_code"]
        form = urlencode({"grant_type": "authorization_code", "code": code, "client_id": _CLIENT})
        kind = {"content-type": "application/x-www-form-urlencoded"}
        access = _post(f"{url}/auth/token", content=form, headers=kind)["access_token"]
        headers = {"Authorization": f"Bearer {access}"}
        for step in ("analytics", "integration"):
            _post(f"{url}/api/onboarding/{step}", json={"client_id": _CLIENT, "redirect_uri": _CLIENT}, headers=headers)
        token = trio.run(_long_lived_token, url, access)
        wait_until(lambda: runs(url, access), "Home Assistant runs", STARTS_SECONDS)
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
