"""The audit under steady load, and what a change that it brings back says of the one before."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from ingestor.audit.auditor import CONFIRMED_SECONDS
from ingestor.errors import Unavailable
from ingestor.messages import Event
from tests.actors.audits import Rig, auditing

ENTITY = "sensor.a"
HOUR_US = 3600 * 10**6


def now_us() -> int:
    return time.time_ns() // 1000


async def capture_steadily(rig: Rig) -> None:
    """Let the home change a hundred times a second, and capture each at once."""
    number = 0
    while True:
        number += 1
        at_us = now_us()
        rig.record(ENTITY, at_us, str(number))
        await rig.spool.commit([rig.event(ENTITY, at_us, str(number))])
        await trio.sleep(0.01)


async def confirm_slowly(rig: Rig, least_pending: list[int]) -> None:
    """Confirm what is due only a while after it came, so that always something waits."""
    while True:
        batch = await rig.spool.due(10**6, after=0)
        await trio.sleep(2.5)
        if batch:
            rig.store.take([one for one in batch.records if isinstance(one, Event)])
            rig.spool.acknowledge(batch.ids)
            least_pending.append(rig.spool.pending_records)


async def test_under_steady_load_with_a_slow_store_it_waits_for_what_was_captured_and_refills_nothing(
    tmp_path: Path,
) -> None:
    pending: list[int] = []
    async with auditing(tmp_path, ENTITY) as rig, trio.open_nursery() as nursery:
        began_us = now_us()
        nursery.start_soon(capture_steadily, rig)
        nursery.start_soon(confirm_slowly, rig, pending)
        await trio.sleep(3)
        with trio.fail_after(15):
            found = await rig.auditor().audit(began_us, now_us() + HOUR_US)
        nursery.cancel_scope.cancel()
    assert min(pending) > 0
    assert (found.compared > 50, found.refilled, rig.refilled) == (True, 0, [])


async def test_a_store_that_never_confirms_is_told_after_a_while(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with auditing(tmp_path, ENTITY) as rig:
        await rig.spool.commit([rig.event(ENTITY, now_us(), "1")])
        began = trio.current_time()
        with pytest.raises(Unavailable) as refused:
            await rig.auditor().audit(0, now_us())
    assert refused.value.code == "pending"
    assert CONFIRMED_SECONDS <= trio.current_time() - began < CONFIRMED_SECONDS + 5
