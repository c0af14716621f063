"""`ingestor check`: tries what `run` needs, all at once, and says of each what was found, and what to do.

A check returns what it found, or raises the `IngestorError` that a run would meet; one that gets no answer in time is
told so. What works, and has a hint beside it, is a warning.
"""

from __future__ import annotations

import argparse
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import chain
from typing import TypeAlias, TypeVar

import msgspec
import trio
from msgspec.structs import replace
from rich.console import Console

from ingestor.assembly.run import Exit
from ingestor.commands.checks import homes, machine
from ingestor.commands.checks.machine import Machine
from ingestor.commands.checks.visit import Visit
from ingestor.commands.tables import Row, show
from ingestor.config import Settings
from ingestor.model.errors import IngestorError
from ingestor.storage.store import Finding
from metrics.redaction import Redactor

SECONDS = 7.0  # for all together, since they are tried at once; closing a socket may take another one

T = TypeVar("T")
Check: TypeAlias = Callable[[T], Awaitable[list[Finding]]]

OF_A_HOME: dict[str, Check[Visit]] = {
    "Home Assistant": homes.version,
    "token": homes.token,
    "entities": homes.entities,
    "recorder": homes.recorder,
    "clock": homes.clock,
    "weather": homes.weather,
}
OF_THIS_MACHINE: dict[str, Check[Machine]] = {
    "settings": machine.names,
    "DATA_DIR": machine.data_dir,
    "API": machine.api,
    "database": machine.database,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is printed."""
    parser.add_argument("--json", action="store_true", help="print JSON")


async def check(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Print what was found; FAILED when something would keep `run` from its work."""
    clean = Redactor(settings.secrets).clean  # of what a server said
    found = [replace(one, detail=clean(one.detail)) for one in await find(settings)]
    if arguments.json:
        Console().out(msgspec.json.encode(found).decode(), highlight=False)
    else:
        show(Console(), ("", "what", "found"), [_row(one) for one in found])
    return Exit.DONE if all(one.works for one in found) else Exit.FAILED


async def find(settings: Settings) -> list[Finding]:
    """Return what was found, in the order of the tables above. Nothing stays of it but a point in an InfluxDB."""
    tries = list(_tries(settings))
    found: list[list[Finding]] = [[] for _ in tries]

    async def put(place: int) -> None:
        found[place] = await tries[place]()

    async with trio.open_nursery() as nursery:
        for place in range(len(tries)):
            nursery.start_soon(put, place)
    return list(chain.from_iterable(found))


def _tries(settings: Settings) -> Iterator[Callable[[], Awaitable[list[Finding]]]]:
    for home in settings.homes:
        visit, whose = Visit(settings, home), f" of {home.name}" if len(settings.homes) > 1 else ""
        for subject, of_home in OF_A_HOME.items():
            yield partial(_tried, f"{subject}{whose}", partial(of_home, visit))
    this = Machine(settings)
    for subject, of_machine in OF_THIS_MACHINE.items():
        yield partial(_tried, subject, partial(of_machine, this))


async def _tried(subject: str, check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    try:
        with trio.fail_after(SECONDS):
            found = await check()
    except IngestorError as error:
        found = [Finding(works=False, detail=str(error), hint=error.hint)]
    except trio.TooSlowError:
        hint = "is it, or what lies in between, overloaded?"
        found = [Finding(works=False, detail=f"no answer within {SECONDS:g} s", hint=hint)]
    return [replace(one, subject=one.subject or subject) for one in found]


def _row(one: Finding) -> Row:
    word = ("warns" if one.hint else "ok") if one.works else "FAILS"
    return Row((word, one.subject, one.detail), (f"hint: {one.hint}",) if one.hint else ())
