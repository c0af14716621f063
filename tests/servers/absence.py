"""What tests need and this machine cannot give: such tests are left out, and the end of the run names the reasons."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NoReturn

import pytest

_REQUIRED = "missing: "
_WELCOME = "missing, but not required: "
_COMPLAINT = re.compile(r"error|not found|^E:", re.IGNORECASE)
_COMPLAINT_CHARACTERS = 160


class Unobtainable(Exception):
    """Something cannot be had on this machine; it says why in part of a line."""


def missing(what: str, *, required: bool = True) -> NoReturn:
    """Leave the test out for want of something, which the end of the run names.

    Under CI the run fails for want of what is required; all other tests are run all the same.
    """
    pytest.skip(f"{_REQUIRED if required else _WELCOME}{what}")


def left_out(reasons: Iterable[str]) -> tuple[str, bool]:
    """Return one line that says what was missing and how many tests that cost, and whether any of it is required.

    The reasons are those of all skipped tests: a test that was skipped for another reason is not counted.
    """
    said = [reason.partition(mark)[2] for reason in reasons for mark in (_REQUIRED, _WELCOME) if mark in reason]
    required = any(_REQUIRED in reason for reason in reasons)
    counted = "; ".join(f"{count} for want of {what}" for what, count in Counter(said).most_common())
    return (f"left out: {counted}" if said else ""), required


def output(command: list[str], environment: Mapping[str, str] | None = None, seconds: float = 600) -> str:
    """Return what a program prints; raises `Unobtainable` with its complaint."""
    try:
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=seconds, check=True
        ).stdout.strip()
    except subprocess.CalledProcessError as error:
        raise Unobtainable(complaint(error.stderr) or f"{command[0]} ended with {error.returncode}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unobtainable(complaint(str(error))) from error


def complaint(text: str) -> str:
    """Return the line that says best what went wrong: the last that looks like an error, else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if _COMPLAINT.search(line)] or lines
    return telling[-1][:_COMPLAINT_CHARACTERS] if telling else ""
