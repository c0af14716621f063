"""What an event costs from frame to line: decode, enrich, encode, against the least that it could cost.

The least is msgspec's decoding of the same frames and a line joined from a prefix that is known. Both are measured in
turns, so that the machine's mood meets both. Run it: `python -m tests.bench.bench_pipeline`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from statistics import median

import msgspec

from ingestor.homeassistant import wire
from ingestor.live.entities import Entities
from ingestor.live.frames import Frame
from ingestor.live.stream import Stream
from ingestor.model import instants
from ingestor.model.records import Event
from ingestor.simulator.home import SimulatedHome
from ingestor.storage.lines import LineEncoder


def frames(events: int, per_frame: int, home: SimulatedHome | None = None) -> list[str]:
    """Return the frames of a simulated home's changes."""
    home = home or SimulatedHome()
    messages = [msgspec.json.encode({"type": "event", "event": home.change(), "id": 9}).decode() for _ in range(events)]
    parts = [messages[at : at + per_frame] for at in range(0, events, per_frame)]
    return [f"[{','.join(part)}]" if per_frame > 1 else part[0] for part in parts]


def least(texts: list[str]) -> None:
    """Decode, and join a known prefix with the state."""
    prefixes: dict[str, str] = {}
    for text in texts:
        lines = []
        for message in wire.decode(text):
            if isinstance(message, wire.Message) and message.event is not None:
                data = message.event.data
                entity_id = data.entity_id
                prefix = prefixes.setdefault(entity_id, f"home_assistant_events,entity_id={entity_id} ")
                state = data.new_state.state if data.new_state else ""
                lines.append(f'{prefix}state="{state}" {instants.microseconds(message.event.time_fired)}000')
        "\n".join(lines).encode()


def pipeline(texts: list[str]) -> None:
    """Do what the service does with the frames."""
    stream, encoder = Stream("home", Entities()), LineEncoder()
    for text in texts:
        taken = stream.take([Frame(session=1, received_at_ns=0, text=text)])
        stream.accept()
        encoder.encode(record for record in taken.records if isinstance(record, Event))


def measure(events: int, rounds: int, sizes: Iterable[int] = (1, 100)) -> dict[int, tuple[float, float, float]]:
    """Return by frame size: microseconds per event of the service, of the least, and their ratio."""
    found = {}
    for size in sizes:
        texts = frames(events, size)
        pairs = [(_timed(pipeline, texts), _timed(least, texts)) for _ in range(rounds)]
        ours, limit = (median(one) / events * 1e6 for one in zip(*pairs, strict=True))
        found[size] = ours, limit, median(a / b for a, b in pairs)
    return found


def _timed(work: Callable[[list[str]], None], texts: list[str]) -> float:
    began = time.perf_counter()
    work(texts)
    return time.perf_counter() - began


def table(found: dict[int, tuple[float, float, float]]) -> str:
    """Return the figures as lines."""
    lines = ["events per frame   service us   least us   ratio"]
    lines += [f"{size:16}   {ours:10.2f}   {limit:8.2f}   {ratio:5.2f}" for size, (ours, limit, ratio) in found.items()]
    return "\n".join(lines)


def main(events: int = 20_000, rounds: int = 7) -> None:
    """Print the table."""
    print(table(measure(events, rounds)))  # noqa: T201  a bench prints


if __name__ == "__main__":
    main()
