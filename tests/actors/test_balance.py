"""What came in is somewhere, to the event: after crashes, outages of home and database, refills, restarts."""

from __future__ import annotations

import platform
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import trio

from ingestor.assembly.run import note_loss
from ingestor.assembly.service import Service, build
from ingestor.config import load
from ingestor.model.errors import Rejected
from ingestor.model.gaps import GapFound, Interval
from ingestor.model.records import bare_series
from ingestor.simulator.server import SimulatedServer
from metrics.codes import DropReason, Window
from tests.actors.crashes import crash
from tests.actors.homes import TOKEN, serving, simulated
from tests.actors.trees import lines, until_drained
from tests.servers.influxdb2.server import ORG, ROOT, InfluxDB2, influxdb2
from tests.servers.influxdb2.storage import Answer
from tests.servers.records import event
from tests.servers.simulated_home import SimHome
from tests.servers.truth import Key, expected

OURS = "ingestor_"


class Scraped:
    """A service under test; a metric is the sum of its series, as Prometheus would see them now."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.status = service.status

    def __getitem__(self, name: str) -> float:
        return self.sum(name)

    def sum(self, name: str, labels: str = "") -> float:
        return sum(number for found, number in self.series(name).items() if labels in found)

    def series(self, name: str) -> dict[str, float]:
        text = self.service.render()[0].decode()
        return {labels: number for labels, number in lines(text, OURS + name).items() if labels[:1] in {"", "{"}}

    async def until(self, name: str, number: float, labels: str = "", seconds: float = 20) -> None:
        """Wait until a metric has come to this number; nothing may be unaccounted for meanwhile."""
        with trio.move_on_after(seconds):
            while self.sum(name, labels) != number:
                assert self["events_unaccounted"] == 0
                await trio.sleep(0.02)
        assert self.sum(name, labels) == number

    async def settled(self, received: float) -> None:
        """Wait until everything that came is delivered."""
        await self.until("events_received_total", received)
        await self.until("held_events", 0)
        await self.until("pending_events", 0)

    def terms(self) -> dict[str, float]:
        """Return every term that is not 0."""
        names = ("waited", "received", "restored", "refilled", "replayed", "stored", "quarantined", "expired")
        found = {name: self[f"events_{name}_total"] for name in names[1:]} | {"waited": self["events_waited"]}
        found |= {"skipped": self["events_skipped_total"], "dropped": self["events_dropped_total"]}
        found |= {"pending": self["pending_events"], "held": self["held_events"]}
        assert self["events_unaccounted"] == 0
        return {name: number for name, number in found.items() if number}


def made(data_dir: Path, server: SimulatedServer, settings: dict[str, Any]) -> Service:
    given = {"ha_url": server.url, "ha_token": TOKEN, "weather_provider": "none", "data_dir": data_dir, "api_port": 0}
    given |= {"commit_seconds": 0.05, "batch_max_seconds": 0.1}
    return build(load(_env_file=None, **(given | settings)), random=Random(1))


@asynccontextmanager
async def living(data_dir: Path, server: SimulatedServer, **settings: Any) -> AsyncGenerator[Scraped]:
    """Run a service on a home that goes on behind its end."""
    service = made(data_dir, server, settings)
    async with until_drained(service):
        yield Scraped(service)


@asynccontextmanager
async def killed(data_dir: Path, server: SimulatedServer, **settings: Any) -> AsyncGenerator[Scraped]:
    """Run a service that has no time to drain."""
    service = made(data_dir, server, settings)
    async with trio.open_nursery() as nursery:
        await nursery.start(service.root.run)
        yield Scraped(service)
        nursery.cancel_scope.cancel()
    await note_loss(service, *service.drop())
    service.api.close()
    await service.aclose()


def wanted(server: SimulatedServer) -> set[Key]:
    """Return everything that was to be stored if it had been heard."""
    told = SimHome()
    told.server = server
    return {key for key in expected(told.truth()) if not key[0].startswith("light.")}


def to(database: InfluxDB2) -> dict[str, Any]:
    return {"influxdb_url": database.url, "influxdb_org": ORG, "influxdb_token": ROOT}


def down(_double: InfluxDB2) -> Answer:
    return Answer(503, "unavailable", "down for a while")


async def test_every_term_is_what_the_home_has_sent_over_outages_crashes_refills_and_a_restart(tmp_path: Path) -> None:
    server = simulated()
    with influxdb2() as database:
        async with serving(server):
            server.make_changes(200)
            before = wanted(server)
            snapshot = {(one, max(at_ns for other, at_ns in before if other == one)) for one, _ in before}
            restored = len(snapshot)
            async with living(tmp_path, server, exclude="light.*", **to(database)) as one:
                await one.until("events_restored_total", restored)
                server.make_changes(500)
                await one.settled(received=500)
                stored = 500 - one["events_skipped_total"] + restored
                assert one.terms() == {
                    "received": 500,
                    "restored": restored,
                    "skipped": one["events_skipped_total"],
                    "stored": stored,
                }
                for actor in ("storage/spool", "storage/writer", "home:home/live/subscription"):
                    server.make_changes(300)
                    await crash(f"root/{actor}")
                    server.make_changes(300)
                await one.settled(received=2300)

                await crash("root/home:home/live/connection")
                while server.clients:  # noqa: ASYNC110  the home has no event for it
                    await trio.sleep(0.01)
                server.make_changes(400)  # to be refilled
                await one.until("sessions_total", 2)
                await one.until("gaps_settled_total", 1)
                await one.settled(received=one["events_received_total"])
                assert one["events_refilled_total"] > 0

                database.fault = down
                server.make_changes(300)
                await one.until("store_up", 0)
                await one.until("held_events", 0)
                pending = one.terms()["pending"]
            assert one.terms()["pending"] == pending > 100
            database.fault = None
            async with living(tmp_path, server, exclude="light.*", **to(database)) as one:
                await one.until("connected", 1)
                await one.settled(received=0)
                assert one.terms() == {"waited": pending, "stored": pending}
                assert one["capture_ratio"] == len(Window)
            points = database.buckets["home_assistant"].points
        rows = {(dict(tags)["entity_id"], at_ns) for name, tags, at_ns in points if name == "home_assistant_events"}
        assert rows == wanted(server) - before | snapshot


async def test_what_is_dropped_at_the_end_is_told_by_the_next_process_until_it_is_acknowledged(tmp_path: Path) -> None:
    server = simulated()
    async with serving(server):
        async with killed(tmp_path, server, commit_seconds=300) as one:
            await one.until("connected", 1)
            server.make_changes(50)
            await one.until("events_received_total", 50)
            assert one.terms() == {"received": 50, "held": 50}
        assert one.terms() == {"received": 50, "dropped": 50}
        async with living(tmp_path, server) as one:
            assert one.series("events_lost") == {'{reason="shutdown"}': 50, '{reason="spool_damaged"}': 0}
            assert one["events_dropped_total"] == 0
            assert one.status.warnings["losses"].code == "shutdown"
            assert one.series("problem")['{code="shutdown",part="losses"}'] == 1
            assert await one.service.files.losses.acknowledge() == 1
            assert (one["events_lost"], "losses" in one.status.warnings) == (0, False)
        async with living(tmp_path, server) as one:
            assert one["events_lost"] == 0
            [known] = await one.service.files.losses.read()
            assert (known.reason, known.events) == (DropReason.SHUTDOWN, 50)


async def test_the_first_scrape_knows_what_an_earlier_process_listed_and_set_aside(tmp_path: Path) -> None:
    server = simulated()
    async with serving(server):
        before = made(tmp_path, server, {})
        found = Interval(entity_id="sensor.a", series=bare_series("home", "sensor.a"), after_us=1, until_us=2)
        gap = GapFound(
            gap="g", home="home", cause="closed", detail="", from_us=1, found_ns=2, intervals=(found,), whole=True
        )
        await before.files.ledger.record([gap])
        [missed] = (await before.files.ledger.open_gaps("home"))[0].missed
        await before.files.ledger.close("g", closed=[], listed={missed.id: "purged"}, refilled=0)
        await before.files.quarantine.add([(event(1), Rejected("no"))])
        before.api.close()
        await before.aclose()
        after = Scraped(made(tmp_path, server, {}))
        assert (after["gap_intervals_listed"], after["quarantine_records"], after["gaps"]) == (1, 1, 1)
        problems = {labels for labels, number in after.series("problem").items() if number}
        assert '{code="not_empty",part="quarantine"}' in problems
        assert after["disk_total_bytes"] > after["disk_free_bytes"] > 0 < after.series("file_bytes")['{file="state"}']
        assert {labels for labels in after.series("actor_state") if "writer" in labels or "spool" in labels} == {
            '{child="root/storage/spool",state="down"}'
        }
        [info] = after.series("build_info")
        assert f'python_version="{platform.python_version()}"' in info
        after.service.api.close()
        await after.service.aclose()
