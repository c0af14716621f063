"""`ingestor quarantine`: list, show, replay and drop; through the API of a running service, or in its place."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from pydantic import TypeAdapter
from rich.console import Console

from ingestor.api.quarantine import Outcome, QuarantinedRecord, Selection, shown
from ingestor.assembly.files import Files, has_state
from ingestor.assembly.lock import locked
from ingestor.assembly.offline import offline, reading
from ingestor.assembly.run import Exit
from ingestor.commands import moments
from ingestor.commands.numbers import number
from ingestor.commands.running import running_service
from ingestor.commands.tables import Row, show
from ingestor.config import Settings
from ingestor.model import instants
from ingestor.model.errors import UsageError
from ingestor.storage.quarantine import Quarantine, Quarantined, none_such

_MESSAGE_CHARACTERS = 400
_records = TypeAdapter(list[QuarantinedRecord])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="what could not be stored, oldest first")
    listing.add_argument("--limit", type=number, default=100, help="how many; 100 without it")
    listing.add_argument("--json", action="store_true", help="print JSON, as /api/quarantine does")
    actions.add_parser("show", help="one record whole, as JSON").add_argument("id", type=number, metavar="ID")
    for name, words in (("replay", "store again what was mended"), ("drop", "forget for good")):
        action = actions.add_parser(name, help=words)
        action.add_argument("ids", nargs="+", metavar="ID", help="ids, or `all`")
        if name == "drop":
            action.add_argument("--yes", action="store_true", help="do not ask whether all are meant")


async def quarantine(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Do what was asked. Raises an `IngestorError` when it cannot be done."""
    console = Console(highlight=False, markup=False)
    match arguments.action:
        case "list":
            _print(console, await _read(settings, limit=arguments.limit), as_json=arguments.json)
        case "show":
            found = await _find(settings, arguments.id)
            console.print_json(json.dumps(shown(found).model_dump(mode="json")))
        case action:
            ids = _ids(arguments.ids)
            if action == "drop" and ids is None and not arguments.yes:
                await _confirm(settings)
            outcome = await _change(settings, action, ids)
            console.print(f"{'replayed' if action == 'replay' else 'dropped'}: {outcome.done}")
            for id_, reason in outcome.failures.items():
                console.print(f"{id_}: {reason}")
            return Exit.FAILED if outcome.failures else Exit.DONE
    return Exit.DONE


def _ids(given: Sequence[str]) -> list[int] | None:
    if list(given) == ["all"]:
        return None
    try:
        return list(map(number, given))
    except argparse.ArgumentTypeError:
        raise UsageError("give ids as numbers, or `all`") from None


async def _confirm(settings: Settings) -> None:
    """Ask a user at a terminal whether all are meant; a program means what it says. Raises `UsageError` for a no."""
    held = await _count(settings) if sys.stdin.isatty() else 0
    if not held:
        return
    sys.stderr.write(f"forget all {held} records for good? [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UsageError("nothing was dropped", hint="--yes does not ask")


async def _read(settings: Settings, limit: int) -> list[Quarantined]:
    """Read beside a running service, or without one."""
    async with reading(settings) as state:
        return await Quarantine(state, lambda _fact: None).read(limit=limit) if state else []


async def _find(settings: Settings, id_: int) -> Quarantined:
    async with reading(settings) as state:
        if state is None:
            raise none_such([id_])
        return await Quarantine(state, lambda _fact: None).find(id_)


async def _count(settings: Settings) -> int:
    async with reading(settings) as state:
        return len(await Quarantine(state, lambda _fact: None).handles()) if state else 0


async def _change(settings: Settings, action: str, ids: list[int] | None) -> Outcome:
    async with running_service(settings) as running:
        if running is not None:
            answer = await running.post(
                f"/api/quarantine/{action}", Selection(ids=ids, all=ids is None).model_dump_json()
            )
            return Outcome.model_validate_json(answer)
    if not has_state(settings):
        if ids:
            raise none_such(ids)
        return Outcome(done=0)
    with locked(settings.data_dir):
        async with offline(settings) as files:
            return await _change_offline(files, action, ids)


async def _change_offline(files: Files, action: str, ids: list[int] | None) -> Outcome:
    wanted = await files.quarantine.handles(ids)
    if action == "drop":
        return Outcome(done=await files.quarantine.remove(wanted))
    await files.journal.open()
    done = await files.replay.replay(wanted, patience_seconds=0)  # nothing is written before the next run
    return Outcome(done=done.replayed, failures=done.failures)


def _print(console: Console, found: Sequence[Quarantined], *, as_json: bool) -> None:
    if as_json:
        console.out(_records.dump_json(list(map(shown, found))).decode(), highlight=False)
    elif not found:
        console.print("the quarantine is empty")
    else:
        show(console, ("id", "set aside", "code", "entity"), list(map(_row, found)))
        console.print(moments.zone(map(_set_aside_us, found)))


def _row(one: Quarantined) -> Row:
    message = one.message.strip().splitlines()[-1][:_MESSAGE_CHARACTERS] if one.message.strip() else "-"
    return Row((str(one.id), moments.shown(_set_aside_us(one)), one.code, one.entity_id or "-"), (message,))


def _set_aside_us(one: Quarantined) -> int:
    return instants.to_us(one.at_ns)
