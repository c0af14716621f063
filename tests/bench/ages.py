"""The real service, which writes down how old each live event was at its commit: `python -m tests.bench.ages run`.

Each line of the file named by BENCH_AGES is a Unix time and an age, in seconds. The buckets of the service's own
histogram are too wide to compare two quantiles of about a second.
"""

from __future__ import annotations

import math
import os
import time
from functools import partial
from pathlib import Path

from ingestor.__main__ import main
from ingestor.assembly import run as service
from ingestor.assembly.service import build
from metrics import facts
from tests.servers.ingestor import Ingestor


class AgedIngestor(Ingestor):
    """An `ingestor run` whose commits are known one by one."""

    module = "tests.bench.ages"

    def __init__(self, directory: Path, **settings: str) -> None:
        self._ages = directory / "ages"
        super().__init__(directory, BENCH_AGES=str(self._ages), **settings)

    def ages(self, from_seconds: float = 0, to_seconds: float = math.inf) -> list[float]:
        """Return the ages of the events that were committed between two Unix times, in their order of size."""
        lines = [tuple(map(float, line.split())) for line in self._ages.read_text().splitlines()]
        return sorted(age for at, age in lines if from_seconds <= at < to_seconds)

    def age_quantiles(self, from_seconds: float = 0, to_seconds: float = math.inf) -> tuple[float, float]:
        """Return their median and 99th percentile, in seconds."""
        ages = self.ages(from_seconds, to_seconds)
        return ages[len(ages) // 2], ages[int(len(ages) * 0.99)]


if __name__ == "__main__":
    ages = Path(os.environ["BENCH_AGES"]).open("a", buffering=1)  # noqa: SIM115  until the end

    def note(fact: facts.Fact) -> None:
        """Write the ages of a commit down."""
        if isinstance(fact, facts.BatchCommitted):
            ages.write("".join(f"{time.time()} {age}\n" for age in fact.ages_seconds))

    vars(service)["build"] = partial(build, more_reports=(note,))
    main()
