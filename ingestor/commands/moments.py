"""Times as a user gives them on the command line, and as they are shown there: in the same zone.

A time without an offset is one of this machine's own zone, and so are the times of a table; a line below it names that
zone. JSON has times with their offset, as the API does.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import UTC, datetime

from ingestor.model import instants
from ingestor.model.errors import UsageError


def add_span(parser: argparse.ArgumentParser, since: str, *, required: bool = False) -> None:
    """Declare `--from` and `--to`; `since` says what is done since the first."""
    for name, words in (("from", f"{since} since this time"), ("to", "until then; without it, until now")):
        parser.add_argument(
            f"--{name}",
            dest=f"{name}_",
            type=moment,
            metavar="TIME",
            required=required and name == "from",
            help=f"{words} (ISO 8601, like 2026-01-31 or 2026-01-31T12:00; without an offset in this machine's zone)",
        )


def check_span(arguments: argparse.Namespace) -> None:
    """Raise `UsageError` for a span of time without a beginning, or one that ends before it begins."""
    if arguments.from_ is None:
        if arguments.to_ is not None:
            raise UsageError("--to wants --from beside it: since when?")
    elif arguments.from_ >= (arguments.to_ or datetime.now(UTC)):
        raise UsageError("the span of time is empty: --from must be before --to, and before now")


def moment(text: str) -> datetime:
    """Return a time; one without an offset is local. Raises what argparse tells the user."""
    try:
        return instants.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def shown(at_us: int) -> str:
    """Return a time in this machine's zone, to the second."""
    return f"{_local(at_us):%Y-%m-%d %H:%M:%S}"


def zone(times_us: Iterable[int]) -> str:
    """Return the line that says in which zone these times are; a clock that changes in between has two names."""
    names = sorted({f"{at:%Z}" for at in map(_local, times_us)}) or [f"{datetime.now(UTC).astimezone():%Z}"]
    return f"times in {' and '.join(names)}"


def _local(at_us: int) -> datetime:
    return instants.moment(at_us).astimezone()
