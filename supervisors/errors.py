"""What a supervisor raises and reports of itself, and how it looks at the errors of its children."""

from __future__ import annotations

from collections.abc import Sequence

TEXT_CHARACTERS = 200
"""Longest text of an error in a history or a snapshot, which are for people and stay in memory."""


class StartTimeout(Exception):
    """A child did not call `started()` in time."""


class IntensityExceeded(Exception):
    """A supervisor gave up; `history` lists the exits that led there, the oldest first."""

    def __init__(self, supervisor: str, history: Sequence[str]) -> None:
        super().__init__(f"{supervisor} gave up after too many restarts; the last: {history[-1]}")
        self.history = tuple(history)


def text(error: BaseException) -> str:
    """Return a short text for an error, or for all errors of a group. Never raises, even if the error's `str` does."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(map(text, error.exceptions))[:TEXT_CHARACTERS]
    try:
        message = str(error)
    except Exception:  # noqa: BLE001  a child's error must not harm its supervisor
        message = "(an error without a text)"
    return f"{type(error).__name__}: {message}"[:TEXT_CHARACTERS]


def fatal_in(error: BaseException | None, kinds: tuple[type[Exception], ...]) -> Exception | None:
    """Return the first exception of these kinds in an error, which may be a group of groups; `None` without one."""
    if isinstance(error, kinds):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, (fatal_in(part, kinds) for part in error.exceptions)), None)
    return None
