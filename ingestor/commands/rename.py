"""`ingestor rename OLD NEW`: what is stored of an entity gets the id that it has in Home Assistant now.

Never done by itself, and only while the service is stopped, which might write points of the old id meanwhile.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from rich.console import Console

from ingestor.assembly.files import Files, has_state
from ingestor.assembly.lock import locked, running_api
from ingestor.assembly.offline import offline_store
from ingestor.assembly.run import Exit
from ingestor.commands.progress import progress
from ingestor.config import Settings
from ingestor.model.errors import IngestorError, Unfinished, UsageError, first
from ingestor.model.fields import ENTITY_ID
from ingestor.storage.store import Renamed
from metrics.codes import ErrorCode

_UNFINISHED = "the rename did not finish, and goes on from here when it is given again"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare both ids."""
    parser.add_argument("old", metavar="OLD", help="the id that it had")
    parser.add_argument("new", metavar="NEW", help="the id that it has now")
    parser.add_argument("--dry-run", action="store_true", help="only say how many points would be rewritten")


async def rename(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Rewrite what is stored under the old id. Raises an `IngestorError` when that cannot be done."""
    old, new = arguments.old, arguments.new
    check(old, new)
    if running_api(settings.data_dir) is not None:
        raise UsageError(
            "the service is running, and might write under the old id meanwhile",
            code=ErrorCode.CONFLICT,
            hint="stop it first: what changes until it runs again is refilled from Home Assistant's recorder",
        )
    if not has_state(settings):
        raise _nothing(old)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    failures: list[IngestorError] = []
    with locked(settings.data_dir):
        try:
            async with offline_store(settings) as files:
                await files.importer.confirmed()  # what waits in the spool may be of the old id, too
                foreign = sum([await files.store.foreign(home, old) for home in files.homes])
                total = await _points(files, old, foreign)
                if arguments.dry_run:
                    console.print(f"to be rewritten: {total}")
                else:
                    with progress(console, "rewriting") as told:
                        console.print(_words(await _rewrite(files, old, new, total, told)))
                if foreign:
                    console.print(f"left alone, as another program wrote them: {foreign}")
        except* IngestorError as group:
            failures.append(first(group))
    if failures:
        raise failures[0]
    return Exit.DONE


def check(old: str, new: str) -> None:
    """Raise `UsageError` for ids of which one cannot become the other."""
    for entity_id in (old, new):
        if not ENTITY_ID.fullmatch(entity_id):
            raise UsageError(f"{entity_id!r} is no id of an entity, like sensor.attic")
    if old == new:
        raise UsageError(f"both ids are {old}")
    if old.partition(".")[0] != new.partition(".")[0]:
        raise UsageError(f"{old} cannot become {new}: a rename keeps the domain")


def _nothing(old: str, foreign: int = 0) -> UsageError:
    but = f" but what another program wrote ({foreign})" if foreign else ""
    return UsageError(f"there is nothing stored of {old}{but}", code=ErrorCode.NOT_FOUND)


async def _points(files: Files, old: str, foreign: int) -> int:
    """Return how many points there are to be rewritten. Raises `UsageError` where that makes no sense."""
    total = sum([await files.store.count(home, old) for home in files.homes])
    if not total:
        raise _nothing(old, foreign)
    marks = [mark for home in files.homes for mark in files.importer.marks(home) if mark.series.entity_id == old]
    if any(not (mark.removed or mark.left_out) for mark in marks):
        raise UsageError(
            f"{old} was still there when the service ran last",
            code=ErrorCode.CONFLICT,
            hint="rename it in Home Assistant, and let the service run until it has seen that",
        )
    return total


async def _rewrite(files: Files, old: str, new: str, total: int, told: Callable[[float, str], None]) -> Renamed:
    done = Renamed()
    try:
        for home in files.homes:
            while part := await files.store.rename(home, old, new):
                done += part
                told(min(1.0, (done.rewritten + done.repeated) / total), _words(done))
            await (files.embedded or files.spool).drop_mark(home, old)
    except IngestorError as error:
        raise Unfinished(f"{_UNFINISHED} ({_words(done)})", error) from None
    return done


def _words(done: Renamed) -> str:
    return f"rewritten: {done.rewritten}  there already: {done.repeated}"
