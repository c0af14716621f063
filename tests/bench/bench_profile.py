"""Where the service spends its CPU for an event, module by module, beside a real Home Assistant; weather is on.

The main thread is sampled; of the other threads, which write, only the sum is known. Run it:
`python -m tests.bench.bench_profile`; arguments are the changes a second, and the kind of the database.
"""

from __future__ import annotations

import sys
from typing import cast

from msgspec import Struct

from tests.bench.bench_cost import Both, Kind, Load, both
from tests.bench.sampled import SampledIngestor

SECONDS = 60.0


class Profile(Struct, frozen=True):
    """Microseconds of CPU per event: of the process, of its threads but the main one, and of the latter's modules."""

    load: Load
    events_per_frame: float
    service_us: float
    threads_us: float
    modules_us: dict[str, float]


def measure(pair: Both, load: Load, seconds: float) -> Profile:
    """Profile one window; the service must be a `SampledIngestor`."""
    service = cast("SampledIngestor", pair.service)
    began = service.main_thread_seconds()
    service.sample()
    window = pair.window(load, seconds, seed=1)
    main, samples = service.main_thread_seconds() - began, service.samples()
    each_us = main / sum(samples.values()) / window.events * 1e6
    modules = sorted(((number * each_us, module) for module, number in samples.items()), reverse=True)
    return Profile(
        load=load,
        events_per_frame=window.events / window.frames,
        service_us=window.service_seconds / window.events * 1e6,
        threads_us=max(0.0, window.service_seconds - main) / window.events * 1e6,
        modules_us={module: cost for cost, module in modules},
    )


def table(found: Profile) -> str:
    """Return the figures as lines, the dearest module first."""
    lines = [f"{found.load.rate:g} changes/s, {found.events_per_frame:.1f} a frame: {found.service_us:.1f} us an event"]
    lines += [f"{found.threads_us:8.2f}  threads that write"]
    return "\n".join([*lines, *(f"{cost:8.2f}  {module}" for module, cost in found.modules_us.items())])


def main(rate: str = "3000", kind: str = "embedded") -> None:
    """Print the table."""
    with both(cast("Kind", kind), SampledIngestor) as pair:
        print(table(measure(pair, Load(float(rate)), SECONDS)))  # noqa: T201  a bench prints


if __name__ == "__main__":
    main(*sys.argv[1:3])
