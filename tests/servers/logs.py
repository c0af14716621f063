"""The service's log inside a test: as it is configured in a process, and gone afterwards."""

from __future__ import annotations

import io
import logging
from collections.abc import Collection, Generator
from contextlib import contextmanager

import structlog

from metrics import log


@contextmanager
def logged(*, level: str = "info", secrets: Collection[str] = ()) -> Generator[io.StringIO]:
    """Log as JSON into the given stream until the end of the block."""
    root, stream = logging.getLogger(), io.StringIO()
    before = root.handlers[:], root.level
    try:
        log.configure(level=level, style="json", secrets=secrets, stream=stream)
        yield stream
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])
        structlog.reset_defaults()
