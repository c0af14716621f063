"""What is wrong is told by /health, in the log and by the metrics, and is right again once it is mended."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

from ingestor.simulator.server import MAXIMUM_PENDING
from metrics import facts
from metrics.codes import Window
from tests.actors.trees import lines, running


async def test_a_selection_that_leaves_nothing_is_told(tmp_path: Path) -> None:
    async with running(tmp_path, include="lihgt.*") as tree:
        assert (await tree.heard.wait(facts.EntitiesSelected)).entities == 0  # of a home that starts nothing is said
        tree.server.make_changes(MAXIMUM_PENDING + 1)  # so many close the session
        selected = await tree.heard.wait(facts.EntitiesSelected, 2)
        warned = await tree.heard.wait(facts.Warned)
        probe = await tree.get("/health")
        assert (probe.status_code, probe.json()["codes"]["selection"]) == (503, "selects_nothing")
        shown = lines((await tree.get("/metrics")).text, "ingestor_entities_selected")
        assert (shown, "INCLUDE: lihgt.*" in warned.detail) == ({'{home="home"}': 0}, True)
        assert f"none of {selected.entities} entities" in probe.json()["problems"]["selection"]
        tree.server.publish(tree.server.home.put("lihgt.new", "on", {}))
        await tree.until(lambda: "selection" not in tree.service.status.problems)


async def test_a_full_quarantine_pauses_the_home_until_it_is_emptied(tmp_path: Path) -> None:
    async with running(tmp_path, spool_max_bytes=2**20) as tree:
        await tree.heard.wait(facts.SessionOpened)
        for number in range(60):
            tree.server.publish(unreadable(tree.server.home.put("sensor.a", str(number), {"text": "x" * 20_000})))
        paused = await tree.heard.wait(facts.HomePaused)
        probe = await tree.get("/health")
        codes = {part: probe.json()["codes"][part] for part in ("quarantine", "websocket_client")}
        assert (probe.status_code, set(codes.values()), paused.code) == (503, {"quarantine_full"}, "quarantine_full")
        await tree.service.files.capture.keep()  # as it does by itself, once a minute
        ratios = lines((await tree.get("/metrics")).text, "ingestor_capture_ratio")
        assert [ratio < 1 for ratio in ratios.values()] == [True] * len(Window)
        while (await tree.request("POST", "/api/quarantine/drop", json={"all": True})).json()["done"]:
            pass
        await tree.heard.wait(facts.SessionOpened, 2)
        tree.server.make_changes(50)
        await tree.settled()
        await tree.until(lambda: not tree.service.status.problems)


def unreadable(event: Any) -> Any:
    """Return a change whose time is none."""
    broken = deepcopy(event)
    broken["data"]["new_state"]["last_updated"] = "yesterday"
    return broken
