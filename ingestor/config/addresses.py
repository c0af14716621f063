"""Addresses and the names of machines, as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr

from ingestor.config.secrets import Secret
from ingestor.config.values import Listed, Text, stripped


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches a host; of names that holds for `localhost` alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _address(default: str, *, port: int = 0, dropped: str = "(?!)", **schemes: str) -> Callable[[str], str]:
    """Return a reader of addresses, which may be written as they are met elsewhere.

    A bare host gets the `default` scheme and port, other `schemes` are replaced by theirs, and a path that matches
    `dropped` goes.
    """
    example = f"{default}://192.168.1.10" + (f":{port}" if port else "")

    def read(text: str) -> str:
        text = stripped(stripped(text).strip("\"'"))
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


def _host(text: str) -> str:
    try:
        text.encode("idna")  # as everything does that looks a name up
    except UnicodeError:
        text = ""
    if not re.fullmatch(r"[\w.:-]+", text):
        raise ValueError("must be a name or an address, without http:// before it")
    return text


def _hosts(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
            raise ValueError("must be names like ingestor.lan, separated by commas, without http:// and port")
    return names


def _secret_url(url: SecretStr) -> SecretStr:
    if _split(url.get_secret_value()) is None:
        raise ValueError("must be an address like https://hc-ping.com/your-uuid")
    return url


SecretUrl = Annotated[Secret, AfterValidator(_secret_url)]
HomeUrl = Annotated[
    str, AfterValidator(_address("http", port=8123, dropped="/api(/websocket)?", ws="http", wss="https"))
]
InfluxDBUrl = Annotated[str, AfterValidator(_address("http", port=8086, dropped="/api/v2(/write)?|/orgs/.*"))]
WeatherUrl = Annotated[str, AfterValidator(_address("https"))]
Host = Annotated[Text, AfterValidator(_host)]
Hosts = Annotated[Listed, AfterValidator(_hosts)]
