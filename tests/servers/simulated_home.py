"""The simulated home with the interface of the real one, so that both stand in the same tests."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import trio

from ingestor.simulator.home import Json, SimulatedHome
from ingestor.simulator.server import SimulatedServer
from tests.servers.truth import Row

TOKEN = "token-of-the-simulated-home"  # noqa: S105  it opens nothing


class SimHome:
    """One simulated home in a thread of its own."""

    token = TOKEN

    def __init__(self, **options: Any) -> None:
        self.server = SimulatedServer(SimulatedHome(zones=1, recorded=500_000, **options), token=TOKEN, remember=True)
        self._started = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it serves."""
        return self.server.url

    def start(self) -> None:
        """Start it, at the same port as before."""
        self._started.clear()
        self._thread = threading.Thread(target=trio.run, args=(self._serve,), daemon=True)
        self._thread.start()
        self._started.wait(10)

    def stop(self) -> None:
        """Stop it; sockets close without a word."""
        if self._thread is not None:
            trio.from_thread.run_sync(self.server.stop, trio_token=self._token)
            self._thread.join()

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def run(
        self, *, count: int, rate: float, burst: int = 0, bursts: int = 0, seed: int = 0, wait_seconds: float = 0
    ) -> None:
        """Make changes, of which `bursts` times `burst` in one turn of the loop; return when they are made."""
        del seed, wait_seconds

        async def make() -> None:
            steady = count - burst * bursts
            for part in range(bursts + 1):
                await self.server.change_at(rate, burst=max(1, int(rate // 100)), count=steady // (bursts + 1))
                if part < bursts:
                    self.server.make_changes(burst)

        trio.from_thread.run(make, trio_token=self._token)

    def call(self, domain: str, service: str) -> None:
        """Call a service: those of the recorder that switch it off and on."""
        assert (domain, service) in {("recorder", "disable"), ("recorder", "enable")}
        self.server.home.recorder.recording = service == "enable"

    def put(self, entity_id: str, state: str | None, **attributes: Any) -> None:
        """Give an entity a state; none removes it."""

        def change() -> None:
            self.server.publish(self.server.home.put(entity_id, state, attributes))

        trio.from_thread.run_sync(change, trio_token=self._token)

    def truth(self) -> list[Row]:
        """Return everything that the bus said, in order, as our component for the real one tells it."""
        return self._told(list(self.server.truth))

    def news(self) -> list[Row]:
        """Return what the bus said since the last call, and forget it."""
        heard = trio.from_thread.run_sync(self._taken, trio_token=self._token)
        return self._told(heard)

    def _taken(self) -> list[Json]:
        heard, self.server.truth = self.server.truth, []
        return heard

    def _told(self, heard: list[Json]) -> list[Row]:
        areas = {area["area_id"]: area["name"] for area in self.server.home.registry("area")}
        devices = {device["id"]: device["area_id"] for device in self.server.home.registry("device")}
        entities = {e["entity_id"]: areas.get(e["area_id"] or devices.get(e["device_id"]))
                    for e in self.server.home.registry("entity")}  # fmt: skip
        persons: dict[str, str] = {}
        told = []
        for event in heard:
            data, context = event["data"], event["context"]
            new, old, entity_id = data["new_state"], data["old_state"], data["entity_id"]
            if entity_id.startswith("person."):
                persons[entity_id] = new["state"] if new else ""
            at_home = sum(state == "home" for state in persons.values())
            told.append(
                {
                    "entity_id": entity_id,
                    "new": [new["state"], new["attributes"], new["last_updated"]] if new else None,
                    "old": [old["state"], old["last_updated"]] if old else None,
                    "time_fired": event["time_fired"],
                    "area": entities.get(entity_id),
                    "persons_home": at_home if event not in self.server.home.born else None,
                    "context": [context["id"], context["parent_id"], context["user_id"]],
                }
            )
        return told

    async def _serve(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        async with trio.open_nursery() as nursery:
            await nursery.start(self.server.run)
            self._started.set()


@contextmanager
def simulated_home(**options: Any) -> Generator[SimHome]:
    """Hold a home that serves."""
    home = SimHome(**options)
    home.start()
    try:
        yield home
    finally:
        home.stop()
