"""`ingestor quarantine`: list, show, replay and drop; through the API of a running service, or in its place."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from ingestor.api.quarantine import Outcome, Selection, shown
from ingestor.assembly import run as service
from ingestor.assembly.files import Files
from ingestor.assembly.offline import offline, reading
from ingestor.assembly.run import Exit
from ingestor.commands.running import running_service
from ingestor.config import Settings
from ingestor.model.errors import ConfigError
from ingestor.storage.quarantine import Quarantine, Quarantined

_MESSAGE_CHARACTERS = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="what could not be stored, oldest first")
    listing.add_argument("--limit", type=int, default=100)
    actions.add_parser("show", help="one record whole").add_argument("ids", type=int, nargs=1, metavar="ID")
    for name, words in (("replay", "store again what was mended"), ("drop", "forget for good")):
        action = actions.add_parser(name, help=words)
        action.add_argument("ids", nargs="+", metavar="ID", help="ids, or `all`")


async def quarantine(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Do what was asked. Raises `ConfigError` when it cannot be done."""
    console = Console(highlight=False, markup=False)
    match arguments.action:
        case "list":
            found = await _read(settings, limit=arguments.limit)
            console.print(_table(found) if found else "the quarantine is empty")
        case "show":
            found = [one for one in await _read(settings, limit=-1) if one.id in arguments.ids]
            if not found:
                raise ConfigError([f"the quarantine holds no {arguments.ids[0]}"])
            console.print_json(json.dumps(shown(found[0]).model_dump(mode="json")))
        case action:
            outcome = await _change(settings, action, _ids(arguments.ids))
            console.print(f"{'replayed' if action == 'replay' else 'dropped'}: {outcome.done}")
            for id_, reason in outcome.failures.items():
                console.print(f"{id_} stays: {reason}")
            return Exit.FAILED if outcome.failures else Exit.DONE
    return Exit.DONE


def _ids(given: Sequence[str]) -> list[int] | None:
    if list(given) == ["all"]:
        return None
    if not all(one.isdecimal() for one in given):
        raise ConfigError(["give ids as numbers, or `all`"])
    return [int(one) for one in given]


async def _read(settings: Settings, limit: int) -> list[Quarantined]:
    """Read beside a running service, or without one."""
    async with reading(settings) as state:
        return await Quarantine(state, lambda _fact: None).read(limit=limit)


async def _change(settings: Settings, action: str, ids: list[int] | None) -> Outcome:
    async with running_service(settings) as running:
        if running is not None:
            answer = await running.post(f"/api/quarantine/{action}", Selection(ids=ids).model_dump_json())
            return Outcome.model_validate_json(answer)
    with service.locked(settings.data_dir):
        async with offline(settings) as files:
            return await _change_offline(files, action, ids)


async def _change_offline(files: Files, action: str, ids: list[int] | None) -> Outcome:
    wanted = [one for one in await files.quarantine.read(limit=-1) if ids is None or one.id in ids]
    if action == "drop":
        return Outcome(done=await files.quarantine.remove(wanted))
    await files.journal.open()
    done = await files.replay.replay(wanted)
    return Outcome(done=done.replayed, failures=done.failures)


def _table(found: Sequence[Quarantined]) -> Table:
    table = Table(box=None)
    for heading in ("id", "set aside", "entity", "code", "why"):
        table.add_column(heading, overflow="fold")
    for one in map(shown, found):
        cells = (str(one.id), f"{one.quarantined_at:%Y-%m-%d %H:%M:%S}", one.entity_id or "-", one.code)
        table.add_row(*cells, one.message.strip().splitlines()[-1][:_MESSAGE_CHARACTERS])
    return table
