"""Numbers as a user gives them on the command line."""

from __future__ import annotations

import argparse

_DIGITS = 18  # as many fit into the 64 bits of SQLite and of the API


def number(text: str) -> int:
    """Return a number of 1 or more. Raises what argparse tells the user."""
    if not text.isdecimal() or len(text) > _DIGITS or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text[:_DIGITS]!r} is no such number")
    return int(text)
