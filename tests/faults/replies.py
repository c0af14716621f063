"""The answers that a proxy gives in a server's place."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import trio

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """What a client asked."""

    head: bytes
    body: bytes

    @property
    def writes(self) -> bool:
        """Whether it is a write of points."""
        return self.head.startswith(b"POST ") and b"/write" in self.head.split(b"\r\n", 1)[0]


@dataclass(frozen=True)
class Reply:
    """What it is answered, instead of the server's own answer: a `body`, or a message in a body as InfluxDB's."""

    status: int
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    def encoded(self) -> bytes:
        """Return it as bytes."""
        body = self.body or f'{{"code":"{HTTPStatus(self.status).phrase.lower()}","message":"{self.message}"}}'
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **self.headers}
        lines = [f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}", *map(": ".join, headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


Judge = Callable[[Request], Reply | None]
"""Answers a request in the server's place, or lets it pass with none."""


async def passed_on(
    client: trio.SocketStream, judge: Judge, reply: Callable[[bytes], Awaitable[None]]
) -> AsyncGenerator[bytes]:
    """Yield the requests that no judge answered, as they came. They have a length, and wait for their answers."""
    held = b""
    async for data in client:
        held += data
        while (request := _whole(held)) is not None:
            size = len(request.head) + len(request.body)
            answer = judge(request)
            if answer is None:
                yield held[:size]
            else:
                await reply(answer.encoded())
            held = held[size:]


def _whole(held: bytes) -> Request | None:
    end = held.find(b"\r\n\r\n") + 4
    if end < 4:
        return None
    found = _LENGTH.search(held, 0, end)
    size = end + int(found[1]) if found else end
    return Request(held[:end], held[end:size]) if len(held) >= size else None
