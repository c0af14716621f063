"""Messages that a real Home Assistant 2025.4.4 sent, one of each kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parent.parent / "samples"


def received(name: str) -> Any:
    """Return the message as the server sent it."""
    return json.loads((SAMPLES / f"{name}.json").read_text())["received"]


def frame(name: str, **changes: Any) -> str:
    """Return the message as a text frame, with some keys changed."""
    return json.dumps(received(name) | changes)


def state_changes() -> list[str]:
    """Return the names of all the sampled state changes."""
    return sorted(path.stem for path in SAMPLES.glob("event_state_changed_*.json"))


def messages(text: str | bytes) -> list[Any]:
    """Return the messages of a frame."""
    said = json.loads(text)
    return said if isinstance(said, list) else [said]
