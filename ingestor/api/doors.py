"""Who may come in, and with how much: decided for each request before its body is read and before any route sees it.

    403   `Host` is no name of ours, or `Origin` is another page: what a browser shows must not reach the API, nor by a
          name of its own that suddenly leads to this machine (DNS rebinding)
    400   a body that was cut off
    401   under `/api` without `API_TOKEN`, where there is one
    413   a body of more than `BODY_BYTES`
    408   a body that takes longer than `BODY_SECONDS`

What comes in has its body whole. The body of a request for anything else than `/api`, which anybody may read, is left
unread.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from hmac import compare_digest
from ipaddress import ip_address
from socket import gethostname

import trio
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingestor.api.errors import failure
from ingestor.config import Settings, is_loopback
from ingestor.model.errors import UsageError
from metrics.codes import ErrorCode

BODY_BYTES = 1024 * 1024
BODY_SECONDS = 10.0
GUARDED = "/api/"
_HOST = re.compile(r"([a-z0-9._-]+|\[[0-9a-f:.]+])(?::[0-9]*)?")


class Names:
    """The names under which the API may be asked: those of this machine, and what `API_HOSTS` says.

    Where other machines reach it, any address will do as a name: no page can have an address of ours as its own.
    """

    def __init__(self, api_host: str, more: Collection[str]) -> None:
        self._more = {name.lower() for name in more}
        self._is_open = not is_loopback(api_host)
        if self._is_open:
            own = gethostname().lower()
            self._more |= {api_host.lower(), own, f"{own}.local"}

    def admit(self, host: str, origin: str | None) -> bool:
        """Return whether a request with these headers is no page's of somebody else."""
        page = host if origin is None else origin.partition("://")[2]
        return self._is_ours(_name(host)) and (page.lower() == host.lower() or _name(page) in self._more)

    def _is_ours(self, name: str) -> bool:
        return bool(name) and (is_loopback(name) or name in self._more or (self._is_open and _is_address(name)))


class Doors:
    """The application behind its doors."""

    def __init__(self, inside: ASGIApp, settings: Settings) -> None:
        self._inside = inside
        self._names = Names(settings.api_host, settings.api_hosts)
        token = settings.api_token
        self._token = None if token is None else token.get_secret_value().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that may not come in; pass on any other, with its body."""
        headers = _joined(scope["headers"])
        is_guarded = scope["path"].startswith(GUARDED)
        refusal = self._refusal(headers, is_guarded=is_guarded)
        body = b""
        if refusal is None and is_guarded:
            try:
                body = await _body(int(headers.get("content-length", 0)), receive)
            except _BodyRefused as refused:
                refusal = refused.answer
        if refusal is None:
            await self._inside(scope, _at_once(body), send)
        else:
            await refusal(scope, receive, send)

    def _refusal(self, headers: Mapping[str, str], *, is_guarded: bool) -> Response | None:
        if not self._names.admit(headers.get("host", ""), headers.get("origin")):
            return _refused(403, ErrorCode.FORBIDDEN, "Host or Origin is no name of this service", hint=None)
        if is_guarded and not self._knows(headers.get("authorization", "")):
            answer = _refused(401, ErrorCode.UNAUTHORIZED, "this needs API_TOKEN as a bearer token")
            answer.headers["www-authenticate"] = "Bearer"
            return answer
        return None

    def _knows(self, authorization: str) -> bool:
        if self._token is None:
            return True
        scheme, _, given = authorization.partition(" ")
        return scheme.lower() == "bearer" and compare_digest(given.strip().encode("latin-1"), self._token)


class _BodyRefused(Exception):
    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


async def _body(announced_bytes: int, receive: Receive) -> bytes:
    """Return the whole body, or raise why not."""
    body, is_whole = bytearray(), False
    try:
        with trio.fail_after(BODY_SECONDS):
            while not is_whole:
                if max(len(body), announced_bytes) > BODY_BYTES:
                    sentence = f"a body has at most {BODY_BYTES} bytes"
                    raise _BodyRefused(_refused(413, ErrorCode.TOO_LARGE, sentence))
                part = await receive()
                if part["type"] == "http.disconnect":
                    raise _BodyRefused(_refused(400, ErrorCode.INVALID, "the body was cut off"))
                body += part.get("body", b"")
                is_whole = not part.get("more_body", False)
    except trio.TooSlowError:
        sentence = f"the body took longer than {BODY_SECONDS:g} seconds"
        raise _BodyRefused(_refused(408, ErrorCode.TIMEOUT, sentence)) from None
    return bytes(body)


def _joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Return the headers by name. One that is there twice has both values: it is not what a single one says."""
    joined: dict[str, str] = {}
    for name, value in headers:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        joined[key] = f"{joined[key]}, {text}" if key in joined else text
    return joined


def _at_once(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _refused(status: int, code: ErrorCode, sentence: str, hint: str | None = "") -> Response:
    return failure(status, UsageError(sentence, code=code, hint=hint))


def _name(host: str) -> str:
    """Return the name in a `Host`, without its port; nothing where there is none."""
    found = _HOST.fullmatch(host.lower())
    return found[1].strip("[]") if found else ""


def _is_address(name: str) -> bool:
    try:
        return bool(ip_address(name))
    except ValueError:
        return False
