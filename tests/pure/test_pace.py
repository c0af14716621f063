from __future__ import annotations

import trio
from trio.testing import MockClock

from ingestor.history.pace import Pace


async def test_a_line_comes_after_a_minute_and_then_each_minute_at_most(autojump_clock: MockClock) -> None:
    assert autojump_clock
    pace, due = Pace(), []
    for second in range(1, 200):
        await trio.sleep(1)
        if pace.is_due():
            due.append(second)
    assert due == [60, 120, 180]
