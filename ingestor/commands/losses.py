"""`ingestor losses`: what was dropped; `ingestor losses acknowledge` says that the user knows of it."""

from __future__ import annotations

import argparse

from pydantic import TypeAdapter
from rich.console import Console

from ingestor.api.losses import Acknowledged, Loss, shown
from ingestor.assembly.files import has_state
from ingestor.assembly.lock import locked
from ingestor.assembly.offline import offline, reading
from ingestor.assembly.run import Exit
from ingestor.commands import moments
from ingestor.commands.running import running_service
from ingestor.commands.tables import Row, show
from ingestor.config import Settings
from ingestor.model import instants
from ingestor.storage.losses import Dropped, Losses

_losses = TypeAdapter(list[Loss])


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what can be done."""
    parser.add_argument("action", nargs="?", choices=["acknowledge"], help="say that you know of all of it")
    parser.add_argument("--json", action="store_true", help="print JSON, as /api/losses does")


async def losses(settings: Settings, arguments: argparse.Namespace) -> Exit:
    """Print what was dropped, or acknowledge it. Raises an `IngestorError` when that cannot be done."""
    console = Console(highlight=False, markup=False)
    if arguments.action == "acknowledge":
        console.print(f"acknowledged: {await _acknowledge(settings)}")
        return Exit.DONE
    async with reading(settings) as state:
        found = await Losses(state, lambda _fact: None).read() if state else []
    if arguments.json:
        console.out(_losses.dump_json(list(map(shown, found))).decode(), highlight=False)
    elif not found:
        console.print("nothing was dropped")
    else:
        show(console, ("dropped", "events", "records", "reason", "acknowledged"), list(map(_row, found)))
        console.print(moments.zone(instants.to_us(one.at_ns) for one in found))
    return Exit.DONE if all(one.acknowledged_ns for one in found) else Exit.FAILED


async def _acknowledge(settings: Settings) -> int:
    async with running_service(settings) as running:
        if running is not None:
            answer = await running.post("/api/losses/acknowledge", "{}")
            return Acknowledged.model_validate_json(answer).acknowledged
    if not has_state(settings):
        return 0
    with locked(settings.data_dir):
        async with offline(settings) as files:
            return await files.losses.acknowledge()


def _row(one: Dropped) -> Row:
    known = "no" if one.acknowledged_ns is None else moments.shown(instants.to_us(one.acknowledged_ns))
    dropped = moments.shown(instants.to_us(one.at_ns))
    return Row((dropped, str(one.events), str(one.records), one.reason, known), (one.detail,))
