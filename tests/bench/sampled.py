"""The real service, which samples where its main thread spends its CPU: `python -m tests.bench.sampled run`.

SIGUSR1 begins; SIGUSR2 writes the samples of each module, as JSON, to the file named by BENCH_SAMPLES. A sample is that
of the innermost module of ours, of Trio or of the WebSocket libraries; what those call is theirs.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from pathlib import Path
from types import FrameType

import msgspec

from ingestor.__main__ import main
from tests.servers.ingestor import Ingestor
from tests.servers.processes import wait_until

EVERY_SECONDS = 0.001  # of CPU; the kernel's tick may be longer
WAITING = "waiting"
_MODULE = re.compile(
    r"/((?:ingestor|metrics|supervisors)/[\w/]+\.py)$|/site-packages/(trio|trio_websocket|wsproto|h11)/"
)


class SampledIngestor(Ingestor):
    """An `ingestor run` whose samples can be taken."""

    module = "tests.bench.sampled"

    def __init__(self, directory: Path, **settings: str) -> None:
        self._samples = directory / "samples"
        super().__init__(directory, BENCH_SAMPLES=str(self._samples), **settings)

    def sample(self) -> None:
        """Begin to sample."""
        os.kill(self.pid, signal.SIGUSR1)
        time.sleep(0.1)

    def samples(self) -> dict[str, int]:
        """End it, and return the samples of each module; none of those in which the thread waited."""
        os.kill(self.pid, signal.SIGUSR2)
        wait_until(self._samples.exists, "the samples are written")
        return msgspec.json.decode(self._samples.read_bytes(), type=dict[str, int])

    def main_thread_seconds(self) -> float:
        """Return the CPU that its main thread has used."""
        nanoseconds, _ = Path(f"/proc/{self.pid}/task/{self.pid}/schedstat").read_text().split(maxsplit=1)
        return int(nanoseconds) / 1e9


def _module(frame: FrameType | None) -> str:
    """Return the innermost module that counts."""
    if frame is not None and frame.f_code.co_name == "get_events":
        return WAITING
    while frame is not None:
        if found := _MODULE.search(frame.f_code.co_filename):
            return str(found[1] or found[2])
        frame = frame.f_back
    return "other"


if __name__ == "__main__":
    seen = Counter[str]()

    def write(*_: object) -> None:
        """Write the samples, all at once."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        seen.pop(WAITING, None)
        path = Path(os.environ["BENCH_SAMPLES"])
        path.with_suffix(".new").write_bytes(msgspec.json.encode(seen))
        path.with_suffix(".new").rename(path)

    def begin(*_: object) -> None:
        """Let the clock tick."""
        signal.setitimer(signal.ITIMER_PROF, EVERY_SECONDS, EVERY_SECONDS)

    signal.signal(signal.SIGPROF, lambda _number, frame: seen.update([_module(frame)]))
    signal.siginterrupt(signal.SIGPROF, False)  # noqa: FBT003  the standard library takes it by position
    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, write)
    main()
