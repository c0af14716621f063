"""Which notifications have to be raised and dismissed: one for each part with a problem. Pure.

    the problem of a part      what is due
    is new                     nothing, until it has stayed for HOLD_SECONDS: most pass by themselves
    stays, its code too        nothing: it was told
    has another code           the notification, in other words, in the place of the one before
    is gone                    to dismiss it

What is due stays so until it was `told`. What an earlier process told is not known: so each part that has no problem is
dismissed once, which is nothing to Home Assistant where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from msgspec import Struct

HOLD_SECONDS = 60.0


class Problem(Protocol):
    """Why a part is ill, in one word and in a sentence."""

    @property
    def code(self) -> str:
        """One word."""

    @property
    def detail(self) -> str:
        """A sentence."""


class Notice(Struct, frozen=True, kw_only=True):
    """What Home Assistant should show of a part: a problem, or nothing where it has no `code`."""

    part: str
    code: str = ""
    detail: str = ""


class Notices:
    """What was told of each part, and what has to be. `now` is in seconds of any clock that only rises."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._told: dict[str, str] = {}

    def due(self, parts: Iterable[str], problems: Mapping[str, Problem], now: float) -> list[Notice]:
        """Return what has to be told now."""
        due = [self._wanted(part, problems.get(part), now) for part in parts]
        return [notice for notice in due if notice is not None and self._told.get(notice.part) != notice.code]

    def told(self, notice: Notice) -> None:
        """Remember that it was told."""
        self._told[notice.part] = notice.code

    def _wanted(self, part: str, problem: Problem | None, now: float) -> Notice | None:
        if problem is None:
            self._since.pop(part, None)
            return Notice(part=part)
        if now - self._since.setdefault(part, now) < HOLD_SECONDS:
            return None
        return Notice(part=part, code=problem.code, detail=problem.detail)
