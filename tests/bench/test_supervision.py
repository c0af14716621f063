from __future__ import annotations

from tests.bench.supervision import measure


async def test_a_restart_takes_less_than_a_millisecond_and_idle_children_take_nothing() -> None:
    figures = await measure()
    assert figures.restart_us < 1_000
    assert figures.restart_of_bare_task < 20
    assert figures.busy_turn_with_idle_children < 1.25
