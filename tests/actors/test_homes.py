"""Three homes in one tree, of which one flaps: nothing of any is lost or doubled, and the others do not notice."""

from __future__ import annotations

import sqlite3
from argparse import Namespace
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import httpx
import pytest
import trio

from ingestor.assembly.run import Exit
from ingestor.assembly.service import Service, build
from ingestor.commands.audit import audit, tell_what_is_older
from ingestor.commands.backfill import backfill
from ingestor.commands.check import OF_A_HOME, find
from ingestor.simulator.home import SimulatedHome
from ingestor.simulator.server import SimulatedServer
from ingestor.simulator.weather import serve_weather
from metrics import facts
from supervisors import ChildFailed, SupervisorGaveUp
from tests.actors.crashes import crash
from tests.actors.heard import Heard
from tests.actors.homes import TOKEN
from tests.actors.several import home_of, settings_of
from tests.actors.trees import lines, until_drained
from tests.servers.any_influxdb import any_influxdb, events_in
from tests.servers.logs import logged
from tests.servers.simulated_home import SimHome
from tests.servers.truth import Row, compare, expected, refilled

FLAPPING = "barn"
STEADY = ("attic", "cellar")
NAMES = ("attic", "barn", "cellar")
LATITUDES = {"attic": 50.0, "barn": 51.0, "cellar": 52.0}
BEAT = "sensor.beat"
CHANGES_PER_SECOND = 60
CONNECTION, SUBSCRIPTION = (f"root/home:{FLAPPING}/live/{actor}" for actor in ("connection", "subscription"))
CLOSED = ("closed", "closed")
BESIDE = (f"root/home:{FLAPPING}/weather", f"root/home:{FLAPPING}/refill/refill")

F = TypeVar("F")
Store = tuple[dict[str, Any], Callable[[], list[Row]]]
"""The settings of a store, and what it holds."""


class PlacedHome(SimulatedHome):
    """A simulated home at a place of its own."""

    def __init__(self, name: str) -> None:
        super().__init__(zones=1, seed=len(name), recorded=500_000)
        self.place = LATITUDES[name], 5.0


class Homes:
    """A running tree with its homes; `nursery` is theirs."""

    def __init__(
        self, service: Service, nursery: trio.Nursery, servers: dict[str, SimulatedServer], heard: Heard
    ) -> None:
        self.service = service
        self.nursery = nursery
        self.servers = servers
        self.heard = heard
        self._beats = 0

    def of(self, kind: type[F], home: str) -> list[F]:
        """Return the facts of a kind about a home."""
        return [fact for fact in self.heard.facts if isinstance(fact, kind) and getattr(fact, "home", "") == home]

    async def get(self, path: str) -> Any:
        """Return what the API answers as JSON."""
        return (await self.request("GET", path)).json()

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send the API a request."""
        async with httpx.AsyncClient(base_url=self.service.api.url, timeout=10) as client:
            return await client.request(method, path, **options)

    async def beat(self) -> None:
        """Wait until a change that each steady home makes now is captured."""
        self._beats += 1
        for name in STEADY:
            server = self.servers[name]
            server.publish(server.home.put(BEAT, str(self._beats), {}))
        beating: set[str] = set()
        with trio.fail_after(10):
            while beating != set(STEADY):
                newest = await self.get(f"/api/events/recent?entity_id={BEAT}&limit=2")
                beating = {one["home"] for one in newest if one["state_value"] == str(self._beats)}

    async def crash(self, actor: str, until: Callable[[], bool]) -> None:
        """Crash an actor again and again until something is true; at some of its awaits it cannot be struck."""
        with trio.fail_after(20):
            while not until():
                await crash(actor)
                await trio.sleep(0.02)

    async def give_up(self, actor: str) -> None:
        """Crash a live actor until the live part of its home is given up."""
        before = len(self.heard.of(SupervisorGaveUp))
        await self.crash(actor, lambda: len(self.heard.of(SupervisorGaveUp)) > before)

    async def flap(self, fault: str) -> None:
        """Bring a fault upon the home that flaps; the others beat meanwhile."""
        server = self.servers[FLAPPING]
        if fault == "closed":
            await self.connected(wanted=True)
            server.stop()
            await self.connected(wanted=False)
            await self.beat()
            await self.nursery.start(server.run)
        else:
            failed = len(self.heard.of(ChildFailed))
            await self.crash(fault, lambda: len(self.heard.of(ChildFailed)) > failed)
        await self.beat()

    async def connected(self, *, wanted: bool) -> None:
        """Wait until the home that flaps is connected, or is not."""
        status = self.service.status.homes[FLAPPING]
        with trio.fail_after(20):
            while status.connected is not wanted:  # noqa: ASYNC110  what is waited for has no event of its own
                await trio.sleep(0.02)

    @asynccontextmanager
    async def changing(self) -> AsyncGenerator[None]:
        """Let every home change all the time, until the end of the block."""
        async with trio.open_nursery() as nursery:
            for server in self.servers.values():
                nursery.start_soon(server.change_at, CHANGES_PER_SECOND)
            yield
            nursery.cancel_scope.cancel()

    async def wrong(self, rows: Callable[[], list[Row]]) -> dict[str, dict[str, int]]:
        """Wait until nothing is wrong with any home; return what is, after a time in which everything is refilled."""
        found: dict[str, dict[str, int]] = {}
        with trio.move_on_after(40):
            while True:
                stored = await trio.to_thread.run_sync(rows)
                found = {name: wrong for name in NAMES if (wrong := self._wrong(name, stored))}
                if not found:
                    break
                await trio.sleep(0.2)
        return found

    def _wrong(self, home: str, rows: list[Row]) -> dict[str, int]:
        told = SimHome()
        told.server = self.servers[home]
        stored = [row for row in rows if row["home"] == home]
        found = compare(refilled(expected(told.truth(), home), stored), stored)
        names = ("missing", "extra", "doubled", *(("different",) if home in STEADY else ()))
        return {name: found[name] for name in names if found[name]}


@asynccontextmanager
async def served() -> AsyncGenerator[tuple[trio.Nursery, dict[str, SimulatedServer]]]:
    """Serve three homes until the end of the block."""
    servers = {name: SimulatedServer(PlacedHome(name), token=TOKEN, remember=True) for name in NAMES}
    async with trio.open_nursery() as nursery:
        for server in servers.values():
            await nursery.start(server.run)
        yield nursery, servers
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def three_homes(data_dir: Path, **given: Any) -> AsyncGenerator[Homes]:
    """Run a tree with three homes until the end of the block, then drain it."""
    heard = Heard()
    with logged():
        async with served() as (nursery, servers):
            weather = await nursery.start(serve_weather)
            given |= {"weather_provider": "openweathermap", "weather_api_key": "key", "weather_base_url": weather}
            given |= {"data_dir": data_dir, "batch_max_seconds": 0.1, "commit_seconds": 0.1}
            homes = [home_of(name, server.url) for name, server in servers.items()]
            service = build(settings_of(homes, **given), more_reports=(heard,), random=Random(1))
            async with until_drained(service):
                await heard.wait(facts.SessionOpened, len(NAMES), seconds=20)
                yield Homes(service, nursery, servers, heard)
    assert heard.undeclared == []


@contextmanager
def embedded(directory: Path) -> Generator[Store]:
    def rows() -> list[Row]:
        with closing(sqlite3.connect(directory / "events.sqlite3")) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute("SELECT * FROM home_assistant_events ORDER BY time")]

    yield {}, rows


@contextmanager
def influxdb(_directory: Path) -> Generator[Store]:
    with any_influxdb() as settings:
        yield {name.lower(): value for name, value in settings.items()}, lambda: events_in(settings)


@pytest.mark.parametrize(("store", "given_up"), [(embedded, CONNECTION), (influxdb, SUBSCRIPTION)])
async def test_a_home_that_flaps_loses_nothing_and_disturbs_no_other(
    store: Callable[[Path], Any], given_up: str, tmp_path: Path
) -> None:
    random = Random(len(given_up))
    faults = [*CLOSED, CONNECTION, CONNECTION, SUBSCRIPTION, *BESIDE]
    random.shuffle(faults)
    with store(tmp_path) as (given, rows):
        async with three_homes(tmp_path, **given) as homes:
            async with homes.changing():
                for fault in faults:
                    await homes.flap(fault)
                    await trio.sleep(random.uniform(0, 0.5))
                await homes.give_up(given_up)
                await homes.beat()
                await homes.connected(wanted=True)
            wrong = await homes.wrong(rows)
            gaps = {name: await homes.get(f"/api/gaps?home={name}") for name in NAMES}
            health = await homes.get("/api/health")
    assert wrong == {}
    for home in STEADY:
        assert [gap["cause"] for gap in gaps[home]] == ["first_start"]
        assert len(homes.of(facts.SessionOpened, home)) == 1
    assert len(gaps[FLAPPING]) > len(CLOSED)
    assert {actor.split("/")[1] for actor in health["restarts"]} == {f"home:{FLAPPING}"}
    assert health["connection_status"]["reconnect_count"] == len(homes.of(facts.SessionOpened, FLAPPING)) - 1


async def test_health_weather_and_metrics_are_each_homes_own(tmp_path: Path) -> None:
    span = {"from": "2026-01-01T00:00:00Z"}
    async with three_homes(tmp_path) as homes:
        await homes.heard.wait(facts.WeatherUpdated, len(NAMES), seconds=20)
        await homes.heard.wait(facts.StoreReady, seconds=20)
        whole = await homes.get("/api/health")
        homes.servers[FLAPPING].stop()
        await homes.heard.wait(facts.ConnectFailed, seconds=20)
        broken = await homes.get("/api/health")
        exposed = (await homes.request("GET", "/metrics")).text
        asked = await homes.request("POST", "/api/audit", json=span)
        begun = [await homes.request("POST", "/api/audit", json=span | {"home": home}) for home in STEADY]
        places = {home.weather.home: home.weather.location for home in homes.service.homes}
    assert (whole["connection_status"]["connected"], whole["problems"]) == (True, {})
    assert broken["connection_status"]["connected"] is False
    assert broken["service_status"]["websocket_client"] == "unhealthy"
    assert list(broken["problems"]) == ["websocket_client"]
    assert broken["problems"]["websocket_client"].startswith(f"{FLAPPING}: ")
    assert lines(exposed, "ingestor_connected") == {f'{{home="{name}"}}': float(name in STEADY) for name in NAMES}
    assert set(lines(exposed, "ingestor_weather_age_seconds")) == {f'{{home="{name}"}}' for name in NAMES}
    assert (asked.status_code, asked.json()["detail"]) == (400, "home: must be one of attic, barn, cellar")
    assert [(one.status_code, one.json()["home"], one.json()["id"]) for one in begun] == [
        (200, "attic", 1),
        (200, "cellar", 2),
    ]
    assert places == {name: f"{latitude:g},5" for name, latitude in LATITUDES.items()}


async def test_a_home_that_does_not_answer_at_the_end_holds_up_no_other(tmp_path: Path) -> None:
    async with three_homes(tmp_path) as homes:
        homes.servers[FLAPPING].mute = True
        for name in STEADY:
            homes.servers[name].make_changes(1000)
    ended = [fact.home for fact in homes.heard.of(facts.SessionClosed)]
    assert (set(ended[:2]), ended[2:]) == (set(STEADY), [FLAPPING])
    assert homes.service.drop() == (0, 0)
    with embedded(tmp_path) as (_, rows):
        assert await homes.wrong(rows) == {}


async def test_commands_without_a_service_ask_each_home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with served() as (_, servers):
        homes = [home_of(name, server.url) for name, server in servers.items()]
        settings = settings_of(homes, data_dir=tmp_path)
        for server in servers.values():
            server.make_changes(50)
        found = await find(settings)
        span = Namespace(from_=datetime.now(UTC) - timedelta(hours=1), to_=None, json=False)
        outcomes = [await command(settings, span) for command in (backfill, audit)]
    assert [one.subject for one in found if one.works][: len(OF_A_HOME) * len(NAMES)] == [
        f"{what} of {name}" for name in NAMES for what in OF_A_HOME
    ]
    assert outcomes == [Exit.DONE, Exit.DONE]
    assert capsys.readouterr().out.splitlines() == [
        *(f"{name}  compared: 51  imported: 51  hours of statistics: 0" for name in NAMES),
        *(f"{name}  compared: 0  refilled: 0  in the quarantine: 0" for name in NAMES),
        *(f"{name}  the service has not run yet, so nothing is compared: see `ingestor backfill`" for name in NAMES),
    ]
    await tell_what_is_older(settings, span.from_, NAMES)
    assert capsys.readouterr().out == "", "what was compared, though its first start is not known"
    with embedded(tmp_path) as (_, rows):
        assert Counter(row["home"] for row in rows()) == dict.fromkeys(NAMES, 51)
