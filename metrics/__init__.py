"""What the service can report, and how it becomes Prometheus metrics and log lines."""

from __future__ import annotations

import logging

from metrics.facts import Fact, Report

_log = logging.getLogger(__name__)


def fan_out(*reports: Report) -> Report:
    """Return a report that tells all of them. One that raises is logged once, and never harms who reported."""
    failed: set[int] = set()

    def report(fact: Fact) -> None:
        for index, one in enumerate(reports):
            try:
                one(fact)
            except Exception:  # noqa: BLE001  telemetry never stops the work
                if index not in failed:
                    failed.add(index)
                    _log.exception("telemetry failed on %s", type(fact).__name__)

    return report
