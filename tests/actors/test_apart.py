"""The real tree with actors that only crash or wait: what asks a recorder may crash for ever, beside live capture."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from ingestor.config import load
from ingestor.tree import build
from supervisors import ChildFailed, Supervisor, SupervisorGaveUp

RECORDER = ("refill", "auditor", "backfill")


async def waiting(*, task_status: trio.TaskStatus[None]) -> None:
    task_status.started()
    await trio.sleep_forever()


async def crashing(*, task_status: trio.TaskStatus[None]) -> None:
    task_status.started()
    raise ValueError("a bug")


def copied(original: Supervisor, crash: Collection[str], observer: Callable[[Any], None] | None) -> Supervisor:
    """Return the same tree with other actors, of which these crash at once."""
    children = []
    for spec in original.specs():
        if spec.supervisor is None:
            start = crashing if spec.id in crash else waiting
            children.append(replace(spec, start=start, drain=None, progress=None))
        else:
            below = copied(spec.supervisor, crash, None)
            children.append(replace(spec, start=below.run, drain=below.stop, supervisor=below))
    return Supervisor(
        original.id,
        children,
        strategy=original.rules.strategy,
        intensity=original.rules.intensity,
        stop_order=original.rules.stop_order,
        observer=observer,
        rng=Random(1),
    )


async def lived(directory: Path, *crash: str, seconds: float) -> list[Any]:
    """Run such a tree for a while; return what was observed."""
    settings = load(_env_file=None, ha_url="http://127.0.0.1:9", ha_token="t", data_dir=directory, api_port=0)  # noqa: S106  it opens nothing
    service = build(settings)
    service.api.close()
    await service.aclose()
    heard: list[Any] = []
    with trio.move_on_after(seconds):
        await copied(service.root, crash, heard.append).run()
    return heard


@pytest.mark.parametrize("crash", [*((one,) for one in RECORDER), RECORDER])
async def test_what_asks_a_recorder_may_crash_for_ever_loudly_and_no_other_actor_is_restarted(
    crash: tuple[str, ...], tmp_path: Path, autojump_clock: MockClock
) -> None:
    heard = await lived(tmp_path, *crash, seconds=3600)
    failed = {fact.path[-1] for fact in heard if isinstance(fact, ChildFailed)}
    gave_up = {fact.path for fact in heard if isinstance(fact, SupervisorGaveUp)}
    assert failed == {*crash, *(f"{one}:home" for one in crash)}
    assert gave_up == {("root", f"{one}:home") for one in crash}
