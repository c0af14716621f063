"""`python -m tests.pictures` draws the dashboard "Ingestor" in five situations, as docs/monitoring.md shows them."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from tests.pictures.answers import answers
from tests.pictures.drawing import drawn
from tests.pictures.situations import SITUATIONS, watched

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
BOARD = ROOT / "grafana" / "dashboards" / "ingestor.json"
_WELL_SECONDS, _AFTER_SECONDS = 35, 50


def main(names: list[str]) -> None:
    """Make each situation, and a picture of it."""
    PICTURES.mkdir(exist_ok=True)
    board = json.loads(BOARD.read_text())
    for name in names or SITUATIONS:
        with tempfile.TemporaryDirectory() as directory, watched(Path(directory)) as situation:
            time.sleep(_WELL_SECONDS)
            SITUATIONS[name](situation)
            time.sleep(_AFTER_SECONDS)
            found = answers(board, situation.prometheus.url)
        (PICTURES / f"{name}.svg").write_text(drawn(board, found, name.replace("-", " ")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
