"""The ledger's keeper: a disk that is away at the start is a state, and then it tells what lies there."""

from __future__ import annotations

from pathlib import Path

import trio

from ingestor.assembly.files import STATE
from ingestor.history.keeper import LedgerKeeper
from ingestor.history.ledger import Ledger
from ingestor.model.channels import Inbox
from ingestor.model.errors import Rejected
from ingestor.model.gaps import Kept
from ingestor.storage.database import Database
from ingestor.storage.intake import Intake
from ingestor.storage.quarantine import Quarantine
from ingestor.storage.spool import Spool
from ingestor.storage.valve import Valve
from metrics import facts
from tests.actors.heard import Heard
from tests.servers.records import event


async def test_a_disk_that_is_away_at_the_start_is_waited_for_and_then_the_quarantine_is_counted(
    tmp_path: Path,
) -> None:
    heard, data, away = Heard(), tmp_path / "data", tmp_path / "away"
    state = Database(data / "state.sqlite3", STATE)
    quarantine = Quarantine(state, heard)
    await quarantine.add([(event(1), Rejected("no")), (event(2), Rejected("no"))])
    await state.aclose()
    data.rename(away)
    data.write_text("a file where the directory should be")
    heard.facts.clear()
    spool = Spool(tmp_path, 10**9, Valve(), heard)
    _, nothing = trio.open_memory_channel[list[Kept]](0)
    keeper = LedgerKeeper(spool, Ledger(state, heard).record, Intake(Inbox(nothing)), quarantine, heard)
    async with trio.open_nursery() as nursery:
        await nursery.start(keeper.run)
        await heard.wait(facts.Warned)
        assert heard.of(facts.QuarantineHeld) == []
        data.unlink()
        away.rename(data)
        assert (await heard.wait(facts.QuarantineHeld)).records == 2
        keeper.drain()
    await spool.aclose()
    await state.aclose()
