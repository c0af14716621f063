"""The actor that audits at intervals."""

from __future__ import annotations

import time
from collections.abc import Callable

import trio

from ingestor.audit.auditor import DAY_US, Auditor
from ingestor.errors import IngestorError
from metrics import facts
from supervisors import Progress

FIRST_SECONDS = 600.0  # after the start, when gaps have been refilled
INTERVAL_SECONDS = 6 * 3600.0
RETRY_SECONDS = 600.0


class AuditPatrol:
    """Audits the last day every six hours: so a tail that a restart left unproven is compared soon, and again."""

    def __init__(
        self, home: str, auditor: Auditor, report: facts.Report, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.progress = Progress()
        self._home = home
        self._auditor = auditor
        self._report = report
        self._clock_ns = clock_ns

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Audit until cancelled. An audit that can not be done is tried again."""
        task_status.started()
        seconds = FIRST_SECONDS
        while True:
            await trio.sleep(seconds)
            seconds = await self._audit()

    async def _audit(self) -> float:
        now_us = self._clock_ns() // 1000
        try:
            found = await self._auditor.audit(now_us - DAY_US, now_us)
        except IngestorError as error:
            self._report(
                facts.AuditFailed(home=self._home, code=error.code, detail=str(error), retry_seconds=RETRY_SECONDS)
            )
            return RETRY_SECONDS
        self.progress.report()
        self._report(
            facts.AuditDone(
                home=self._home, compared=found.compared, refilled=found.refilled, accounted=found.accounted
            )
        )
        return INTERVAL_SECONDS
