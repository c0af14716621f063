"""The audit under steady load, and what a change that it brings back says of the one before."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from ingestor.history.audit import CONFIRMED_SECONDS
from ingestor.model.errors import Unavailable
from ingestor.model.records import Event
from ingestor.storage.store import Retention
from metrics.codes import JobKind
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
            found = await rig.audited(began_us, now_us() + HOUR_US)
        nursery.cancel_scope.cancel()
    assert min(pending) > 0
    assert (found.compared > 50, found.imported, rig.refilled) == (True, 0, [])


async def test_a_store_that_never_confirms_is_told_after_a_while(tmp_path: Path, autojump_clock: MockClock) -> None:
    async with auditing(tmp_path, ENTITY) as rig:
        await rig.spool.commit([rig.event(ENTITY, now_us(), "1")])
        began = trio.current_time()
        with pytest.raises(Unavailable) as refused:
            await rig.audited(0, now_us())
    assert refused.value.code == "pending"
    assert CONFIRMED_SECONDS <= trio.current_time() - began < CONFIRMED_SECONDS + 5


async def test_what_it_brings_back_tells_the_state_before_however_long_ago_that_was(tmp_path: Path) -> None:
    from_us = now_us() - 5 * HOUR_US
    changes = [("sensor.old", -75.5, "a"), ("sensor.gone", -3.0, "a"), ("sensor.gone", -2.0, None),
               ("sensor.near", -0.001, "a"), (ENTITY, 0.1, "1"), ("sensor.old", 0.2, "b"), ("sensor.near", 0.3, "b"),
               ("sensor.new", 0.4, "a"), ("sensor.gone", 1.0, "b"), (ENTITY, 4.5, "2")]  # fmt: skip
    async with auditing(tmp_path, *{entity_id for entity_id, _, _ in changes}) as rig:
        for entity_id, hours, state in changes:
            rig.record(entity_id, from_us + int(hours * HOUR_US), state)
        rig.store.take([rig.event(ENTITY, from_us + HOUR_US // 10, "1")])
        found = await rig.audited(from_us, now_us())
    told = {one.series.entity_id: (one.previous_state, one.previous_duration_seconds) for one in rig.refilled}
    assert told == {
        ENTITY: ("1", pytest.approx(4.4 * 3600)),
        "sensor.old": ("a", pytest.approx(75.7 * 3600)),
        "sensor.near": ("a", pytest.approx(0.301 * 3600)),
        "sensor.gone": (None, None),
        "sensor.new": (None, None),
    }
    assert (found.compared, found.imported) == (6, 5)


@pytest.mark.parametrize("kind", [JobKind.AUDIT, JobKind.BACKFILL])
async def test_what_is_older_than_the_store_keeps_is_not_brought_back_and_that_is_said(
    kind: JobKind, tmp_path: Path
) -> None:
    to_us = now_us()
    from_us = to_us - 90 * HOUR_US
    async with auditing(tmp_path, ENTITY) as rig:
        rig.store.retention = Retention.of_days(2)
        for hours in (80, 49, 47, 2):
            rig.record(ENTITY, to_us - hours * HOUR_US, str(hours))
        found = await rig.audited(from_us, to_us, kind)
    assert [one.state for one in rig.refilled] == ["47", "2"]
    assert found.imported == 2
    assert found.reason == "the database keeps 2 days, so nothing older"
