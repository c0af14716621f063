"""What was dropped outlives the process, though it was dropped because the disk is full."""

from __future__ import annotations

from pathlib import Path

from ingestor.assembly.files import STATE
from ingestor.storage.database import Database
from ingestor.storage.losses import Losses
from metrics import facts
from metrics.codes import DropReason
from tests.actors.heard import Heard
from tests.faults.small_disk import small_disk


async def test_a_full_disk_has_room_for_the_note_of_what_was_dropped(tmp_path: Path) -> None:
    heard = Heard()
    with small_disk(tmp_path / "disk", 4) as disk:
        for number in range(1, 3):  # the room is there again after the next start
            state = Database(disk.path / "state.sqlite3", STATE)
            losses = Losses(state, heard)
            losses.open_now()
            disk.fill()
            losses(facts.RecordsDropped(reason=DropReason.SHUTDOWN, records=450, events=400, detail="x" * 1000))
            await losses.keep()
            await state.aclose()
            disk.free()
            assert [lost.events for lost in await losses.read()] == [400] * number
            await state.aclose()
    assert heard.of(facts.LossesHeld)[-1].events == {"shutdown": 800, "spool_damaged": 0}
