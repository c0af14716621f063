"""The errors of the service: one root, and what follows from each kind.

    ConfigError          only the user can mend it: never restarted
    UsageError           a command or a request that cannot be: nothing was changed
    CredentialsRefused   a remote says no: keep everything, try again slowly
    Unavailable          away or overloaded: keep everything, back off, try again
    RemoteProtocolError  a remote broke its protocol: a new session
    Rejected             the data is bad: set it aside, go on with the rest
    Unfinished           work that another error ended

What a library raises becomes one of these where it is called, by one table for each library: `disk` for files and
SQLite, `http` for httpx. They are told to the user in two places: by the command line, and by the API.
"""

from __future__ import annotations

from typing import TypeVar

from ingestor.model.advice import ADVICE
from metrics.codes import ErrorCode

_E = TypeVar("_E", bound=BaseException)


def first(group: BaseExceptionGroup[_E]) -> _E:
    """Return the first error of a group, however deep it lies."""
    error = group.exceptions[0]
    return first(error) if isinstance(error, BaseExceptionGroup) else error


class IngestorError(Exception):
    """Root of every error that the service raises on purpose; its text is a sentence.

    `code` is the label of the metric, `hint` says what the user can do (nothing where the sentence says it already),
    and `heals` whether it passes by itself.
    """

    def __init__(self, message: str, *, code: ErrorCode, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.hint = ADVICE[code].hint if hint is None else hint
        self.heals = ADVICE[code].heals


class ConfigError(IngestorError):
    """The configuration is wrong and only the user can mend it: never restarted. `mistakes` has a sentence each."""

    def __init__(self, mistakes: list[str], hint: str = "") -> None:
        super().__init__("; ".join(mistakes), code=ErrorCode.CONFIG, hint=hint)
        self.mistakes = mistakes


class UsageError(IngestorError):
    """A command or a request is wrong, or asks for what is not there: nothing was changed."""

    def __init__(self, message: str, *, code: ErrorCode = ErrorCode.INVALID, hint: str | None = None) -> None:
        super().__init__(message, code=code, hint=hint)


class CredentialsRefused(IngestorError):
    """A remote knows us and says no: keep everything, say it loudly, try again slowly."""

    def __init__(
        self, message: str, *, code: ErrorCode = ErrorCode.CREDENTIALS_REFUSED, hint: str | None = None
    ) -> None:
        super().__init__(message, code=code, hint=hint)


class Unavailable(IngestorError):
    """A remote is away or overloaded: keep everything, back off, try again. `retry_after_seconds` is its own wish."""

    def __init__(
        self, message: str, *, code: ErrorCode, hint: str | None = None, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message, code=code, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class Damaged(Unavailable):
    """A file of ours does not hold what was written to it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code=ErrorCode.CORRUPT)


class RemoteProtocolError(IngestorError):
    """A remote broke its protocol: start anew with a new session."""

    def __init__(self, message: str, *, code: ErrorCode = ErrorCode.PROTOCOL) -> None:
        super().__init__(message, code=code)


class Rejected(IngestorError):
    """The data itself is bad: set it aside, count it, go on with the rest."""

    def __init__(self, message: str, *, code: ErrorCode = ErrorCode.REJECTED) -> None:
        super().__init__(message, code=code)


class Unfinished(IngestorError):
    """Work that did not come to its end: `what` says which, `why` is the error that ended it and has code and hint."""

    def __init__(self, what: str, why: IngestorError) -> None:
        super().__init__(f"{what}: {why}", code=why.code, hint=why.hint)
