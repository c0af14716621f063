"""What the service can report, and how it becomes Prometheus metrics and log lines."""

from __future__ import annotations

import logging

from metrics.facts import Fact, Report

_log = logging.getLogger(__name__)


def fan_out(*reports: Report) -> Report:
    """Return a report that tells all of them. One that raises is logged once, and never harms who reported.

    One that `hears` only some kinds of facts is told no others: those that come with every frame are for few.
    """
    failed: set[int] = set()
    told: dict[type[Fact], list[tuple[int, Report]]] = {}

    def report(fact: Fact) -> None:
        kind = type(fact)
        if kind not in told:
            told[kind] = [(index, one) for index, one in enumerate(reports) if getattr(one, "hears", _everything)(kind)]
        for index, one in told[kind]:
            try:
                one(fact)
            except Exception:  # noqa: BLE001  telemetry never stops the work
                if index not in failed:
                    failed.add(index)
                    _log.exception("telemetry failed on %s", kind.__name__)

    return report


def _everything(_kind: type[Fact]) -> bool:
    return True
