"""The ledger's keeper: a disk that is away is a state, and then it keeps what was in memory."""

from __future__ import annotations

from pathlib import Path

import trio

from ingestor.assembly.files import STATE
from ingestor.history.keeper import LedgerKeeper
from ingestor.history.ledger import Ledger
from ingestor.model.channels import Inbox
from ingestor.model.gaps import Kept
from ingestor.storage.database import Database
from ingestor.storage.intake import Intake
from ingestor.storage.losses import Losses
from ingestor.storage.spool import Spool
from ingestor.storage.valve import Valve
from metrics import facts
from metrics.codes import DropReason
from tests.actors.heard import Heard


async def test_a_disk_that_is_away_at_the_start_is_waited_for_and_then_has_what_was_dropped(tmp_path: Path) -> None:
    heard, data, away = Heard(), tmp_path / "data", tmp_path / "away"
    state = Database(data / "state.sqlite3", STATE)
    losses = Losses(state, heard)
    losses.open_now()
    await state.aclose()
    data.rename(away)
    data.write_text("a file where the directory should be")
    heard.facts.clear()
    losses(facts.RecordsDropped(reason=DropReason.SPOOL_DAMAGED, records=3, events=2, detail=""))
    spool = Spool(tmp_path, 10**9, Valve(), heard)
    _, nothing = trio.open_memory_channel[list[Kept]](0)
    keeper = LedgerKeeper(spool, Ledger(state, heard).record, Intake(Inbox(nothing)), losses.keep, heard)
    async with trio.open_nursery() as nursery:
        await nursery.start(keeper.run)
        await heard.wait(facts.Warned)
        assert heard.of(facts.LossesHeld) == []
        data.unlink()
        away.rename(data)
        assert (await heard.wait(facts.LossesHeld)).events == {"spool_damaged": 2, "shutdown": 0}
        keeper.drain()
    await spool.aclose()
    await state.aclose()
