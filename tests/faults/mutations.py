"""Random mutations of what is said over a wire, and of settings: one thing in it is not as it should be. Pure.

Repeatable by their seed. `made` counts them. JSON is changed as a value, so that most of it still means what it meant,
and as text, so that it is none any more. The numbers, times and texts are those that programs stumble over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

_NESTED = "nested beyond any sense"
_LEVELS = 100_000
_LONG = 70_000
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 0.1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 2**64, 10**400, 1e308, -1e308, 5e-324,
    float("nan"), float("inf"), float("-inf"), "", " ", "\0", "\ud800", "\n\r\t", "漢字\u202e😀", "'\"\\", "NaN",
    [], [[]], {}, {"": None}, [None], _NESTED, "x" * _LONG, "1" * 400,
    "2026-01-01T00:00:00", "2026-01-01", "2261-12-31T23:59:59.999999+00:00", "2262-04-11T23:47:16.854775+00:00",
    "9999-12-31T23:59:59.999999-23:59", "0001-01-01T00:00:00+23:59", "2026-02-30T00:00:00+00:00",
    "1677-01-01T00:00:00Z", "../../etc/passwd", "%00%ff", "{}", "<html>", "' OR 1=1 --", "${HOME}", "__proto__",
)  # fmt: skip
_CHARACTERS = "\0\t\n\r \"'\\{}[](),:;=%&?#/<>-+.0169eE\x7f\x85\xa0\xb5ßÅ٢\u200b\u2028\ufeff漢😀"
_STATUS = (b"100", b"199", b"200", b"201", b"204", b"206", b"301", b"302", b"400", b"405", b"409", b"413", b"418",
           b"422", b"429", b"500", b"502", b"503", b"599", b"999", b"-1", b"abc", b"")  # fmt: skip
_HEADERS = (
    b"content-length: 0", b"content-length: 99999999999", b"content-length: -1", b"content-length: x",
    b"transfer-encoding: chunked", b"transfer-encoding: gzip, chunked", b"content-encoding: gzip",
    b"content-encoding: br", b"content-type: text/html", b"content-type: application/json; charset=utf-7",
    b"retry-after: 99999999999", b"retry-after: -1", b"retry-after: nan", b"retry-after: Thu, 01 Jan 1970 00:00:00 GMT",
    b"location: //[::1", b"location: \xff\xfe", b"x-influxdb-version: v2.9999999999999", b"no colon in it",
    b"x: " + b"y" * _LONG, b"\xff: \xff", b": nameless", b"www-authenticate: Basic", b"connection: close",
)  # fmt: skip


def encoded(value: Any) -> str:
    """Return a JSON value as text; of what JSON has no word for, the words that some programs use."""
    return json.dumps(value).replace(json.dumps(_NESTED), "[" * _LEVELS + "]" * _LEVELS)


class Mutations:
    """Makes them, by a source of chance."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.made = 0

    def value(self, value: Any) -> Any:
        """Return a JSON value in which one place is another."""
        self.made += 1
        return self._changed(value)

    def text(self, text: str) -> str:
        """Return a text in which one place is another."""
        self.made += 1
        return str(self._spoiled(text, self._characters))

    def json(self, value: Any) -> str:
        """Return the text of a JSON value, changed as one or the other."""
        if self.random.random() < 0.3:
            return self.text(encoded(value))
        return encoded(self.value(value))

    def answer(self, answer: bytes) -> bytes:
        """Return an answer of HTTP with another status, header or body, or only a part of it."""
        return self._message(answer, self._status)

    def request(self, request: bytes) -> bytes:
        """Return a request of HTTP with another first line, header or body, or only a part of it."""
        return self._message(request, lambda line: self._spoiled(line, self._bytes))

    def settings(self, good: Mapping[str, str], *, fixed: Sequence[str]) -> dict[str, str]:
        """Return settings of which one, two or three are others, never those that are `fixed`."""
        self.made += 1
        changed = dict(good)
        for name in self.random.sample(sorted(good.keys() - set(fixed)), self.random.choice((1, 1, 2, 3))):
            odd = self.random.choice([text for text in (*map(str, ODD), "\udcff") if _may_be_in_an_environment(text)])
            changed[name] = odd if self.random.random() < 0.5 else self._spoiled(good[name], self._printable)
        return changed

    def _changed(self, value: Any) -> Any:
        deeper = self.random.random() < 0.9
        if isinstance(value, dict) and value and deeper:
            return self._changed_object(value)
        if isinstance(value, list) and value and deeper:
            place = self.random.randrange(len(value))
            replaced = self.random.choice(([], value[place : place + 1] * 2, [self._changed(value[place])]))
            return [*value[:place], *replaced, *value[place + 1 :]]
        return self.random.choice(ODD)

    def _changed_object(self, value: dict[str, Any]) -> dict[str, Any]:
        name = self.random.choice(list(value))
        match self.random.randrange(10):
            case 0:
                return {of: one for of, one in value.items() if of != name}
            case 1:
                return value | {str(self.random.choice(ODD))[:99]: value[name]}
            case 2:
                return value | {name: value[self.random.choice(list(value))]}
        return value | {name: self._changed(value[name])}

    def _spoiled(self, text: Any, drawn: Callable[[], Any]) -> Any:
        """Return a text, or bytes, of which a part is gone, doubled, replaced, or all that there is."""
        low, high = sorted(self.random.randrange(len(text) + 1) for _ in range(2))
        match self.random.randrange(6):
            case 0:
                return text[:low]
            case 1:
                return text[:low] + text[high:]
            case 2:
                return text[:high] + text[low:]
            case 3:
                return text[low:high]
            case 4:
                return text[:low] + drawn() * self.random.choice((1, 2, 300)) + text[low:]
        return text[:low] + drawn() + text[low + 1 :]

    def _message(self, message: bytes, spoil: Callable[[bytes], bytes]) -> bytes:
        self.made += 1
        head, _, body = message.partition(b"\r\n\r\n")
        first, *headers = head.split(b"\r\n")
        match self.random.randrange(8):
            case 0:
                return self._spoiled(message, self._bytes)  # type: ignore[no-any-return]  # bytes of bytes
            case 1 | 2:
                first = spoil(first)
            case 3:
                headers.insert(self.random.randrange(len(headers) + 1), self.random.choice(_HEADERS))
            case 4 if headers:
                del headers[self.random.randrange(len(headers))]
            case _:
                body = self._body(body)
                headers = [one for one in headers if not one.lower().startswith((b"content-length", b"transfer-"))]
                headers.append(b"content-length: %d" % len(body))
        return b"\r\n".join((first, *headers)) + b"\r\n\r\n" + body

    def _body(self, body: bytes) -> bytes:
        try:
            value = json.loads(body)
        except ValueError:
            return self._spoiled(body, self._bytes)  # type: ignore[no-any-return]  # bytes of bytes
        if self.random.random() < 0.2:
            return self._spoiled(body, self._bytes)  # type: ignore[no-any-return]  # bytes of bytes
        return encoded(self._changed(value)).encode()

    def _status(self, line: bytes) -> bytes:
        return line.split(b" ")[0] + b" " + self.random.choice(_STATUS) + b" Some"

    def _characters(self) -> str:
        return self.random.choice(_CHARACTERS)

    def _printable(self) -> str:
        return self.random.choice(_CHARACTERS.replace("\0", ""))

    def _bytes(self) -> bytes:
        return self.random.randbytes(1)


def _may_be_in_an_environment(text: str) -> bool:
    return "\0" not in text and "\ud800" not in text
