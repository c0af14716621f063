"""A service lives among peers that say anything, for a moment; `make fuzz` does so ten thousand times."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

from tests.faults.fuzz import lived
from tests.faults.mutations import Mutations

SEED = int(os.environ.get("SEED", "1"))
TIMES = 60
ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"dt": 1, "main": {"temp": 2}}'


def test_the_same_seed_makes_the_same_mutations() -> None:
    def drawn(seed: int) -> list[object]:
        made = Mutations(Random(seed))
        settings = {"HA_URL": "http://home", "LOG_LEVEL": "info", "INCLUDE": "sensor.*", "DATA_DIR": "data"}
        found = [
            [made.json({"a": [1, {"b": None}]}), made.answer(ANSWER), made.settings(settings, fixed=["DATA_DIR"])]
            for _ in range(50)
        ]
        assert made.made == 150
        assert all(given["DATA_DIR"] == "data" for _, _, given in found if isinstance(given, dict))
        return [*found]

    assert drawn(SEED) == drawn(SEED) != drawn(SEED + 1)


def test_a_service_lives_among_peers_that_say_anything(tmp_path: Path) -> None:
    story = lived(TIMES, tmp_path, SEED)
    assert story.found == []
    assert story.mutations.made >= TIMES
