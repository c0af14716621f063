"""Facts as structured log lines: JSON, or for people on a terminal. No known secret passes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Collection
from typing import Any, Literal, TextIO, cast

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

import supervisors
from metrics import facts
from metrics.redaction import Redactor

_TEXT_CHARACTERS = 4000
_traceback = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)  # cut short, a secret among them passes redaction
)


def configure(
    *, level: str, style: Literal["auto", "json", "console"], secrets: Collection[str], stream: TextIO | None = None
) -> None:
    """Send every log line of the process, of libraries too, through one chain to standard error.

    What is added to `secrets` later is redacted from then on.
    """
    stream = stream or sys.stderr
    console = style == "console" or (style == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if console else _traceback,
        _Cleaning(secrets),
    ]
    renderer: Processor = structlog.dev.ConsoleRenderer(colors=False) if console else _json
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("trio-websocket", "httpx", "httpcore", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


class LogReporter:
    """A `Report` that writes one line per fact."""

    def __init__(self) -> None:
        self._log = structlog.stdlib.get_logger("ingestor")
        self._enabled = logging.getLogger("ingestor").isEnabledFor

    def hears(self, kind: type[facts.Fact]) -> bool:
        """Return whether facts of this kind can be loud enough."""
        level = facts.level_of(kind)
        return level is None or self._enabled(level)

    def __call__(self, fact: facts.Fact) -> None:
        """Write the fact, as loudly as it says itself."""
        level = facts.level(fact)
        if not self._enabled(level):
            return
        fields = _fields(fact)
        if isinstance(fact, supervisors.ChildFailed):
            fields |= {"detail": str(fact.error)} if fact.is_fatal else {"exc_info": fact.error}
        self._log.log(level, type(fact).__name__, **fields)


def _fields(fact: facts.Fact) -> dict[str, Any]:
    if isinstance(fact, msgspec.Struct):
        fields = msgspec.structs.asdict(fact)
        if "ages_seconds" in fields:  # one for each event
            fields["oldest_seconds"] = max(fields.pop("ages_seconds"), default=None)
        return fields
    fields = {name: getattr(fact, name) for name, of in fact.__dataclass_fields__.items() if of.repr}
    return {name: "/".join(value) if name == "path" else value for name, value in fields.items() if name != "error"}


def _json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return msgspec.json.encode(event, enc_hook=repr).decode()


class _Cleaning:
    """Leaves no known secret in a line, and cuts texts that are too long; the last line of defence."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._redactor = Redactor(secrets)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return cast("EventDict", self._clean(dict(event)))

    def _clean(self, value: Any) -> Any:  # noqa: ANN401  any part of a log line
        match value:
            case str():
                return self._redactor.clean(value)[:_TEXT_CHARACTERS]
            case dict():
                return {key: self._clean(part) for key, part in value.items() if not str(key).startswith("_")} | {
                    key: part for key, part in value.items() if str(key).startswith("_")
                }
            case list() | tuple():
                return [self._clean(part) for part in value]
            case None | bool() | int() | float():
                return value
        return self._clean(repr(value))
