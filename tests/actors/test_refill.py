"""The refill in the real tree: when it waits, when it gives up loudly, and that capture never minds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import cast

import pytest
import trio

from ingestor.history import pace
from ingestor.history.archive import Past
from ingestor.history.ledger import Missed, OpenGap
from ingestor.history.refill import begins_later
from ingestor.homeassistant.answers import Row
from ingestor.model.gaps import Interval
from ingestor.model.records import bare_series
from ingestor.simulator.recorder import SimulatedRecorder
from metrics import facts
from supervisors import ChildFailed
from tests.actors.crashes import crash
from tests.actors.trees import Tree, lines, running
from tests.servers.truth import Key, compare, refilled

REFILL = "root/home:home/refill/refill"
CONNECTION = "root/home:home/live/connection"
SUBSCRIPTION = "root/home:home/live/subscription"


async def miss(tree: Tree, changes: int = 500) -> None:
    """Let the connection crash, and the home change before it is back."""
    await tree.heard.wait(facts.SessionOpened)
    tree.server.make_changes(300)
    await tree.settled()
    opened = len(tree.heard.of(facts.SessionOpened))
    await crash(CONNECTION)
    await tree.until(lambda: not tree.server.clients)
    tree.server.make_changes(changes)
    await tree.heard.wait(facts.SessionOpened, opened + 1)
    tree.server.make_changes(100)


async def ledger(tree: Tree) -> list[tuple[str, str]]:
    """Return cause and state of every gap, the newest first."""
    return [(gap["cause"], gap["state"]) for gap in (await tree.get("/api/gaps")).json()]


def wrong(tree: Tree) -> dict[str, int]:
    stored = tree.stored()
    found = compare(refilled(tree.truth(), stored), stored)
    return {name: found[name] for name in ("missing", "extra", "doubled") if found[name]}


def lost(tree: Tree) -> set[Key]:
    return tree.truth().keys() - {(row["entity_id"], row["time"]) for row in tree.stored()}


@pytest.mark.parametrize(("had_begun", "expected"), [(set(), True), ({"sensor.a"}, False)])
async def test_a_recorder_begins_later_than_a_gap_where_it_has_nothing_of_before(
    had_begun: set[str], *, expected: bool
) -> None:
    class Asked:
        async def had_begun(self, _entity_ids: list[str], _at_us: int) -> set[str]:
            return had_begun

        async def all_rows(self, *_asked: object) -> dict[str, list[Row]]:
            return {}

    series = bare_series("home", "sensor.a")
    interval = Interval(entity_id="sensor.a", series=series, after_us=1_000_000, until_us=1_500_000)
    missed = (Missed(id=1, interval=interval, returned_us=None),)
    gap = OpenGap(
        gap="home:1",
        cause="service_down",
        from_us=1_000_000,
        intact=False,
        anchors=(("sensor.a", 1_000_000),),
        missed=missed,
    )
    assert await begins_later(gap, cast("Past", Asked())) is expected


async def test_a_gap_is_filled_while_live_events_go_on(tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        await miss(tree)
        settled = await tree.heard.wait(facts.GapSettled)
        await tree.until(lambda: not wrong(tree))
        assert (settled.cause, settled.refilled) == ("crash", 500)
        exposed = lines((await tree.get("/metrics")).text, "ingestor_events_refilled_total")
        assert exposed == {'{home="home"}': 500.0}
        assert (await ledger(tree))[1] == ("first_start", "since")


async def test_what_has_times_of_before_a_gap_because_the_clock_was_set_back_in_it_is_found(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as tree, trio.open_nursery() as nursery:
        await tree.heard.wait(facts.SessionOpened)
        tree.server.make_changes(300)
        await tree.settled()
        tree.server.stop()
        await tree.heard.wait(facts.SessionClosed)
        tree.server.home.step_clock(tree.stored()[-1]["time"] / 1e9 - time.time() - 2.1)
        tree.server.make_changes(100)  # behind the last captured change, and before it by their times
        await trio.sleep(2.3)
        tree.server.make_changes(100)
        await nursery.start(tree.server.run)
        await tree.heard.wait(facts.SessionOpened, 2)
        tree.server.make_changes(100)
        ended = await tree.heard.wait(facts.BackfillEnded)
        await tree.until(lambda: not lost(tree))
        assert (ended.state, ended.imported) == ("done", 100)
        assert (await ledger(tree))[0] == ("clock_set_back", "filled")
        nursery.cancel_scope.cancel()


async def test_a_storm_whose_answer_is_too_large_is_asked_for_in_smaller_parts(tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        tree.server.home.recorder = SimulatedRecorder(time.time, kept=100_000)
        await miss(tree, changes=30_000)  # within a moment: its first answer would have 8 MB
        settled = await tree.heard.wait(facts.GapSettled, seconds=60)
        await tree.until(lambda: not wrong(tree))
        assert settled.refilled == 30_000
        assert tree.heard.of(facts.RefillFailed) == []


@pytest.mark.parametrize(("word", "code"), [("unauthorized", "unauthorized"), ("invalid_format", "refused")])
async def test_a_recorder_that_refuses_turns_refill_off_loudly_but_never_capture(
    tmp_path: Path, word: str, code: str
) -> None:
    async with running(tmp_path) as tree:
        tree.server.home.recorder.refusal = word
        await miss(tree)
        failed = await tree.heard.wait(facts.RefillFailed)
        health = (await tree.get("/api/health")).json()
        assert (failed.code, failed.retry_seconds) == (code, 900)
        assert "gaps cannot be refilled" in health["problems"]["recorder"]
        assert lines((await tree.get("/metrics")).text, "ingestor_refill_up") == {'{home="home"}': 0.0}
        assert (await ledger(tree))[0] == ("crash", "open")
        before = tree.service.status.stored
        tree.server.make_changes(100)
        await tree.until(lambda: tree.service.status.stored >= before + 100)


async def test_a_recorder_that_only_failed_is_asked_again_soon_and_says_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "MINUTE_SECONDS", 0.0)
    async with running(tmp_path) as tree:
        tree.server.home.recorder.refusal = "unknown_error"
        await miss(tree)
        failed = await tree.heard.wait(facts.RefillFailed)
        assert (failed.code, failed.retry_seconds) == ("protocol", 1)
        tree.server.home.recorder.refusal = None
        settled = await tree.heard.wait(facts.GapSettled)
        assert settled.refilled == 500
        told = [(one.work, one.imported) for one in tree.heard.of(facts.WorkProgressed)]
        assert told[-1] == ("refill", 500)


async def test_a_home_that_starts_up_is_asked_later(tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        tree.server.home.running = False
        await miss(tree)
        assert (await tree.heard.wait(facts.RefillFailed)).code == "starting"
        assert "recorder" not in (await tree.get("/api/health")).json()["problems"]
        tree.server.home.running = True
        await tree.heard.wait(facts.GapSettled, seconds=20)
        await tree.until(lambda: not wrong(tree))


async def test_a_crash_of_the_refill_begins_again_and_doubles_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        await miss(tree)
        while not any("refill" in failed.path for failed in tree.heard.of(ChildFailed)):
            await crash(REFILL)  # one that waits for a thread cannot be struck just then
            await trio.sleep(0.02)
        await tree.heard.wait(facts.GapSettled, seconds=20)
        await tree.until(lambda: not wrong(tree))
        assert tree.restarts() == {CONNECTION: 1, SUBSCRIPTION: 1, REFILL: 1}


async def test_an_answer_that_can_not_be_read_is_told_and_asked_for_again(tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        commands = tree.server.home.recorder.commands
        info = commands["recorder/info"]
        commands["recorder/info"] = lambda _asked: ["no", "object"]
        await miss(tree)
        assert (await tree.heard.wait(facts.RefillFailed)).code == "protocol"
        commands["recorder/info"] = info
        await tree.heard.wait(facts.GapSettled, seconds=20)
        await tree.until(lambda: not wrong(tree))
        assert REFILL not in tree.restarts()


async def test_a_refill_that_crashes_at_every_run_never_touches_live_capture(tmp_path: Path) -> None:
    async with running(tmp_path) as tree:
        await miss(tree)
        with trio.fail_after(30):
            while tree.restarts().get(REFILL, 0) < 5:
                await crash(REFILL)
                await trio.sleep(0.02)
        before = tree.service.status.stored
        tree.server.make_changes(100)
        await tree.until(lambda: tree.service.status.stored >= before + 100)
        restarts = tree.restarts()
        crashes = lines((await tree.get("/metrics")).text, "ingestor_actor_crashes_total")
    assert (restarts[CONNECTION], restarts[SUBSCRIPTION]) == (1, 1)
    assert crashes[f'{{child="{REFILL}"}}'] >= 5
