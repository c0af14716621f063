"""How much is captured: over restarts, windows, and with everything against it that is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestor.assembly.files import STATE
from ingestor.history.capture import Capture, missed_in
from ingestor.history.ledger import Ledger
from ingestor.model.errors import Rejected
from ingestor.model.gaps import GapFound, Interval
from ingestor.model.records import bare_series
from ingestor.storage.database import Database
from ingestor.storage.losses import Losses
from ingestor.storage.quarantine import Quarantine
from metrics import facts
from metrics.codes import DropReason, ErrorCode, GapCause
from tests.servers.records import event

HOUR_NS = 3600 * 10**9
OPENED = facts.SessionOpened(home="home", session=1, version="")


class Clock:
    def __init__(self) -> None:
        self.now_ns = 500_000 * HOUR_NS

    def __call__(self) -> int:
        return self.now_ns


class World:
    """The state file of one process after another, with everything that the ratio is made of."""

    def __init__(self, directory: Path) -> None:
        self.clock = Clock()
        self.heard: list[facts.Fact] = []
        self.state = Database(directory / "state.sqlite3", STATE)
        self.restart()

    def restart(self) -> None:
        self.capture = Capture(["home", "cabin"], self.state, self.heard.append, self.clock)
        self.losses = Losses(self.state, self.heard.append, self.clock)

    async def heard_for(self, seconds: int, events: int) -> None:
        """Let the home be heard, with so many changes."""
        self.capture(OPENED)
        self.clock.now_ns += seconds * 10**9
        self.capture(facts.EventsReceived(home="home", events=events, newest_ns=1))
        self.capture(facts.SessionClosed(home="home", session=1, code=ErrorCode.CLOSED, detail=""))
        await self.capture.keep()

    async def gap(self, seconds: int, *entities: str, cause: str = ErrorCode.CLOSED) -> None:
        """Let a gap of so many seconds end now, in which these entities changed."""
        now_us = self.clock.now_ns // 1000
        intervals = tuple(
            Interval(entity_id=one, series=bare_series("home", one), after_us=1, until_us=now_us) for one in entities
        )
        found = GapFound(
            gap=f"home:{now_us}",
            home="home",
            cause=cause,
            detail="",
            from_us=now_us - seconds * 10**6,
            found_ns=self.clock.now_ns,
            intervals=intervals,
            whole=True,
        )
        await Ledger(self.state, self.heard.append).record([found])

    async def ratios(self, home: str = "home") -> dict[str, float]:
        await self.capture.keep()
        told = [fact.ratios for fact in self.heard if isinstance(fact, facts.CaptureMeasured) and fact.home == home]
        return {window: round(ratio, 3) for window, ratio in told[-1].items()}


@pytest.mark.parametrize(
    ("cause", "entities", "unfilled", "rate", "missed"),
    [
        (ErrorCode.CLOSED, 10, 10, 2.0, 200),
        (ErrorCode.CLOSED, 10, 5, 2.0, 100),
        (ErrorCode.CLOSED, 10, 10, 0.0, 10),  # at least one of each
        (ErrorCode.CLOSED, 0, 3, 0.1, 10),
        (GapCause.BROKEN_LINK, 1, 1, 2.0, 1),
    ],
)
def test_a_gap_lacks_what_the_home_usually_has_in_its_time(
    cause: str, entities: int, unfilled: int, rate: float, missed: float
) -> None:
    assert missed_in(cause, 100 * 10**6, entities, unfilled, rate) == missed


async def test_all_is_captured_until_something_is_not(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.capture.open_now()
    assert await world.ratios() == dict.fromkeys(("1h", "1d", "7d", "30d"), 1.0)
    await world.heard_for(1000, 800)
    quarantine = Quarantine(world.state, world.heard.append, world.clock)
    await quarantine.add([(event(number), Rejected("no")) for number in range(200)])
    assert (await world.ratios())["1h"] == 0.75
    await quarantine.remove(await quarantine.read(limit=-1))
    assert (await world.ratios())["1h"] == 1.0
    world.losses(facts.RecordsDropped(reason=DropReason.SHUTDOWN, records=200, events=200, detail=""))
    await world.losses.keep()
    assert (await world.ratios())["1h"] == 0.8
    await world.losses.acknowledge()
    assert await world.ratios() == dict.fromkeys(("1h", "1d", "7d", "30d"), 1.0)
    await world.state.aclose()


async def test_an_open_or_listed_gap_counts_by_the_home_s_rate_over_restarts_and_windows(tmp_path: Path) -> None:
    world = World(tmp_path)
    await world.heard_for(1000, 3000)
    world.restart()
    world.clock.now_ns += 333 * 10**9
    await world.gap(333, "sensor.a", "sensor.b")
    assert await world.ratios() == dict.fromkeys(("1h", "1d", "7d", "30d"), 0.75)  # 999 of 3,999
    assert (await world.ratios("cabin"))["1h"] == 1.0
    ledger = Ledger(world.state, world.heard.append)
    [gap] = await ledger.open_gaps("home")
    first, second = (one.id for one in gap.missed)
    await ledger.close(gap.gap, closed=[first], listed={second: "purged"}, refilled=0)
    assert (await world.ratios())["1h"] == 0.857  # 500 of 3,500
    world.clock.now_ns += 48 * HOUR_NS
    await world.heard_for(10, 10)
    assert await world.ratios() == {"1h": 1.0, "1d": 1.0, "7d": 0.858, "30d": 0.858}
    await ledger.close(gap.gap, closed=[second], listed={}, refilled=0)
    assert (await world.ratios())["30d"] == 1.0
    await world.state.aclose()


async def test_a_disk_that_is_away_costs_no_count(tmp_path: Path) -> None:
    world = World(tmp_path / "data")
    (tmp_path / "data").write_text("a file where the directory should be")
    with pytest.raises(Exception, match="data"):
        await world.heard_for(10, 100)
    (tmp_path / "data").unlink()
    await world.gap(0, *(f"sensor.number_{number}" for number in range(100)))
    assert (await world.ratios())["1h"] == 0.5
    await world.state.aclose()
