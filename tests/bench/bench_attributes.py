"""What leaving attributes out saves: bytes of the JSON of each state of a real Home Assistant, as sent and as stored.

The home has the entities of `demo` and `kitchen_sink`. Run it: `python -m tests.bench.bench_attributes`.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import msgspec
from msgspec import Raw, Struct

from ingestor.enrichment.attributes import Attributes
from tests.servers.home_assistant import RealHome
from tests.servers.home_socket import ask
from tests.servers.releases import demonstrated


class Saved(Struct, frozen=True):
    """Bytes a state of a domain, of so many entities."""

    entities: int
    sent: float
    stored: float


def measure(states: Iterable[Mapping[str, Any]], integrations: Mapping[str, str]) -> dict[str, Saved]:
    """Return it by domain; those whose entities have most to say come first."""
    wanted = Attributes()
    bytes_of: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for state in states:
        domain, sent = state["entity_id"].partition(".")[0], msgspec.json.encode(state["attributes"])
        kept = wanted.keep(domain, integrations.get(state["entity_id"]), Raw(sent), "°C")
        bytes_of[domain].append((len(sent), len((kept.text or "").encode())))
    found = {
        domain: Saved(len(pairs), mean(sent for sent, _ in pairs), mean(stored for _, stored in pairs))
        for domain, pairs in bytes_of.items()
    }
    return dict(sorted(found.items(), key=lambda item: item[1].stored - item[1].sent))


def table(found: Mapping[str, Saved]) -> str:
    """Return the figures as the table of docs/schema.md."""
    lines = [f"| {domain} | {one.entities} | {one.sent:.0f} | {one.stored:.0f} |" for domain, one in found.items()]
    return "\n".join(["| domain | entities | bytes sent | stored |", "| :-- | --: | --: | --: |", *lines])


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        home = RealHome(Path(name), **demonstrated())
        home.start()
        try:
            states, registry = ask(home, {"type": "get_states"}, {"type": "config/entity_registry/list"})
        finally:
            home.stop()
    integrations = {entity["entity_id"]: entity["platform"] for entity in registry}
    print(table(measure(states, integrations)))  # noqa: T201  a bench prints


if __name__ == "__main__":
    main()
