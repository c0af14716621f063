"""Times as a user gives them on the command line."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from ingestor.model.errors import ConfigError


def add_span(parser: argparse.ArgumentParser, since: str, *, required: bool = False) -> None:
    """Declare `--from` and `--to`; `since` says what is done since the first."""
    for name, words in (("from", f"{since} since this time"), ("to", "until then; without it, until now")):
        parser.add_argument(
            f"--{name}",
            dest=f"{name}_",
            type=moment,
            metavar="TIME",
            required=required and name == "from",
            help=f"{words} (ISO 8601)",
        )


def refuse_empty(arguments: argparse.Namespace) -> None:
    """Raise `ConfigError` for a span of time that ends before it begins."""
    if arguments.from_ >= (arguments.to_ or datetime.now(UTC)):
        raise ConfigError(["the span of time is empty: --from must be before --to, and before now"])


def moment(text: str) -> datetime:
    """Return a time; one without an offset is local. Raises what argparse tells the user."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time like 2026-01-31 or 2026-01-31T12:00+01:00") from None
    return at if at.tzinfo else at.astimezone()
