"""What an event costs beside another version of the code, by the kind of the entity.

Run it: `python -m tests.bench.bench_before DIR`, where DIR is a worktree of the other version, as
`git worktree add --detach ../before 81c0e74` makes one: that is the last commit before typed fields and the cleaning of
attributes. A process of each version gets the same frames, in turns, and measures the CPU of its thread from frames to
events, and from these to lines; so many that what is done once for each entity, or once for all of a kind, counts as
little as in a home. Told are the least of all turns, which the machine has disturbed least, and the median of their
ratios.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from ingestor.live.entities import Entities
from ingestor.live.frames import Frame
from ingestor.live.stream import Stream
from ingestor.model.records import Event
from ingestor.storage.lines import LineEncoder

PER_FRAME = 100
ENTITIES = 50
STEPS = ("to events", "to lines")

Attributes = Callable[[Random, int], dict[str, Any]]


def _sensor(_random: Random, _number: int) -> dict[str, Any]:
    return {"state_class": "measurement", "unit_of_measurement": "°C", "device_class": "temperature"}


def _zigbee(random: Random, number: int) -> dict[str, Any]:
    return _sensor(random, number) | {"linkquality": random.randrange(256), "battery": 80, "voltage": 3000 + number}


def _light(random: Random, number: int) -> dict[str, Any]:
    color = [random.randrange(256), 7, number % 256]
    modes = {"effect_list": ["None", "colorloop"], "supported_color_modes": ["color_temp", "xy"], "effect": None}
    least = {
        "supported_features": 44,
        "min_color_temp_kelvin": 2202,
        "max_color_temp_kelvin": 6535,
        "min_mireds": 153,
        "max_mireds": 454,
    }
    now = {"color_mode": "xy", "brightness": color[0], "color_temp_kelvin": None, "color_temp": None}
    return {**least, **modes, **now, "hs_color": color[:2], "rgb_color": color, "xy_color": [0.3, random.random()]}


def _climate(random: Random, number: int) -> dict[str, Any]:
    can = {"hvac_modes": ["off", "heat"], "min_temp": 7, "max_temp": 35, "supported_features": 17}
    has = {"current_temperature": round(random.uniform(15, 25), 1), "current_humidity": random.randrange(30, 70)}
    return {**can, **has, "temperature": 21, "hvac_action": ("heating", "idle")[number % 2], "preset_mode": "none"}


def _player(random: Random, number: int) -> dict[str, Any]:
    song = {
        "supported_features": 64,
        "media_content_id": f"track:{number}",
        "media_title": f"Song {number}",
        "media_artist": "Artist",
    }
    place = {"media_duration": 230, "media_position": number % 230, "volume_level": round(random.random(), 2)}
    picture = f"/api/media_player_proxy/media_player.x?token=5a1&cache={number}"
    return {**song, **place, "source": "TV", "source_list": ["TV", "Radio"], "entity_picture": picture}


KINDS: dict[str, tuple[str, Attributes]] = {
    "a sensor, its attributes unchanged": ("sensor", _sensor),
    "a sensor with a changing link quality": ("sensor", _zigbee),
    "a light of which everything changes": ("light", _light),
    "a climate of which everything changes": ("climate", _climate),
    "a player with a new song": ("media_player", _player),
}


def frames(domain: str, attributes: Attributes, events: int) -> list[str]:
    """Return the frames of changes of such entities, each with a name and the state before."""
    chance, states, messages = random.Random(1), dict[str, Any](), []
    for number in range(events):
        entity_id = f"{domain}.{number % ENTITIES}"
        at = f"2026-11-26T12:{number // 60_000 % 60:02}:{number // 1000 % 60:02}.{number % 1000:03}000+00:00"
        context = {"id": f"01{number:024}", "parent_id": None, "user_id": None}
        state = {
            "entity_id": entity_id,
            "state": f"{chance.uniform(0, 30):.2f}" if domain == "sensor" else "on",
            "attributes": attributes(chance, number) | {"friendly_name": entity_id},
            **dict.fromkeys(("last_changed", "last_reported", "last_updated"), at),
            "context": context,
        }
        data = {"entity_id": entity_id, "old_state": states.get(entity_id), "new_state": state}
        event = {"event_type": "state_changed", "data": data, "time_fired": at, "context": context}
        messages.append({"type": "event", "event": event, "id": 1})
        states[entity_id] = state
    parts = (messages[at : at + PER_FRAME] for at in range(0, events, PER_FRAME))
    return [json.dumps(part, separators=(",", ":"), ensure_ascii=False) for part in parts]


def taken(texts: list[str]) -> tuple[float, ...]:
    """Return the CPU seconds of each of the `STEPS`."""
    stream, encoder = Stream("home", Entities()), LineEncoder()
    to_events = to_lines = 0.0
    for text in texts:
        began = time.thread_time()
        taken = stream.take([Frame(session=1, received_at_ns=0, text=text)])
        stream.accept()
        made = time.thread_time()
        encoder.encode(record for record in taken.records if isinstance(record, Event))
        to_events, to_lines = to_events + made - began, to_lines + time.thread_time() - made
    return to_events, to_lines


class _Version:
    """A process with the code of one version, which measures what it is told."""

    def __init__(self, directory: Path, loads: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "measure", str(loads)],
            env=os.environ | {"PYTHONPATH": str(directory.resolve())},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def seconds(self, kind: str) -> list[float]:
        """Return the CPU seconds of one turn, by step."""
        assert self._process.stdin
        assert self._process.stdout
        print(kind, file=self._process.stdin, flush=True)
        return [float(seconds) for seconds in self._process.stdout.readline().split()]

    def stop(self) -> None:
        """End it."""
        self._process.communicate()


def compare(other: Path, events: int, rounds: int) -> dict[tuple[str, str], tuple[float, float, float]]:
    """Return by kind and step the microseconds of an event: of the other version, of this one; and their ratio."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        loads = Path(name, "loads.json")
        loads.write_text(json.dumps({kind: frames(*of, events) for kind, of in KINDS.items()}))
        versions = [_Version(directory, loads) for directory in (other, Path(__file__).parents[2])]
        for version in versions:
            stack.callback(version.stop)
        turns = {kind: [[one.seconds(kind) for one in versions] for _ in range(rounds)] for kind in KINDS}
    return {
        (kind, step): _least([(before[place], now[place]) for before, now in pairs], events)
        for kind, pairs in turns.items()
        for place, step in enumerate(STEPS)
    }


def _least(pairs: list[tuple[float, float]], events: int) -> tuple[float, float, float]:
    before, now = (min(of) / events * 1e6 for of in zip(*pairs, strict=True))
    return before, now, median(one / other for other, one in pairs)


def main(other: str, events: int = 10_000, rounds: int = 20) -> None:
    """Print the figures."""
    for (kind, step), (before, now, ratio) in compare(Path(other), events, rounds).items():
        print(f"{kind:40} {step:9} {before:6.2f} us before, {now:6.2f} us now; median ratio {ratio:.2f}")  # noqa: T201  it tells


if __name__ == "__main__":
    if sys.argv[1] == "measure":
        texts: dict[str, list[str]] = json.loads(Path(sys.argv[2]).read_text())
        for line in sys.stdin:
            print(*taken(texts[line.strip()]), flush=True)  # noqa: T201  it answers
    else:
        main(sys.argv[1])
