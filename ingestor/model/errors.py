"""The errors of the service: one root, four meanings, each with a `code` for the metric label."""

from __future__ import annotations

from typing import TypeVar

from metrics.codes import ErrorCode

_E = TypeVar("_E", bound=BaseException)


def first(group: BaseExceptionGroup[_E]) -> _E:
    """Return the first error of a group, however deep it lies."""
    error = group.exceptions[0]
    return first(error) if isinstance(error, BaseExceptionGroup) else error


class IngestorError(Exception):
    """Root of every error that the service raises on purpose; its text is a sentence that a user can act on."""

    def __init__(self, message: str, *, code: ErrorCode) -> None:
        super().__init__(message)
        self.code = code


class ConfigError(IngestorError):
    """The configuration is wrong and only the user can mend it: never restarted. `mistakes` has a sentence each."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes), code=ErrorCode.CONFIG)
        self.mistakes = mistakes


class CredentialsRefused(IngestorError):
    """A remote knows us and says no: keep everything, say it loudly, try again slowly."""

    def __init__(self, message: str, *, code: ErrorCode = ErrorCode.CREDENTIALS_REFUSED) -> None:
        super().__init__(message, code=code)


class Unavailable(IngestorError):
    """A remote is away or overloaded: keep everything, back off, try again. `retry_after_seconds` is its own wish."""

    def __init__(self, message: str, *, code: ErrorCode, retry_after_seconds: float | None = None) -> None:
        super().__init__(message, code=code)
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
