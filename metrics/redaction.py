"""Secrets do not leave the process, in whichever of the forms that text takes on its way. Pure.

A secret may stand in a text as it is, escaped however often as by JSON or `repr`, quoted for a URL, or in base64. So
each of its characters is looked for in every spelling. In base64 it looks different at each of three offsets, and what
stands around it shines into its first and last characters.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

import msgspec

STARS = "***"
_SHORTEST = 4
_SHORTEST_ENCODED = 8
_LEADING = (0, 2, 3)  # characters of base64 that hold bits of so many bytes before the secret
_TRAILING = (0, 3, 2)  # those that hold bits of what follows, and padding, by the bytes of the last group


class Redactor:
    """Replaces these secrets in any text; what is added to them later is replaced from then on."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = secrets
        self._known = -1
        self._pattern: re.Pattern[str] | None = None

    def clean(self, text: str) -> str:
        """Return the text with stars in place of every secret."""
        if len(self._secrets) != self._known:
            self._known = len(self._secrets)
            secrets = [secret for secret in list(self._secrets) if len(secret) >= _SHORTEST]
            longest_first = sorted(secrets, key=len, reverse=True)  # one may be the beginning of another
            spellings = [spelling for secret in longest_first for spelling in _spellings(secret)]
            self._pattern = re.compile("|".join(spellings)) if spellings else None
        return self._pattern.sub(STARS, text) if self._pattern else text


def _spellings(secret: str) -> Iterator[str]:
    """Yield patterns for every form in which a secret may stand in a text."""
    yield "".join(map(_spelt, re.findall(r"\\+|[^\\]", secret)))
    for offset in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            whole = encode(b"x" * offset + secret.encode()).decode()
            part = whole[_LEADING[offset] : len(whole) - _TRAILING[(offset + len(secret.encode())) % 3]]
            if len(part) >= _SHORTEST_ENCODED:
                yield "".join(map(_spelt, part))


def _spelt(character: str) -> str:
    """Return a pattern for a character, or a run of backslashes."""
    if re.fullmatch(r"[\w.~-]", character, re.ASCII):
        return re.escape(character)
    code = f"{ord(character[0]):02x}"
    coded = rf"(?i:%(?:25)*{code}|\\+u00{code}|\\+x{code})"
    if character.startswith("\\"):
        return rf"(?:\\{{{len(character)},}}|{coded}{{{len(character)}}})"
    return rf"(?:\\*{re.escape(character)}|{coded})"


def redacting(report: Callable[[Any], None], secrets: Collection[str]) -> Callable[[Any], None]:
    """Return a report that passes facts on without the secrets that what somebody else said may hold."""
    redactor = Redactor(secrets)

    def pass_on(fact: Any) -> None:  # noqa: ANN401  any fact
        detail = getattr(fact, "detail", None)
        if isinstance(detail, str) and (cleaned := redactor.clean(detail)) != detail:
            fact = msgspec.structs.replace(fact, detail=cleaned)
        report(fact)

    return pass_on


def _in_double_quotes(text: str) -> str:
    return '"' + text.replace("\\", r"\\").replace('"', r"\"") + '"'
