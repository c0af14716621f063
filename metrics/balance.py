"""The balance of a process: what came in is somewhere, to the event. Pure; docs/balance.md explains it.

    waited + received + restored + refilled + replayed
        = stored + skipped + quarantined + expired + dropped + pending + held

Each term is counted or measured where it happens, none is made of the others: so a difference is an event that was lost
without a word, or counted twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from metrics.declarations import Gauge

CAME = (
    "ingestor_events_waited",
    "ingestor_events_received",
    "ingestor_events_restored",
    "ingestor_events_refilled",
    "ingestor_events_replayed",
)
WENT = (
    "ingestor_events_stored",
    "ingestor_events_skipped",
    "ingestor_events_quarantined",
    "ingestor_events_expired",
    "ingestor_events_dropped",
    "ingestor_pending_events",
    "ingestor_held_events",
)

UNACCOUNTED = Gauge(
    "ingestor_events_unaccounted",
    "Events of this process that came in and are nowhere: 0, or something is wrong with the service.",
)


def unaccounted(cells: Callable[[str], Iterable[float]]) -> float:
    """Return the difference, given what gives the cells of a metric."""
    came, went = (sum(sum(cells(name)) for name in names) for names in (CAME, WENT))
    return came - went
