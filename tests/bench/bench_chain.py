"""What checking the chain costs of the pipeline's time per event, in turns with a chain that is not checked.

Run it: `python -m tests.bench.bench_chain`. The limit is 5%.
"""

from __future__ import annotations

import time
from statistics import median

from ingestor.live.entities import Entities
from ingestor.live.frames import Frame, SessionStarted
from ingestor.live.stream import Stream
from ingestor.model.records import Event
from ingestor.storage.codec import pack
from ingestor.storage.lines import LineEncoder
from tests.bench.bench_pipeline import frames

LIMIT_PERCENT = 5


def pipeline(texts: list[str], *, checked: bool) -> float:
    """Return the seconds that the service takes from frame to spool and line; without a session nothing is checked."""
    stream, encoder = Stream("home", Entities()), LineEncoder()
    if checked:
        stream.take([SessionStarted(session=1, at_ns=0, results={})])
        stream.accept()
    began = time.perf_counter()
    for text in texts:
        taken = stream.take([Frame(session=1, received_at_ns=0, text=text)])
        stream.accept()
        pack(taken.records)
        encoder.encode(record for record in taken.records if isinstance(record, Event))
    return time.perf_counter() - began


def measure(events: int, rounds: int) -> tuple[float, float]:
    """Return microseconds per event with the chain, and its share of them in percent: medians of the turns."""
    texts = frames(events, 100)
    pairs = [(pipeline(texts, checked=True), pipeline(texts, checked=False)) for _ in range(rounds)]
    share = median((checked - unchecked) / checked for checked, unchecked in pairs)
    return median(checked for checked, _ in pairs) / events * 1e6, share * 100


def main(events: int = 20_000, rounds: int = 15) -> None:
    """Print the figures."""
    cost, share = measure(events, rounds)
    print(f"{cost:.2f} us an event, of which the chain is {share:.1f}% (limit {LIMIT_PERCENT}%)")  # noqa: T201  a bench prints


if __name__ == "__main__":
    main()
